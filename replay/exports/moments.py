"""A terminal's recording as what a cast is made of: output, input, sizes and markers, in order of time.

Output has been through the safe filter, since a cast is made to be played on somebody's terminal: of the bytes
as they were there is `raw`.
"""

import codecs
import heapq
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import NamedTuple

from recorder.log.argv import split
from recorder.log.events import Event
from recorder.log.format import PROCESS_LANE
from replay.escape import printable, shell_line
from replay.export import hole_note
from replay.exports.job import Screen
from replay.fields import Enums, data, number
from replay.safe import SafeFilter
from replay.stream import IN, ON_PURPOSE, OUT, Piece, ordered

OUTPUT, INPUT, MARKER, RESIZE = "o", "i", "m", "r"
"""What an event of a cast is, in the letters of both versions."""

ALL_PIPES = 0
"""The number of the terminal that stands for all pipes of a session."""

SIZE = (80, 24)
"""Columns and rows of a terminal of which the recording knows no size."""

_MAX_SIZE = 1000
"""Columns or rows: a player makes room for a whole screen."""
_MAX_LABEL = 200
"""Characters."""


class Moment(NamedTuple):
    """Something that happened `time` ns after the session's first event; of a resize `text` is COLSxROWS."""

    time: int
    kind: str
    text: str


def size(cols: int, rows: int) -> tuple[int, int]:
    """A size that a player can take: SIZE where none is known."""
    return min(cols or SIZE[0], _MAX_SIZE), min(rows or SIZE[1], _MAX_SIZE)


def moments(screen: Screen, missing: Callable[[Piece], None]) -> Iterator[Moment]:
    """All that happened on the terminal, and the commands of its session as markers; times never go back."""
    start, latest = screen.session.began, 0
    streams = (_markers(screen), _sizes(screen), _input(screen, missing), _output(screen, missing))
    for found in heapq.merge(*streams, key=itemgetter(0)):
        latest = max(latest, found.time - start)
        yield found._replace(time=latest)


def _events(screen: Screen, lane: str | None = None) -> Iterator[Event]:
    return screen.log.events(lane, session=screen.session.number)


def _steady(found: Iterable[Moment]) -> Iterator[Moment]:
    """The same with times that never go back: two probes may swap a piece, and merging must not reorder."""
    latest = 0
    for moment in found:
        latest = max(latest, moment.time)
        yield moment._replace(time=latest)


def _output(screen: Screen, missing: Callable[[Piece], None]) -> Iterator[Moment]:
    return _steady(_safe_output(screen, missing))


def _safe_output(screen: Screen, missing: Callable[[Piece], None]) -> Iterator[Moment]:
    safe, enums = SafeFilter(), Enums(screen.log.header)
    for piece in ordered(_events(screen), screen.tty.number, OUT):
        if piece.missing:
            missing(piece)
            yield Moment(piece.time, MARKER, printable(f"!! {hole_note(piece, enums)}"))
        elif passed := safe.feed(piece.data):
            if screen.tty.number == ALL_PIPES:  # no terminal has made line ends of the newlines
                passed = passed.replace(b"\n", b"\r\n")
            yield Moment(piece.time, OUTPUT, passed.decode("utf-8", "replace"))


def _input(screen: Screen, missing: Callable[[Piece], None]) -> Iterator[Moment]:
    def typed() -> Iterator[Moment]:
        decoder, latest = codecs.getincrementaldecoder("utf-8")("replace"), 0  # a character may come in two pieces
        for piece in ordered(_events(screen), screen.tty.number, IN):
            if piece.missing and piece.reason not in ON_PURPOSE:
                missing(piece)
            latest = piece.time
            if shown := decoder.decode(piece.data, final=bool(piece.missing)):
                yield Moment(latest, INPUT, shown)
        if shown := decoder.decode(b"", final=True):
            yield Moment(latest, INPUT, shown)

    return _steady(typed())


def _sizes(screen: Screen) -> Iterator[Moment]:
    known = size(screen.tty.cols, screen.tty.rows)
    for event in _events(screen):
        if event.type == "tty_resize" and number(event, "tty") == screen.tty.number:
            cols, rows = number(event, "cols"), number(event, "rows")
            if cols > 0 < rows and (now := size(cols, rows)) != known:
                known = now
                yield Moment(event.time, RESIZE, "{}x{}".format(*now))


def _markers(screen: Screen) -> Iterator[Moment]:
    for event in _events(screen, PROCESS_LANE):
        if event.type == "exec":
            argv = split(data(event, "argv"))
            shown = shell_line(argv) if argv else printable(data(event, "filename"))
            cut = shown[: _MAX_LABEL - 1] + "…" if len(shown) > _MAX_LABEL else shown
            yield Moment(event.time, MARKER, cut)
