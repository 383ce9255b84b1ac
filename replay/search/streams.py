"""Finds a pattern in what went through a terminal: typed, printed, or seen on the screen."""

from collections.abc import Iterator

from recorder.log.reader import Log
from replay.model import Session, Terminal
from replay.plain import PlainText
from replay.search.lines import Found, LineSearch
from replay.search.pattern import Pattern
from replay.search.typed import as_line
from replay.stream import HIDDEN, IN, OUT, Piece, ordered


def in_output(log: Log, session: Session, tty: Terminal, pattern: Pattern, context: int) -> Iterator[Found]:
    """The lines of the raw output that match. Times are ns of CLOCK_MONOTONIC."""
    search = LineSearch(pattern, context)
    for piece in ordered(log.events(session=session.number), tty.number, OUT):
        yield from search.end() if piece.missing else search.feed(piece.data, piece.time)
    yield from search.end()


def in_input(log: Log, session: Session, tty: Terminal, pattern: Pattern, context: int) -> Iterator[Found]:
    """The lines that were typed: as they were meant, or else key by key."""
    search = LineSearch(pattern, context, as_line)
    for piece in ordered(log.events(session=session.number), tty.number, IN):
        if not piece.missing:
            yield from search.feed(piece.data.replace(b"\r", b"\n"), piece.time)
        elif piece.reason != HIDDEN:
            yield from search.end()
    yield from search.end()


def on_screen(log: Log, session: Session, tty: Terminal, pattern: Pattern, context: int) -> Iterator[Found]:
    """The lines as they stood on the screen when they were left."""
    search, plain = LineSearch(pattern, context), PlainText()
    for piece in ordered(log.events(session=session.number), tty.number, OUT):
        yield from search.feed(_text(plain, piece), piece.time)
        if piece.missing:
            yield from search.end()
    yield from search.end()


def _text(plain: PlainText, piece: Piece) -> bytes:
    shown = plain.flush() + "\n" if piece.missing else plain.feed(piece.data)
    return shown.encode("utf-8", "surrogateescape")
