"""Where a replay is shown: on this terminal, as plain text, or as it is."""

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType

from kubectl_ebpfaudit import console
from kubectl_ebpfaudit.colours import wanted
from kubectl_ebpfaudit.printing import emit, note
from kubectl_ebpfaudit.status_line import StatusLine
from kubectl_ebpfaudit.terminals import Found
from recorder.log.format import Header
from recorder.log.reader import Log
from replay.escape import lines, printable
from replay.export import hole_note
from replay.fields import Enums
from replay.following import Following
from replay.model import Terminal
from replay.plain import PlainText, sized
from replay.player import pace
from replay.player.state import Player
from replay.safe import SafeFilter
from replay.stream import ON_PURPOSE, OUT, Piece, ordered
from replay.terminal import Restorer, untouched_output

_LOOK_SECONDS = 0.3
"""Between two looks at a recording that is being made."""
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


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
        self.returns = False
        """Whether lines end with a newline alone, as what no terminal has gone through does."""
        self.resize: Callable[[int], None] | None = None
        """Takes the columns of the terminal, between the pieces, if what is written depends on them."""

    def show(self, piece: Piece) -> None:
        """Shows one piece, or says that it is missing."""
        if piece.missing:
            self.missing += piece.missing if piece.reason not in ON_PURPOSE else 0
            self._tell(printable(hole_note(piece, self._enums)))
        else:
            self._write(piece.data.replace(b"\n", b"\r\n") if self.returns else piece.data)

    def __enter__(self) -> "Stage":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish()


def stage(log: Log, tty: Terminal, raw: bool, on_terminal: bool) -> Stage:
    """Where output of a terminal goes that nobody steers with keys."""
    if on_terminal and (raw or not sys.stdin.isatty()) and not console.is_dumb():
        return terminal_stage(log.header, raw)
    return raw_stage(log.header) if raw else plain_stage(log.header, tty.cols)


def watch(chosen: Found, player: Player) -> int:
    """Plays with keys, until somebody quits; gives how many bytes are missing in what was played. Raises BadLog."""
    from kubectl_ebpfaudit import watching

    done = watching.watch(chosen, player, chosen.session.terminals.index(chosen.tty))
    if done.problem:
        raise done.problem
    return sum(done.missing.values())


def follow(chosen: Found, stage: Stage, start: int | None, end: int | None) -> None:
    """Shows what a session prints as it is recorded, until the recording or, in ns since the session began, `end`.

    From `start` on; None: from now on.
    """
    log, session = chosen.part.log, chosen.session
    events = Following(log, session.number, lambda: time.sleep(_LOOK_SECONDS))
    told = sized(events, chosen.tty.number, stage.resize) if stage.resize else events
    pieces = (piece for piece in ordered(told, chosen.tty.number, OUT) if start is not None or events.live)
    dues = pace.since(pace.since_start(pieces, session.began), start or 0)
    # All is due at once: it is as late as it should be.
    pace.play(pace.accelerate(pace.between(dues, 0, end), pace.MAX), stage.show)
    chosen.part.damage = log.damage


def show_screen(chosen: Found, at: int) -> int:
    """Prints the screen at a time, ns since the session began; gives how many bytes are missing up to there."""
    from kubectl_ebpfaudit import caches
    from replay.player import paint
    from replay.screen.screens import Screens

    with Screens(chosen.part.log, chosen.session, chosen.tty, caches.screens()) as screens:
        with progress() as show:
            for way in screens.seek(at):
                show(way * 100 // max(at, 1))
        screen = screens.display.screen()
        if screens.reel.problem:
            raise screens.reel.problem
        missing = sum(screens.holes.values())
    emit(paint.lines(screen) if wanted(sys.stdout) else f"{screen.text}\n" if screen.text else "")
    if screen.note:
        note(f"warning: {screen.note}")
    return missing


@contextlib.contextmanager
def progress() -> Iterator[Callable[[int], None]]:
    """Takes percents and shows them, if standard error is a terminal."""
    line = StatusLine(sys.stderr)
    began = time.monotonic()

    def show(percent: int) -> None:
        if sys.stderr.isatty() and time.monotonic() - began > 1:
            line.show(f"making screens: {min(percent, 100)} %")

    yield show
    line.clear()


def _warn(line: str) -> None:
    note(f"warning: {line}")


def raw_stage(header: Header) -> Stage:
    """Passes the bytes as they are."""
    return Stage(header, emit, _warn, lambda: None)


def plain_stage(header: Header, cols: int) -> Stage:
    """Turns the bytes into plain text; what would move or hide other text is written as an escape."""
    text = PlainText(cols)
    stage = Stage(header, lambda data: emit(lines(text.feed(data))), _warn, lambda: emit(lines(text.flush())))
    stage.resize = text.resize
    return stage


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

    return Stage(header, write, tell, finish)


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
