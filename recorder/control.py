"""The recorder's control socket: who reads its log, and what they ask for.

A client connects and sends lines: `stop` asks for the end of the log, `done` says that it has every
byte of it. The recorder sends `end SIZE` when the log has ended with SIZE bytes.
"""

import os
import select
import socket
import time
from pathlib import Path

NAME = "control"
MAX_LINE = 4096


class Control:
    """Listens at `folder`/control. Not blocking: `wait` is the only call that takes time."""

    def __init__(self, folder: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        path = folder / NAME
        path.unlink(missing_ok=True)
        self._listener.bind(os.fspath(path))
        self._listener.listen(16)
        self._poller = select.poll()
        self._poller.register(self._listener, select.POLLIN)
        self._clients: dict[int, tuple[socket.socket, bytearray]] = {}
        self._end: bytes | None = None
        self._last_client = time.monotonic()
        self.stop_asked = False
        self.served = False

    def watch(self, fd: int) -> None:
        """Lets `wait` end when `fd` becomes readable, too."""
        self._poller.register(fd, select.POLLIN)

    @property
    def clients(self) -> int:
        """How many are connected."""
        return len(self._clients)

    @property
    def idle_seconds(self) -> float:
        """Seconds since somebody was connected."""
        return 0.0 if self._clients else time.monotonic() - self._last_client

    def wait(self, seconds: float) -> None:
        """Waits until something happens, at most `seconds`, and takes note of it."""
        for fd, _ in self._poller.poll(seconds * 1000):
            if fd == self._listener.fileno():
                self._accept()
            elif fd in self._clients:
                self._read(fd)

    def announce_end(self, size: int) -> None:
        """Tells those who are and will be connected that the log has ended with `size` bytes."""
        self._end = f"end {size}\n".encode()
        for fd in list(self._clients):
            self._send_end(fd)

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:  # gone again, or no descriptors left
            return
        client.setblocking(False)
        self._clients[client.fileno()] = (client, bytearray())
        self._poller.register(client, select.POLLIN)
        if self._end:
            self._send_end(client.fileno())

    def _send_end(self, fd: int) -> None:
        try:
            self._clients[fd][0].sendall(self._end or b"")
        except OSError:  # gone; its end of file follows
            return

    def _read(self, fd: int) -> None:
        client, buffer = self._clients[fd]
        try:
            data = client.recv(MAX_LINE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        buffer += data
        *lines, rest = bytes(buffer).split(b"\n")
        buffer[:] = rest[:MAX_LINE]
        self.stop_asked |= b"stop" in lines
        self.served |= self._end is not None and b"done" in lines
        if not data:
            self._poller.unregister(fd)
            client.close()
            del self._clients[fd]
            self._last_client = time.monotonic()
