"""Ctrl-C and its kin while a recording is made: the first asks it to end, the second gives it up."""

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

from recorder.log.errors import AuditError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(AuditError):
    """The user ended the program before anything was recorded, with the signal `number`."""

    exit_code = 130
    meaning = "interrupted with ctrl-C (128 + the number of the signal that ended it)"

    def __init__(
        self,
        message: str = "interrupted before the recording began: nothing was recorded",
        number: int = signal.SIGINT,
    ) -> None:
        super().__init__(message)
        self.number = number
        self.exit_code = 128 + number


class Signals:
    """Catches SIGINT, SIGTERM and SIGHUP (the terminal was closed) between `with` and its end; not what nohup ignores.

    They do nothing but count, and make `fd` readable: so that what must not be cut short, removing a
    privileged pod above all, never is. Within `interruptible()` they raise Interrupted.
    """

    def __init__(self) -> None:
        self.count = 0
        self._last: int = signal.SIGINT
        self._may_raise = False

    def __enter__(self) -> "Signals":
        self.fd, self._write = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self._write, False)
        self._before: list[tuple[int, Any]] = [(n, signal.signal(n, self._caught)) for n in _caught_signals()]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before:
            signal.signal(number, handler)
        os.close(self.fd)
        os.close(self._write)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        self._last = number
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, b"\0")
        if self._may_raise:
            self._may_raise = False
            raise self.interrupted()

    def interrupted(self) -> Interrupted:
        """What is raised because of the last signal."""
        return Interrupted(number=self._last)

    def drain(self) -> None:
        """Makes `fd` not readable until the next signal."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.fd, 1 << 10)

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """Raises Interrupted at once if a signal came before, or when one comes."""
        self._may_raise = True
        try:
            if self.count:
                raise self.interrupted()
            yield
        finally:
            self._may_raise = False


def _caught_signals() -> list[signal.Signals]:
    # Under nohup the terminal may go, and the recording is to go on.
    return [n for n in _SIGNALS if n != signal.SIGHUP or signal.getsignal(n) is not signal.SIG_IGN]
