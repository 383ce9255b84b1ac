"""What the reader of a large recording sees while it is exported."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kubectl_ebpfaudit.status_line import StatusLine, size
from replay.recording import Recording

_LARGE = 4_000_000
"""Bytes of logs that take over a second to read."""


@contextmanager
def told(recording: Recording, put: Callable[[bytes], None]) -> Iterator[Callable[[bytes], None]]:
    """`put`, with how far it is on standard error, if that alone is a terminal and the recording is large."""
    large = sum(part.log.size for part in recording.parts) > _LARGE
    if not large or not sys.stderr.isatty() or sys.stdout.isatty():
        yield put
        return
    line, written = StatusLine(sys.stderr), 0

    def counted(data: bytes) -> None:
        nonlocal written
        put(data)
        written += len(data)
        line.show(f"exporting: {size(written)} written")

    line.show("exporting …")
    try:
        yield counted
    finally:
        line.clear()
