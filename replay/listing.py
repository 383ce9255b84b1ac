"""One line for each recording of a store, from its header and end record alone: nothing else is checked."""

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorder.log.errors import BadLog, NewerLog
from recorder.log.format import End, Header
from recorder.log.reader import read_ends
from replay.clock import duration, rfc3339, to_second
from replay.escape import printable, text
from replay.table import columns
from replay.values import target

BROKEN = "broken"
_UNKNOWN = "<unknown>"
_HEADERS = ("NAME", "TARGET", "STARTED", "DURATION", "SESSIONS", "COMMANDS", "OUTPUT", "LOST", "STATE")
_WIDE_HEADERS = ("NODE", "RECORDING", "SIZE", "REASON")


@dataclass(frozen=True)
class Entry:
    """A file of the store. `header` is None if it is broken, `end` if it has none; `problem` says why."""

    path: Path
    size: int
    header: Header | None
    end: End | None
    problem: str = ""

    @property
    def name(self) -> str:
        """The name by which it is asked for, safe to print."""
        return printable(self.path.stem)

    @property
    def started(self) -> int | None:
        """ns since 1970-01-01 UTC"""
        return self.header.realtime if self.header else None

    @property
    def lasted(self) -> int | None:
        """ns"""
        return max(self.end.time - self.header.monotonic, 0) if self.header and self.end else None

    @property
    def namespaces(self) -> set[str]:
        return {t.namespace for t in self.header.targets} if self.header else set()

    @property
    def state(self) -> str:
        """complete | unfinished | broken"""
        return BROKEN if not self.header else "complete" if self.end else "unfinished"

    def total(self, name: str) -> int | None:
        """A count of the end record, None if it is not known."""
        return self.end.totals.get(name) if self.end else None


def entry(path: Path) -> Entry:
    """What the file at `path` is; never an error."""
    size = 0
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return Entry(path, 0, None, None, "not a regular file")
        size = status.st_size
        return Entry(path, size, *read_ends(path))
    except (BadLog, NewerLog) as error:
        return Entry(path, size, None, None, str(error).removeprefix(f"{path}: "))
    except OSError as error:
        return Entry(path, size, None, None, error.strerror or "cannot be read")


def _bytes(count: int | None) -> str:
    if count is None:
        return _UNKNOWN
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f}{unit}" if unit == "B" or size >= 10 else f"{size:.1f}{unit}"
        size /= 1024
    return f"{size:.1f}TiB"


def _lost(of: Entry) -> str:
    events, lost_bytes = of.total("lost_events"), of.total("lost_bytes")
    if events is None and lost_bytes is None:
        return _UNKNOWN
    parts = [f"{events} events"] * bool(events) + [_bytes(lost_bytes)] * bool(lost_bytes)
    return ", ".join(parts) or "-"


def _count(number: int | None) -> str:
    return _UNKNOWN if number is None else str(number)


def _row(of: Entry, wide: bool) -> list[str]:
    header = of.header
    names = [printable(t.name) for t in header.targets] if header else []
    target = names[0] + (f" +{len(names) - 1}" if len(names) > 1 else "") if names else "<none>"
    cells = [
        of.name,
        (", ".join(names) or "<none>") if wide else target,
        _UNKNOWN if of.started is None else to_second(of.started),
        _UNKNOWN if of.lasted is None else duration(of.lasted),
        _count(of.total("sessions")),
        _count(of.total("execs")),
        _bytes(of.total("output_bytes")),
        _lost(of),
        of.state,
    ]
    if wide:
        node = header.raw.get("node") if header else None
        name = node.get("name") if isinstance(node, dict) else None
        reason = of.problem or (of.end.reason if of.end else "")
        recording = printable(header.recording) if header else _UNKNOWN
        cells += [
            printable(name) if name else "<none>",
            recording,
            _bytes(of.size),
            printable(reason) or "<none>",
        ]
    return cells


def table(entries: Iterable[Entry], wide: bool) -> str:
    """The list as `list` prints it."""
    headers = [*_HEADERS, *_WIDE_HEADERS] if wide else list(_HEADERS)
    return columns(headers, [_row(e, wide) for e in entries])


def as_document(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The list as data: null for what is not known."""
    return [
        {
            "name": text(e.path.stem),
            "file": text(str(e.path)),
            "state": e.state,
            "problem": text(e.problem) if e.problem else None,
            "id": text(e.header.recording) if e.header else None,
            "targets": [target(t) for t in e.header.targets] if e.header else [],
            "started": None if e.started is None else rfc3339(e.started),
            "duration_seconds": None if e.lasted is None else e.lasted / 1e9,
            "size_bytes": e.size,
            **{
                key: e.total(key)
                for key in ("sessions", "execs", "output_bytes", "input_bytes", "lost_events", "lost_bytes")
            },
            "end_reason": text(e.end.reason) if e.end else None,
        }
        for e in entries
    ]
