"""An index of a store: what an overview tells of each recording that has not changed since.

A cache and no more. It is one JSON file in the store; one that is missing, old, broken or not to be written costs time
only. Two programs that write it at once each put a whole file in its place.
"""

import contextlib
import errno
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from recorder.log.format import SUFFIX
from replay.listing.entry import Entry
from replay.listing.scan import Found, locked, scan
from replay.listing.summary import Summary, from_values, summarise
from replay.run import BROKEN

NAME = ".index.json"
_VERSION = 3
_MAX_BYTES = 256 << 20


def overview(folder: Path) -> list[Entry]:
    """The recordings of the store `folder`, by name. Raises OSError if it cannot be read."""
    known = _read(folder / NAME)
    found = sorted(scan(folder))
    writing = locked()
    entries, kept = [], {}
    fresh = False
    for one in found:
        stamps = one.stamps
        logs = _unchanged(known.get(one.name), stamps)
        if logs is None:
            fresh = True
            logs = _summaries(folder, one)
        if all(log.state != BROKEN for log in logs):  # what cannot be read now may be readable later
            kept[one.name] = stamps, logs
        is_written = any(stamp and stamp[3] in writing for _, stamp in one.logs)
        entries.append(Entry(folder, one.name, logs, _is_run(one), is_written))
    if (fresh and kept) or len(kept) < len(known):
        _write(folder, kept)
    return entries


def _is_run(of: Found) -> bool:
    return of.is_folder and bool(of.logs)


def _summaries(folder: Path, of: Found) -> tuple[Summary, ...]:
    path = folder / of.name
    if of.is_folder and not of.logs and not of.name.endswith(SUFFIX):
        return (Summary(of.name, 0, BROKEN, os.strerror(errno.EACCES)),)
    if not _is_run(of):
        return (summarise(path),)
    return tuple(summarise(path / name) for name, _ in of.logs)


def _unchanged(known: Any, stamps: list[list[str | int]]) -> tuple[Summary, ...] | None:
    """What the index has of a recording, if it is about just these files."""
    if not isinstance(known, list) or len(known) != 2 or known[0] != stamps:
        return None
    try:
        return tuple(map(from_values, known[1]))
    except (ValueError, TypeError):
        return None


def _read(path: Path) -> dict[str, Any]:
    """The entries of the index; none if it is of another version, or is not what was written."""
    try:
        with path.open("rb") as file:
            digest, data = file.readline(100), file.read(_MAX_BYTES)
        if digest.decode().split() != [str(_VERSION), hashlib.sha256(data).hexdigest()]:
            return {}
        entries = json.loads(data)
    except (OSError, ValueError, RecursionError):
        return {}
    return entries if isinstance(entries, dict) else {}


def _write(folder: Path, kept: dict[str, tuple[list[list[str | int]], tuple[Summary, ...]]]) -> None:
    entries = {name: [stamps, [log.values() for log in logs]] for name, (stamps, logs) in kept.items()}
    data = json.dumps(entries, separators=(",", ":")).encode()
    digest = f"{_VERSION} {hashlib.sha256(data).hexdigest()}\n".encode()
    with contextlib.suppress(OSError):  # a store that cannot be written can be listed all the same
        fd, temporary = tempfile.mkstemp(prefix=NAME, dir=folder)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(digest + data)
            os.replace(temporary, folder / NAME)
        except BaseException:
            os.unlink(temporary)
            raise
