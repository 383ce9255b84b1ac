"""Finds a pattern in what stood on the screen of a terminal."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from recorder.log.reader import Log
from replay.model import Session, Terminal
from replay.plain import PlainText
from replay.screen.reel import Item, Reel
from replay.search.hit import Line, excerpt, short
from replay.search.lines import Found, LineSearch
from replay.search.pattern import Pattern

if TYPE_CHECKING:
    from replay.screen.changes import Change

_SMALL = 1 << 20
"""Bytes of output."""

MOVES = re.compile(rb"\x1b(?:\[[0-9;]*[ABEFHdfLMSTr]|\[\?(?:47|1047|1049)h|[78DEM])")
"""What moves the cursor to another line, or changes the screen."""


def on_screen(log: Log, session: Session, tty: Terminal, pattern: Pattern, context: int) -> Iterator[Found]:
    """The lines of the screen that match, at the moment they first did; times are ns of CLOCK_MONOTONIC.

    A line that only grows, as under the hands of somebody who types, is given once, as it was in the end.
    """
    items = _all(Reel(log, session, tty.number))
    if items is not None and not MOVES.search(b"".join(item.data for item in items)):
        yield from _in_lines(items, session.began, tty.cols, pattern, context)
        return
    from replay.screen.changes import changes  # it starts a process, which few searches need

    growing = _Growing()
    for change in changes(log, session, tty):
        growing.move_on(change)
        for place, line, shown in _matching(change, pattern, context):
            growing.add(place, line, session.began + change.at, shown)
        yield from growing.settle(change.scrolled)
    yield from growing.settle()


def _all(items: Iterable[Item]) -> list[Item] | None:
    """All of them, None if they are large."""
    found, size = [], 0
    for item in items:
        size += len(item.data)
        if size > _SMALL:
            return None
        found.append(item)
    return found


def _in_lines(items: list[Item], began: int, cols: int, pattern: Pattern, context: int) -> Iterator[Found]:
    """The same where lines were only written and edited in their places: a screen for each small session takes long."""
    search, plain = LineSearch(pattern, context), PlainText(cols)
    for item in items:
        if item.size:
            plain.resize(item.size[1])
            continue
        shown = plain.flush() + "\n" if item.missing else plain.feed(item.data)
        yield from search.feed(shown.encode("utf-8", "surrogateescape"), began + item.time)
        if item.missing:
            yield from search.end()
    if items:
        yield from search.feed(plain.flush().encode("utf-8", "surrogateescape"), began + items[-1].time)
    yield from search.end()


class _Standing(NamedTuple):
    line: str
    found: Found


class _Growing:
    """The lines that were found and still stand on the screen: only these may grow, so there are never many."""

    def __init__(self) -> None:
        self._standing: dict[int, _Standing] = {}
        self._changed: dict[int, _Standing] = {}
        """Those that no longer stand where they did. Both are by places, as a change has them."""

    def move_on(self, change: "Change") -> None:
        """Sees which lines stand no more as they did."""
        changed = set(change.places)
        for place, one in list(self._standing.items()):
            now = place - change.scrolled
            if place in changed or (now >= 0 and change.screen[now : now + 1] != [one.line]):
                self._changed[place] = self._standing.pop(place)

    def add(self, place: int, line: str, time: int, shown: Line) -> None:
        """Takes a line that matches: since `time`, or since one that it has grown out of did, which is the nearest."""
        origins = (at for at, one in self._changed.items() if line.startswith(one.line))
        origin = min(origins, key=lambda at: abs(at - place), default=None)
        time = time if origin is None else self._changed.pop(origin).found.time
        self._standing[place] = _Standing(line, Found(time, shown))

    def settle(self, scrolled: int | None = None) -> Iterator[Found]:
        """Gives those that can grow no more: what is gone, and what has scrolled out; of None all has."""
        yield from (one.found for one in self._changed.values())
        standing, self._standing, self._changed = self._standing, {}, {}
        for place, one in standing.items():
            if scrolled is None or place < scrolled:
                yield one.found
            else:
                self._standing[place - scrolled] = one


def _matching(change: "Change", pattern: Pattern, context: int) -> Iterator[tuple[int, str, Line]]:
    """The new lines that match: where each stands, itself, and what is shown of it."""
    text, lines = "\n".join(change.lines), change.lines
    number = passed = 0
    for span in pattern.lines(text):
        number += text.count("\n", passed, span.start)
        passed = span.start
        line = excerpt(lines[number], span.match_start, span.match_end)
        if context:
            line.before = [short(one) for one in lines[max(number - context, 0) : number]]
            line.after = [short(one) for one in lines[number + 1 : number + 1 + context]]
        yield change.places[number], lines[number], line
