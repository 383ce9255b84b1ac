"""The emulator as seen from here: a child process that answers, or has died."""

import os
import select
import signal
import socket
import sys
import time
import warnings

from replay.screen import protocol

_PATIENCE_SECONDS = 20.0
"""For one answer. A message is 64 KiB at most, which takes a few milliseconds; more than this is no answer at all."""
_AT_ONCE = 64 << 10
"""Bytes of output."""


class EngineDied(Exception):
    """The child process is gone, or does not answer any more."""


class Emulator:
    """A terminal in a child process. Every method raises EngineDied if that is gone; then only `close` is left."""

    def __init__(self, rows: int, cols: int, scrollback: bool = False) -> None:
        self._channel, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            # Python 3.12 warns of threads. The child runs no code but ours, which takes no lock of theirs.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if not self.pid:
            from replay.screen import child

            child.run(theirs)
        theirs.close()
        self._channel.setblocking(False)
        self._ended = False
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._send(protocol.NEW, protocol.SIZE.pack(rows, cols, scrollback))

    def feed(self, data: bytes) -> None:
        """Takes output, already safe. Does not wait for the emulator: a death may show only later."""
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= _AT_ONCE:
            self._pass_on()

    def _pass_on(self) -> None:
        """Sends what was fed: many small pieces in one message."""
        if self._waiting:
            data = b"".join(self._waiting)
            self._waiting, self._waiting_bytes = [], 0
            self._write(protocol.FEED, data)

    def resize(self, rows: int, cols: int) -> None:
        """Another size."""
        self._send(protocol.RESIZE, protocol.SIZE.pack(rows, cols, False))

    def renew(self, rows: int, cols: int, scrollback: bool = False) -> None:
        """A new terminal in place of this one."""
        self._send(protocol.NEW, protocol.SIZE.pack(rows, cols, scrollback))

    def ask(self, kind: bytes) -> bytes:
        """The answer to SYNC, SHOW, TEXT, PAGE or KEYFRAME, once all that was fed is done."""
        self.request(kind)
        return self.answer()

    def request(self, kind: bytes) -> None:
        """Asks that, without waiting for the answer."""
        self._send(kind)

    def answer(self) -> bytes:
        """The answer to a request."""
        _, size = protocol.HEAD.unpack(self._receive(protocol.HEAD.size))
        if size > protocol.MAX_ANSWER:
            raise EngineDied("it answers nonsense")
        return self._receive(size)

    def _send(self, kind: bytes, payload: bytes = b"") -> None:
        self._pass_on()
        self._write(kind, payload)

    def _write(self, kind: bytes, payload: bytes) -> None:
        rest = memoryview(protocol.message(kind, payload))
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while rest:
            try:
                rest = rest[self._channel.send(rest) :]
            except BlockingIOError:
                self._wait(select.POLLOUT, deadline)
            except OSError as error:
                raise EngineDied(str(error)) from error

    def _receive(self, size: int) -> bytes:
        found = bytearray()
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while len(found) < size:
            try:
                data = self._channel.recv(min(size - len(found), 1 << 20))
            except BlockingIOError:
                self._wait(select.POLLIN, deadline)
                continue
            except OSError as error:
                raise EngineDied(str(error)) from error
            if not data:
                raise EngineDied("it ended")
            found += data
        return bytes(found)

    def _wait(self, what: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(self._channel, what)
        if not poll.poll(max(deadline - time.monotonic(), 0) * 1000):
            raise EngineDied("it does not answer")

    def close(self) -> None:
        """Ends the child."""
        if self._ended:
            return
        self._ended = True
        self._channel.close()
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
