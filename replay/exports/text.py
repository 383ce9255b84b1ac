"""`text`: what came onto the screen as a transcript, a line each with its time, and the commands where they started."""

import heapq
from collections.abc import Iterator
from typing import NamedTuple

from replay.clock import rfc3339, time_of_day
from replay.escape import printable, shell_line
from replay.exports.job import Job
from replay.player.story import Story
from replay.screen.changes import changes
from replay.stream import Piece

_COMMAND = "» "
"""Before a command."""
_HOLE = "!! "
_SPAN = 1_000_000
"""ns. A program that starts prints later than that: what was typed stays before it."""


class _Entry(NamedTuple):
    """A line at a time; what is on the screen may still `grow`: a line that is being typed or drawn."""

    at: int
    order: int
    text: str
    grows: bool = False


def export(job: Job) -> Iterator[bytes]:
    """The transcript, as UTF-8."""
    screen = job.of_screen
    story = Story(screen.log, screen.session, screen.tty, screen.number)
    start = story.wall(0)
    yield (f"# session {screen.number}: {shell_line(screen.session.argv)}, began {rfc3339(start)}\n").encode()
    commands = (_Entry(command.at, 0, _COMMAND + command.text) for command in story.commands)
    # At the same time, what ran comes before what it printed.
    entries = heapq.merge(commands, _screens(job), key=lambda entry: entry[:2])
    for entry in _settled(entries):
        yield f"{time_of_day(story.wall(entry.at), start)}  {entry.text}\n".encode()


def _screens(job: Job) -> Iterator[_Entry]:
    screen = job.of_screen
    for change in changes(screen.log, screen.session, screen.tty, _SPAN):
        for hole in change.holes:
            job.missing(Piece(screen.session.began + hole.time, hole.offset, b"", hole.missing, hole.reason))
            yield _Entry(change.at, 1, f"{_HOLE}{hole.missing:,} bytes of output are missing here")
        for line in change.lines:
            yield _Entry(change.at, 2, printable(line), grows=True)


def _settled(entries: Iterator[_Entry]) -> Iterator[_Entry]:
    """The same without the states in which a line was while it was typed: it has the time at which it began."""
    open_line: _Entry | None = None
    for entry in entries:
        if not entry.grows:
            if open_line:
                yield open_line
            open_line = None
            yield entry
        elif open_line and _same_line(open_line.text, entry.text):
            open_line = entry._replace(at=open_line.at)
        else:
            if open_line:
                yield open_line
            open_line = entry
    if open_line:
        yield open_line


def _same_line(before: str, after: str) -> bool:
    """Whether one is the other with more at its end: typing, and taking back."""
    return before.startswith(after) or after.startswith(before)
