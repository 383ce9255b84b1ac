"""`raw`: the bytes of one direction of a terminal."""

from collections.abc import Iterator

from replay.export import raw
from replay.exports.job import Job


def export(job: Job) -> Iterator[bytes]:
    """The bytes as they were."""
    screen = job.of_screen
    return raw(screen.log, screen.session.number, screen.tty.number, job.direction, job.missing)
