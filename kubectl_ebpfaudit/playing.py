"""Where a replay is shown: on this terminal, as plain text, or as it is."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType

from kubectl_ebpfaudit.printing import emit, note
from recorder.log.format import Header
from replay.escape import printable
from replay.export import hole_note
from replay.fields import Enums
from replay.plain import PlainText
from replay.safe import SafeFilter
from replay.stream import Piece
from replay.terminal import Restorer, untouched_output

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
_WAIT_NOTE = b"\x1b7\x1b[999;1H\x1b[0;7m Enter leaves this screen \x1b[0m\x1b8"


class Stage:
    """Shows pieces with `write`, holes with `tell`; counts in `missing` what the holes lack, in bytes."""

    def __init__(
        self,
        header: Header,
        write: Callable[[bytes], None],
        tell: Callable[[str], None],
        finish: Callable[[], None],
    ) -> None:
        self._enums = Enums(header)
        self._write, self._tell, self._finish = write, tell, finish
        self.missing = 0
        self.hold: Callable[[], None] = lambda: None

    def show(self, piece: Piece) -> None:
        """Shows one piece, or says that it is missing."""
        if piece.missing:
            self.missing += piece.missing
            self._tell(printable(hole_note(piece, self._enums)))
        else:
            self._write(piece.data)

    def __enter__(self) -> "Stage":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish()


def _warn(line: str) -> None:
    note(f"warning: {line}")


def raw_stage(header: Header) -> Stage:
    """Passes the bytes as they are."""
    return Stage(header, emit, _warn, lambda: None)


def plain_stage(header: Header) -> Stage:
    """Turns the bytes into plain text."""
    text = PlainText()
    return Stage(header, lambda data: emit(text.feed(data)), _warn, lambda: emit(text.flush()))


def terminal_stage(header: Header, raw: bool) -> Stage:
    """Draws on the terminal that stdout is, and leaves it as it was; `raw`: without the safe filter."""
    restorer, safe = Restorer(), SafeFilter()
    undo = contextlib.ExitStack()
    undo.enter_context(_ended_by_signals())
    undo.enter_context(untouched_output(sys.stdout.fileno()))
    column_0 = True

    def draw(data: bytes) -> None:
        nonlocal column_0
        restorer.feed(data)
        emit(data)
        column_0 = data.endswith(b"\n") if data else column_0

    def write(data: bytes) -> None:
        draw(data if raw else _for_terminal(safe.feed(data)))

    def tell(line: str) -> None:
        emit(f"\r\n\x1b[0;7m {line} \x1b[0m\r\n")

    def finish() -> None:
        with undo:
            emit(restorer.restore(raw) + (b"" if column_0 else b"\r\n"))

    def hold() -> None:
        if restorer.alternate and sys.stdin.isatty():
            emit(_WAIT_NOTE)
            sys.stdin.readline()

    stage = Stage(header, write, tell, finish)
    stage.hold = hold
    return stage


def _for_terminal(data: bytes) -> bytes:
    """`data`, or only its ASCII where the locale is not UTF-8 and other bytes could mean anything."""
    if data.isascii() or (sys.stdout.encoding or "").lower().replace("-", "") == "utf8":
        return data
    return data.decode().encode("ascii", "replace")


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """While it lasts, SIGTERM and SIGHUP end the program by way of its clean-up."""

    def end(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = [(number, signal.signal(number, end)) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
