"""`asciicast`: a cast of version 2 (https://docs.asciinema.org/manual/asciicast/v2), as asciinema 2 and later play.

Besides output it has input (`i`), sizes (`r`), and commands and holes as markers (`m`).
"""

from collections.abc import Iterator
from typing import Any

from replay.clock import SECOND
from replay.escape import printable, shell_line
from replay.exports.job import Job, Screen
from replay.exports.lines import compact, joined, string
from replay.exports.moments import moments, size

MICROSECOND = 1000
"""ns"""
_MAX_COMMAND = 1000
"""Characters."""


def about(screen: Screen) -> dict[str, Any]:
    """What headers of both versions say in the same words."""
    return {
        "timestamp": max(screen.began // SECOND, 0),
        "command": shell_line(screen.session.argv)[:_MAX_COMMAND],
        "title": f"session {screen.number} of {printable(screen.log.path.name)}",
    }


def event(time: int, kind: str, text: str) -> str:
    """The line of an event, `time` in microseconds: asciinema writes and keeps no more, and no exponents."""
    return f'[{time // 1_000_000}.{time % 1_000_000:06},"{kind}",{string(text)}]\n'


def export(job: Job) -> Iterator[bytes]:
    """The cast."""
    return joined(_lines(job))


def _lines(job: Job) -> Iterator[str]:
    screen = job.of_screen
    width, height = size(screen.tty.cols, screen.tty.rows)
    yield compact({"version": 2, "width": width, "height": height, **about(screen)})
    for moment in moments(screen, job.missing):
        yield event(moment.time // MICROSECOND, moment.kind, moment.text)
