"""`html`: the report, one file that opens offline."""

from collections.abc import Iterator

from replay.exports.job import Job
from replay.page.document import document


def export(job: Job) -> Iterator[bytes]:
    """The page."""
    yield document(job.recording, job.session).encode()
