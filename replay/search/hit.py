"""What a search finds."""

from dataclasses import dataclass, field

from recorder.log.format import Target
from replay.model import Session
from replay.plain import PlainText

ARGV, INPUT, OUTPUT, SCREEN = "argv", "input", "output", "screen"
PLACES = (ARGV, INPUT, OUTPUT, SCREEN)

_BEFORE, _MOST, _MOST_MATCH = 60, 240, 180
"""Characters of a line that are kept before a match, in all, and of a match."""


@dataclass(slots=True)
class Line:
    """An excerpt of a line, as it was recorded; `match` are the places in it where the match begins and ends."""

    text: str
    match: tuple[int, int]
    looks: int = 0
    """The same for lines that look the same on a screen, as a whole."""
    before: list[str] = field(default_factory=list)
    """Lines before it, as many as were asked for, each cut to what can be shown."""
    after: list[str] = field(default_factory=list)

    @property
    def matched(self) -> str:
        return self.text[slice(*self.match)]


@dataclass(slots=True)
class Hit:
    """A line of a session in which the pattern is. Times are ns."""

    number: int
    """Of the session, in the recording."""
    session: Session
    target: Target | None
    time: int
    """Since 1970-01-01 UTC."""
    at: int
    """Since the session's start, as `replay --at` takes it."""
    place: str
    line: Line
    tty: int = 0


def excerpt(line: str, start: int, end: int, cols: int = 0) -> Line:
    """The line around a match, with an ellipsis where it is cut; `cols`: it came out on a terminal of such a width."""
    end = min(end, start + _MOST_MATCH)
    first = max(start - _BEFORE, 0) if len(line) > _MOST else 0
    last = min(first + _MOST, len(line))
    head, tail = "…" * (first > 0), "…" * (last < len(line))
    shift = len(head) - first
    return Line(head + line[first:last] + tail, (start + shift, end + shift), _looks(line, cols))


def _looks(line: str, cols: int) -> int:
    if not (line.isascii() and line.isprintable()):
        plain = PlainText(cols)
        line = plain.feed(line.encode("utf-8", "surrogateescape")) + plain.flush()
    return hash(" ".join(line.split()))


def short(line: str) -> str:
    """A line of the context, cut."""
    return line if len(line) <= _MOST else line[:_MOST] + "…"
