"""Reads an audit log: which requests entered the pods that somebody wants to know of."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from recorder.log.errors import AuditError
from replay.escape import printable
from replay.who.json_stream import Values
from replay.who.request import Request, Seen, first
from replay.who.unwrap import Found, unwrap

MAX_REQUESTS = 100_000
"""Requests to the pods of one recording that are kept."""


class BadAuditLog(AuditError):
    exit_code = 27
    meaning = "the file is no audit log of a Kubernetes API server"


@dataclass
class AuditLog:
    """What was read. Times are ns since 1970-01-01 UTC; `begin` and `end` are of its first and last event.

    `entering` counts the events about an exec, attach or debug of any pod, `unreadable` what is no JSON.
    """

    name: str
    size: int = 0
    sha256: str = ""
    begin: int | None = None
    end: int | None = None
    events: int = 0
    entering: int = 0
    unreadable: int = 0
    requests: dict[tuple[object, ...], Request] = field(default_factory=dict)

    def covers(self, begin: int, end: int) -> bool:
        """Whether events from before and after lie in it."""
        return self.begin is not None and self.end is not None and self.begin <= begin and self.end >= end


class _Measured(io.RawIOBase):
    """Hashes and counts what is read through it."""

    def __init__(self, file: BinaryIO, tell: Callable[[int], None] | None) -> None:
        self._file, self._tell = file, tell
        self.digest = hashlib.sha256()
        self.size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self.digest.update(data)
        self.size += len(data)
        if self._tell:
            self._tell(self.size)
        return len(data)


def read_requests(
    file: BinaryIO, name: str, wanted: Callable[[Seen], bool], tell: Callable[[int], None] | None = None
) -> AuditLog:
    """Reads an audit log, plain or gzip, to its end. `tell` hears how many bytes are read.

    Raises BadAuditLog if there is no audit event in it, or AuditError if it cannot be read.
    """
    found = AuditLog(name)
    measured = _Measured(file, tell)
    source = io.BufferedReader(measured, 1 << 20)
    zipped = source.peek(2)[:2] == b"\x1f\x8b"
    values = Values(gzip.GzipFile(fileobj=source) if zipped else source)  # type: ignore[arg-type]
    try:
        for one in _events(values):
            found.events += 1
            if one.time:
                found.begin = min(found.begin or one.time, one.time)
                found.end = max(found.end or one.time, one.time)
            if one.seen:
                _take(found, one.seen, wanted)
        while source.read(1 << 20):  # what a document has after its end belongs to the digest, too
            pass
    except (OSError, EOFError, zlib.error) as error:
        raise AuditError(f"cannot read {printable(name)}: {getattr(error, 'strerror', None) or error}") from error
    found.unreadable = values.unreadable
    found.size, found.sha256 = measured.size, measured.digest.hexdigest()
    if not found.events:
        raise BadAuditLog(
            f"{printable(name)}: no audit event of a Kubernetes API server in it: give its audit log, "
            "or what EKS, GKE or AKS export of it, as JSON"
        )
    return found


def _events(values: Values) -> Iterator[Found]:
    for value in values:
        yield from unwrap(value)


def _take(found: AuditLog, seen: Seen, wanted: Callable[[Seen], bool]) -> None:
    found.entering += 1
    if not seen.audit_id or not seen.received or not wanted(seen):
        return
    known = found.requests.get(seen.key)
    if known:
        known.take(seen)
    elif len(found.requests) < MAX_REQUESTS:
        found.requests[seen.key] = first(seen)
    else:
        raise AuditError(
            f"{printable(found.name)}: more than {MAX_REQUESTS:,} requests to the pods of this recording: "
            "give the part of it that is of the recording's time"
        )
