"""Finds a pattern in what went through a terminal or pipe: typed or printed."""

from collections.abc import Iterator

from recorder.log.reader import Log
from replay.model import Session
from replay.search.lines import Found, LineSearch
from replay.search.pattern import Pattern
from replay.search.typed import as_line
from replay.stream import HIDDEN, IN, OUT, ordered


def in_output(log: Log, session: Session, number: int, pattern: Pattern, context: int) -> Iterator[Found]:
    """The lines of the raw output of a terminal or pipe that match. Times are ns of CLOCK_MONOTONIC."""
    cols = next((tty.cols for tty in session.terminals if tty.number == number), 0)
    search = LineSearch(pattern, context, cols=cols)
    for piece in ordered(log.events(session=session.number), number, OUT):
        yield from search.end() if piece.missing else search.feed(piece.data, piece.time)
    yield from search.end()


def in_input(log: Log, session: Session, number: int, pattern: Pattern, context: int) -> Iterator[Found]:
    """The lines that were typed: as they were meant, or else key by key."""
    search = LineSearch(pattern, context, as_line)
    for piece in ordered(log.events(session=session.number), number, IN):
        if not piece.missing:
            yield from search.feed(piece.data.replace(b"\r", b"\n"), piece.time)
        elif piece.reason != HIDDEN:
            yield from search.end()
    yield from search.end()
