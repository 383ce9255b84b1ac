"""Finds a pattern in what stood on the screen of a terminal."""

import re
from collections.abc import Iterable, Iterator

from recorder.log.reader import Log
from replay.model import Session, Terminal
from replay.plain import PlainText
from replay.screen.reel import Item, Reel
from replay.search.hit import Line, excerpt, short
from replay.search.lines import Found, LineSearch
from replay.search.pattern import Pattern, Span

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

    growing: dict[str, Found] = {}
    for change in changes(log, session, tty):
        text = "\n".join(change.lines)
        before, growing = growing, {}
        for span in pattern.lines(text):
            line = text[span.start : span.end]
            known = next((key for key in before if line.startswith(key)), None)
            time = session.began + change.at if known is None else before.pop(known).time
            growing[line] = Found(time, _line(text, span, context))
        yield from before.values()
    yield from growing.values()


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


def _line(text: str, span: Span, context: int) -> Line:
    line = excerpt(text[span.start : span.end], span.match_start, span.match_end)
    if context:
        line.before = [short(one) for one in text[: max(span.start - 1, 0)].split("\n")[-context:] if span.start]
        line.after = [short(one) for one in text[span.end + 1 :].split("\n")[:context] if span.end < len(text)]
    return line
