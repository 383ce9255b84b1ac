"""The terminal that the player has: its keys, its size, its signals, and its way back to what it was."""

import contextlib
import os
import select
import signal
import socket
import sys
import termios
from collections.abc import Callable
from types import FrameType, TracebackType

from kubectl_ebpfaudit.printing import emit
from replay.player.paint import ENTER, LEAVE

_END = (signal.SIGTERM, signal.SIGHUP)
_DUMB = ("", "dumb", "unknown")


def is_dumb() -> bool:
    """Whether the terminal cannot move its cursor."""
    return os.environ.get("TERM", "") in _DUMB


def is_usable() -> bool:
    """Whether standard input and output are a terminal on which one can draw."""
    return sys.stdin.isatty() and sys.stdout.isatty() and not is_dumb()


class Console:
    """Use it in a `with`: whatever ends that, the terminal is as it was. ctrl-Z stops the program as usual.

    SIGTERM and SIGHUP end the program by way of this clean-up, ctrl-C with KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self._in, self._out = sys.stdin.fileno(), sys.stdout.fileno()
        self._woken, self._waker = socket.socketpair()
        for end in (self._woken, self._waker):
            end.setblocking(False)
        self._before: dict[int, object] = {}
        self.stale = True
        """Whether the terminal may show something else than what was drawn: it was resized, or we were stopped."""

    def __enter__(self) -> "Console":
        self._attributes = termios.tcgetattr(self._in)
        self._wakeup = signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in _END:
            self._handle(number, self._end)
        self._handle(signal.SIGWINCH, self._resized)
        self._handle(signal.SIGTSTP, self._stop)
        self._take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(termios.error, OSError):  # a terminal that is gone needs nothing
            self._give_back()
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._woken.close()
        self._waker.close()

    def _handle(self, number: int, handler: Callable[[int, FrameType | None], None]) -> None:
        self._before[number] = signal.signal(number, handler)

    def _take(self) -> None:
        mode = termios.tcgetattr(self._in)
        mode[1] &= ~termios.OPOST
        mode[3] &= ~(termios.ECHO | termios.ICANON)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self._in, termios.TCSADRAIN, mode)
        emit(ENTER)
        self.stale = True

    def _give_back(self) -> None:
        os.write(self._out, LEAVE)
        termios.tcsetattr(self._in, termios.TCSAFLUSH, self._attributes)

    def _end(self, number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    def _resized(self, number: int, frame: FrameType | None) -> None:
        self.stale = True

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._give_back()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        # Somebody has continued us.
        signal.signal(number, self._stop)
        self._take()

    def size(self) -> tuple[int, int]:
        """Rows, columns; 24x80 if the terminal does not tell."""
        with contextlib.suppress(OSError):
            found = os.get_terminal_size(self._out)
            if found.lines and found.columns:
                return found.lines, found.columns
        return 24, 80

    def read(self, seconds: float | None) -> bytes:
        """What was typed, waiting for it at most so long; empty if nothing was, or a signal came.

        Raises EOFError when the terminal is gone.
        """
        poll = select.poll()
        poll.register(self._in, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        ready = dict(poll.poll(None if seconds is None else seconds * 1000))
        if self._woken.fileno() in ready:
            with contextlib.suppress(BlockingIOError):
                self._woken.recv(4096)
        if self._in not in ready:
            return b""
        try:
            data = os.read(self._in, 1024)
        except OSError as error:
            raise EOFError from error
        if not data:
            raise EOFError
        return data
