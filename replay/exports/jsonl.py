"""`jsonl`: every event, one JSON object a line."""

from collections.abc import Iterator

from replay.export import json_lines
from replay.exports.job import Job
from replay.exports.lines import joined


def export(job: Job) -> Iterator[bytes]:
    """The lines, many at a time."""
    return joined(json_lines(job.recording, job.session))
