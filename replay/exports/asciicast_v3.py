"""`asciicast-v3`: a cast of version 3 (https://docs.asciinema.org/manual/asciicast/v3), which asciinema 3 plays.

Times are intervals, and the exit code of the session ends it (`x`).
"""

from collections.abc import Iterator

from replay.exports.asciicast import MICROSECOND, about, event
from replay.exports.job import Job
from replay.exports.lines import compact, joined
from replay.exports.moments import moments, size


def export(job: Job) -> Iterator[bytes]:
    """The cast."""
    return joined(_lines(job))


def _lines(job: Job) -> Iterator[str]:
    screen, session = job.of_screen, job.of_screen.session
    cols, rows = size(screen.tty.cols, screen.tty.rows)
    yield compact({"version": 3, "term": {"cols": cols, "rows": rows}, **about(screen)})
    before = 0
    for moment in moments(screen, job.missing):
        # Whole microseconds are subtracted, so that what is rounded off never adds up.
        at = moment.time // MICROSECOND
        yield event(at - before, moment.kind, moment.text)
        before = at
    if session.exit_code is not None:
        ended = (session.over or session.began) - session.began
        yield event(max(ended // MICROSECOND - before, 0), "x", str(session.exit_code))
