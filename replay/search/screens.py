"""Finds a pattern in what stood on the screen of a terminal."""

from collections.abc import Iterator

from recorder.log.reader import Log
from replay.model import Session, Terminal
from replay.search.hit import Line, excerpt, short
from replay.search.lines import Found
from replay.search.pattern import Pattern, Span


def on_screen(log: Log, session: Session, tty: Terminal, pattern: Pattern, context: int) -> Iterator[Found]:
    """The lines of the screen that match, at the moment they first did; times are ns of CLOCK_MONOTONIC.

    A line that only grows, as under the hands of somebody who types, is given once, as it was in the end.
    """
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


def _line(text: str, span: Span, context: int) -> Line:
    line = excerpt(text[span.start : span.end], span.match_start, span.match_end)
    if context:
        line.before = [short(one) for one in text[: max(span.start - 1, 0)].split("\n")[-context:] if span.start]
        line.after = [short(one) for one in text[span.end + 1 :].split("\n")[:context] if span.end < len(text)]
    return line
