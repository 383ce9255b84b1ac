"""The recorder's control socket: who reads its log, and what they ask for.

A client connects and sends lines:

    stop          end the log
    gone          end the log, since nothing of what is recorded will come back
    ack OFFSET    all bytes of the log before OFFSET are where they belong
    target JSON   watch this container, too; or: this is more of what is known of it
    done          all bytes of a log that has ended have arrived
    status        say how it goes; whoever asks does not count as a client

The recorder sends `end SIZE` when the log has ended with SIZE bytes, and `status JSON`.
"""

import json
import os
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAME = "control"
MAX_LINE = 1 << 18
"""Bytes of a line, its end included: a target has labels."""

_PIECE = 1 << 16


class _Client:
    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.buffer = bytearray()
        self.looks_only = False


class Control:
    """Listens at `folder`/control. Not blocking: `wait` is the only call that takes time.

    `status` gives what is answered to who asks for it. What was asked for waits in `targets`, `acknowledged`,
    `stop_asked` and `gone_asked`.
    """

    def __init__(self, folder: Path, status: Callable[[], dict[str, Any]] = dict) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        path = folder / NAME
        path.unlink(missing_ok=True)
        self._listener.bind(os.fspath(path))
        self._listener.listen(16)
        self._poller = select.poll()
        self._poller.register(self._listener, select.POLLIN)
        self._clients: dict[int, _Client] = {}
        self._status = status
        self._end: bytes | None = None
        self._size = 0
        self._last_client = time.monotonic()
        self._had_client = False
        self.stop_asked = self.gone_asked = self.served = False
        self.acknowledged = 0
        self.targets: list[str] = []

    def watch(self, fd: int) -> None:
        """Lets `wait` end when `fd` becomes readable, too."""
        self._poller.register(fd, select.POLLIN)

    @property
    def clients(self) -> int:
        """How many are connected to read the log."""
        return sum(not client.looks_only for client in self._clients.values())

    @property
    def idle_seconds(self) -> float:
        """Seconds since somebody was connected."""
        return 0.0 if self.clients else time.monotonic() - self._last_client

    def is_abandoned(self, seconds: float, first: float) -> bool:
        """Whether nobody was connected for so long; `first` counts until somebody was."""
        return self.idle_seconds >= (seconds if self._had_client else first)

    def wait(self, seconds: float) -> None:
        """Waits until something happens, at most `seconds`, and takes note of it."""
        for fd, _ in self._poller.poll(seconds * 1000):
            if fd == self._listener.fileno():
                self._accept()
            elif fd in self._clients:
                self._read(self._clients[fd])

    def announce_end(self, size: int) -> None:
        """Tells those who are and will be connected that the log has ended with `size` bytes."""
        self._end, self._size = f"end {size}\n".encode(), size
        self.served |= self.acknowledged >= size
        for client in list(self._clients.values()):
            _send(client, self._end)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # gone again, or no descriptors left
            return
        connection.setblocking(False)
        client = self._clients[connection.fileno()] = _Client(connection)
        self._poller.register(connection, select.POLLIN)
        if self._end:
            _send(client, self._end)

    def _read(self, client: _Client) -> None:
        try:
            data = client.connection.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        client.buffer += data
        *lines, rest = bytes(client.buffer).split(b"\n")
        client.buffer[:] = rest[:MAX_LINE]
        for line in lines:
            self._hear(client, line)
        if not data:
            fd = client.connection.fileno()
            self._poller.unregister(fd)
            client.connection.close()
            del self._clients[fd]
            if not client.looks_only:
                self._last_client, self._had_client = time.monotonic(), True

    def _hear(self, client: _Client, line: bytes) -> None:
        word, _, rest = line.partition(b" ")
        if word == b"stop":
            self.stop_asked = True
        elif word == b"gone":
            self.gone_asked = True
        elif word == b"ack" and rest.isdigit():
            self.acknowledged = max(self.acknowledged, int(rest[:20]))
            self.served |= self._end is not None and self.acknowledged >= self._size
        elif word == b"target":
            self.targets.append(rest.decode(errors="replace"))
        elif word == b"done":
            self.served |= self._end is not None
        elif word == b"status":
            client.looks_only = True
            _send(client, b"status " + json.dumps(self._status()).encode() + b"\n")


def _send(client: _Client, data: bytes) -> None:
    try:
        client.connection.sendall(data)
    except OSError:  # gone; its end of file follows
        return
