"""A terminal with a program in it, as a user has one: the ground truth for what a session showed."""

import errno
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType

_CHUNK = 65536
_SECONDS = float(os.environ.get("EBPFAUDIT_TEST_SECONDS", "60"))
"""How long is waited for what has to come. tests/guest/inside.py has more patience."""


class Terminal:
    """Runs `argv` under a pseudo terminal and keeps every byte that it prints.

    Output processing (OPOST) is off, so that nothing turns \\n into \\r\\n between the program and `output`:
    what a recorder saw at the far end of a `kubectl exec -it` compares directly. A program that wants it may
    turn it on. Use it in a `with`; on leaving, the terminal hangs up and the program ends.
    """

    def __init__(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, rows: int = 24, cols: int = 80
    ) -> None:
        self._output = bytearray()
        self.sent = b""
        self._seen = self._handed_out = 0
        self._hung_up = False
        self._master, slave = os.openpty()
        try:
            _without_output_processing(slave)
            self.resize(rows, cols)
            os.set_blocking(self._master, False)
            # --ctty makes the terminal the controlling one: ctrl-C is a signal, resizing sends SIGWINCH.
            self._program = subprocess.Popen(
                ["setsid", "--ctty", *argv],
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env={"TERM": "xterm-256color", **(os.environ if env is None else env)},
            )
        except BaseException:
            os.close(self._master)
            raise
        finally:
            os.close(slave)
        self._ended = os.pidfd_open(self._program.pid)

    @property
    def output(self) -> bytes:
        """Every byte that the program has printed so far."""
        return bytes(self._output)

    @property
    def pid(self) -> int:
        return self._program.pid

    def send(self, data: bytes) -> None:
        """Types all of `data`, reading what comes meanwhile: without a reader some programs take no input."""
        deadline = _Deadline(_SECONDS)
        left = memoryview(data)
        while left:
            self._wait(select.POLLIN | select.POLLOUT, deadline, f"sending the last {len(left)} bytes")
            try:
                count = os.write(self._master, left)
            except BlockingIOError:
                continue
            self.sent += left[:count]
            left = left[count:]

    def expect(self, pattern: bytes | re.Pattern[bytes], timeout: float = _SECONDS) -> re.Match[bytes]:
        """Reads until `pattern` comes, after the previous match; TimeoutError and EOFError tell what came."""
        wanted = re.compile(re.escape(pattern)) if isinstance(pattern, bytes) else pattern
        deadline = _Deadline(timeout)
        while not (match := wanted.search(self._output, self._seen)):
            if self._hung_up:
                raise EOFError(f"the program ended without {wanted.pattern!r}, after {self._news()!r}")
            self._wait(select.POLLIN, deadline, f"waiting for {wanted.pattern!r}")
        self._seen = match.end()
        return match

    def read(self, seconds: float) -> bytes:
        """What has come since the last `read`; waits for more, and gives b"" if nothing comes within this time.

        Raises EOFError when the program has ended and all has been read.
        """
        if self._hung_up and self._handed_out == len(self._output):
            raise EOFError("the program has ended")
        if not self._hung_up:
            with suppress(TimeoutError):
                self._wait(select.POLLIN, _Deadline(seconds), "reading")
        news = bytes(self._output[self._handed_out :])
        self._handed_out += len(news)
        return news

    def resize(self, rows: int, cols: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def signal(self, number: signal.Signals) -> None:
        self._program.send_signal(number)

    def wait(self, timeout: float = _SECONDS) -> int:
        """The program's exit code (negative: the signal that ended it), once all that it wrote is read."""
        deadline = _Deadline(timeout)
        while not self._has_ended():
            self._wait(select.POLLIN, deadline, "waiting for the program to end")
        # Its last bytes may be unread yet. A process that it left behind may go on: it is not waited for.
        while not self._hung_up and _events(self._master, select.POLLIN, 0):
            self._read()
        return self._program.wait()

    def close(self) -> None:
        """Hangs up, and kills the program if that does not end it."""
        if self._master < 0:
            return
        os.close(self._master)
        self._master = -1
        try:
            self._program.wait(5)
        except subprocess.TimeoutExpired:
            self._program.kill()
            self._program.wait()
        os.close(self._ended)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _has_ended(self) -> bool:
        return bool(_events(self._ended, select.POLLIN, 0))

    def _wait(self, wanted: int, deadline: "_Deadline", doing: str) -> None:
        """Waits until there is something to read, room to write or no program; reads what there is."""
        poll = select.poll()
        if not self._hung_up:
            poll.register(self._master, wanted)
        elif wanted & select.POLLOUT:
            raise EOFError(f"the program ended while {doing}, after {self._news()!r}")
        poll.register(self._ended, select.POLLIN)
        ready = dict(poll.poll(deadline.left() * 1000))
        if not ready:
            raise TimeoutError(f"{deadline.seconds} s passed {doing}, after {self._news()!r}")
        if ready.get(self._master, 0) & (select.POLLIN | select.POLLHUP):
            self._read()
        elif not self._hung_up and self._ended in ready and not ready.get(self._master):
            # The program is gone. What it wrote between the poll of the terminal and its end is read first; who
            # else holds the terminal open is none of ours.
            if _events(self._master, select.POLLIN, 0):
                self._read()
            else:
                self._hung_up = True

    def _read(self) -> None:
        try:
            data = os.read(self._master, _CHUNK)
        except OSError as error:
            if error.errno != errno.EIO:  # Linux's way to say that nobody holds the other end any more
                raise
            data = b""
        self._hung_up = not data
        self._output += data

    def _news(self) -> bytes:
        return bytes(self._output[max(self._seen, len(self._output) - 2000) :])


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        return max(0.0, self._end - time.monotonic())


def _events(fd: int, wanted: int, seconds: float) -> int:
    poll = select.poll()
    poll.register(fd, wanted)
    return dict(poll.poll(seconds * 1000)).get(fd, 0)


def _without_output_processing(fd: int) -> None:
    attributes = termios.tcgetattr(fd)
    # ONLCR, too: runc turns OPOST on again in its own terminal.
    attributes[1] &= ~(termios.OPOST | termios.ONLCR)
    termios.tcsetattr(fd, termios.TCSANOW, attributes)
