"""What was on a screen and what was typed, as lines with their times: for the search of a page, and for reading."""

import base64
import gzip
import heapq
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from replay.clock import SECOND
from replay.escape import printable
from replay.exports.job import Screen
from replay.exports.moments import ALL_PIPES, INPUT, OUTPUT
from replay.page.markup import element
from replay.plain import PlainText, sized
from replay.screen.changes import changes
from replay.search.screens import MOVES
from replay.search.typed import as_line
from replay.stream import IN, OUT, ordered

MAX_CHARACTERS = 4 << 20
"""In a page, over all terminals."""
MAX_DRAWN = 50
"""Terminals of a page whose screens are drawn."""
_MAX_LINE = 1000
_MAX_DRAWN = 8 << 20
"""Bytes of output. Screens of more than that would take long to draw: of these come the pieces that were drawn."""
_SPAN = SECOND // 4
"""What was on a full screen for less than that nobody has read."""
_MS = SECOND // 1000
_LINE_ENDS = re.compile(r"[\r\n\x03\x04]")


class Line(NamedTuple):
    """A line on the screen, or one that was typed, `at` ns after the session began; it may hold anything."""

    at: int
    kind: str
    text: str


@dataclass
class Transcript:
    """The lines of a terminal for the page: `used` characters in `lines` lines; `left_out` lines had no room."""

    used: int
    lines: int
    left_out: int
    drawn: bool
    data: str
    """The block of the page that holds them."""


def transcript(screen: Screen, name: str, room: int, may_draw: bool) -> Transcript:
    """The transcript of a terminal, with at most `room` characters; `may_draw`: of its screens, if it takes that."""
    packed = io.BytesIO()
    used = count = left_out = 0
    before, drawn = "", may_draw and _is_drawn(screen)
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6, mtime=0) as file:
        file.write(b"[")
        for line in heapq.merge(_steady(_shown(screen, drawn)), _steady(_typed(screen)), key=lambda line: line.at):
            text = printable(line.text).strip()
            if not text or (line.kind + text) == before:
                continue
            if used + len(text) > room:
                left_out += 1
                continue
            before, used = line.kind + text, used + len(text)
            file.write(b"," * bool(count) + json.dumps([line.at // _MS, line.kind, text]).encode())
            count += 1
        file.write(b"]")
    block = element("script", base64.b64encode(packed.getvalue()).decode(), type="application/gzip", id=f"text-{name}")
    return Transcript(used, count, left_out, drawn, block)


def _steady(found: Iterable[Line]) -> Iterator[Line]:
    """The same with times that never go back, and in parts where a line is long."""
    latest = 0
    for line in found:
        latest = max(latest, line.at)
        for place in range(0, len(line.text), _MAX_LINE):
            yield Line(latest, line.kind, line.text[place : place + _MAX_LINE])


def _shown(screen: Screen, drawn: bool) -> Iterator[Line]:
    if drawn:
        for change in changes(screen.log, screen.session, screen.tty, _SPAN):
            for text in change.lines:
                yield Line(change.at, OUTPUT, text)
        return
    plain, last = PlainText(screen.tty.cols), 0
    events = sized(screen.log.events(session=screen.session.number), screen.tty.number, plain.resize)
    for piece in ordered(events, screen.tty.number, OUT):
        last = piece.time - screen.session.began
        shown = plain.flush() if piece.missing else plain.feed(piece.data)
        for text in shown.split("\n"):
            yield Line(last, OUTPUT, text)
    yield Line(last, OUTPUT, plain.flush())


def _is_drawn(screen: Screen) -> bool:
    """Whether its output went to places on the screen, and is not too much to be drawn."""
    if screen.tty.number == ALL_PIPES or screen.tty.output_bytes > _MAX_DRAWN:
        return False
    events = screen.log.events(session=screen.session.number)
    return any(MOVES.search(piece.data) for piece in ordered(events, screen.tty.number, OUT))


def _typed(screen: Screen) -> Iterator[Line]:
    """Each line at the time of its last key."""
    line, at = "", 0
    for piece in ordered(screen.log.events(session=screen.session.number), screen.tty.number, IN):
        at = piece.time - screen.session.began
        *whole, line = _LINE_ENDS.split(line + piece.data.decode("utf-8", "replace"))
        for text in whole:
            yield Line(at, INPUT, as_line(text))
        if len(line) > _MAX_LINE:
            yield Line(at, INPUT, as_line(line))
            line = ""
    yield Line(at, INPUT, as_line(line))
