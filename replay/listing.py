"""One line for each recording of a store, from headers and end records and a glimpse between: nothing is checked."""

import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recorder.log.errors import BadLog, NewerLog
from recorder.log.format import SUFFIX, End, Header, Target
from recorder.log.reader import read_ends
from replay.clock import duration, rfc3339, to_second
from replay.escape import printable, text
from replay.fields import node_name
from replay.glimpse import glimpse
from replay.recording import logs_in
from replay.run import BROKEN, worst
from replay.table import columns
from replay.values import target

_NONE = "<none>"
_UNKNOWN = "<unknown>"
_HEADERS = ("NAME", "TARGET", "STARTED", "DURATION", "SESSIONS", "COMMANDS", "OUTPUT", "LOST", "STATE")
_WIDE_HEADERS = ("NODE", "RECORDING", "SIZE", "REASON")


@dataclass(frozen=True)
class Ends:
    """A log, as far as its ends tell. `header` is None if it is broken, `end` if it has none; `problem` says why."""

    path: Path
    size: int
    header: Header | None = None
    end: End | None = None
    problem: str = ""
    targets: tuple[Target, ...] = ()
    counted: dict[str, int] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """complete | unfinished | broken"""
        return BROKEN if not self.header else "complete" if self.end else "unfinished"

    @property
    def ended(self) -> int | None:
        """ns since 1970-01-01 UTC"""
        return self.header.realtime + self.end.time - self.header.monotonic if self.header and self.end else None

    def total(self, name: str) -> int | None:
        """A count of the end record, or what was counted instead; None if it is not known."""
        return (self.end.totals if self.end else self.counted).get(name)


@dataclass(frozen=True)
class Entry:
    """A recording of the store: one log, or the logs of a folder."""

    path: Path
    logs: tuple[Ends, ...]
    is_folder: bool = False

    @property
    def stem(self) -> str:
        """The name by which it is asked for."""
        return self.path.name if self.is_folder else self.path.name.removesuffix(SUFFIX)

    @property
    def headers(self) -> list[Header]:
        return [log.header for log in self.logs if log.header]

    @property
    def ids(self) -> list[str]:
        return list(dict.fromkeys(header.recording for header in self.headers))

    @property
    def started(self) -> int | None:
        """ns since 1970-01-01 UTC"""
        return min((header.realtime for header in self.headers), default=None)

    @property
    def lasted(self) -> int | None:
        """ns"""
        ends = [log.ended for log in self.logs if log.ended is not None]
        whole = ends and len(ends) == len(self.logs) and self.started is not None
        return max(max(ends) - (self.started or 0), 0) if whole else None

    @property
    def targets(self) -> list[Target]:
        return [target for log in self.logs for target in log.targets]

    @property
    def namespaces(self) -> set[str]:
        return {target.namespace for target in self.targets}

    @property
    def state(self) -> str:
        """complete | unfinished | broken: the worst of its logs"""
        return worst([log.state for log in self.logs])

    @property
    def size(self) -> int:
        """bytes"""
        return sum(log.size for log in self.logs)

    @property
    def problems(self) -> list[str]:
        """What is wrong with its logs."""
        wrong = [log for log in self.logs if log.problem]
        return [f"{log.path.name}: {log.problem}" if self.is_folder else log.problem for log in wrong]

    @property
    def reasons(self) -> list[str]:
        """Why its logs ended."""
        return list(dict.fromkeys(log.end.reason for log in self.logs if log.end))

    def total(self, name: str) -> int | None:
        """A count over all its logs, None if that of one is not known."""
        counts = [log.total(name) for log in self.logs]
        known = [count for count in counts if count is not None]
        return sum(known) if known and len(known) == len(counts) else None


def entry(path: Path) -> Entry:
    """What is at `path`, a log or a folder that has one; never an error."""
    try:
        logs = logs_in(path) if path.is_dir() else []
    except OSError as error:
        return Entry(path, (Ends(path, 0, problem=error.strerror or "cannot be read"),))
    return Entry(path, tuple(map(_ends, logs)), is_folder=True) if logs else Entry(path, (_ends(path),))


def _ends(path: Path) -> Ends:
    size = 0
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return Ends(path, 0, problem="not a regular file")
        size = status.st_size
        header, end = read_ends(path)
        seen = glimpse(path, size, header, end)
        return Ends(path, size, header, end, targets=tuple(seen.targets), counted=seen.totals)
    except (BadLog, NewerLog) as error:
        return Ends(path, size, problem=str(error).removeprefix(f"{path}: "))
    except OSError as error:
        return Ends(path, size, problem=error.strerror or "cannot be read")


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
    names = list(dict.fromkeys(printable(t.name) or f"target {t.number}" for t in of.targets))
    target = names[0] + (f" +{len(names) - 1}" if len(names) > 1 else "") if names else _NONE
    cells = [
        printable(of.stem),
        (", ".join(names) or _NONE) if wide else target,
        _UNKNOWN if of.started is None else to_second(of.started),
        _UNKNOWN if of.lasted is None else duration(of.lasted),
        _count(of.total("sessions")),
        _count(of.total("execs")),
        _bytes(of.total("output_bytes")),
        _lost(of),
        of.state,
    ]
    if wide:
        nodes = dict.fromkeys(printable(node_name(header)) for header in of.headers)
        cells += [
            ", ".join(filter(None, nodes)) or _NONE,
            ", ".join(map(printable, of.ids)) if of.ids else _UNKNOWN,
            _bytes(of.size),
            printable("; ".join(of.problems or of.reasons)) or _NONE,
        ]
    return cells


def table(entries: Iterable[Entry], wide: bool) -> str:
    """The list as `list` prints it."""
    headers = [*_HEADERS, *_WIDE_HEADERS] if wide else list(_HEADERS)
    return columns(headers, [_row(e, wide) for e in entries])


_TOTALS = ("sessions", "execs", "output_bytes", "input_bytes", "lost_events", "lost_bytes")


def as_document(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The list as data: null for what is not known, or not the same in all logs of a folder."""
    return [
        {
            "name": text(e.stem),
            "file": text(str(e.path)),
            "state": e.state,
            "problem": text("; ".join(e.problems)) or None,
            "id": text(e.ids[0]) if len(e.ids) == 1 else None,
            "targets": [target(t) for t in e.targets],
            "started": None if e.started is None else rfc3339(e.started),
            "duration_seconds": None if e.lasted is None else e.lasted / 1e9,
            "size_bytes": e.size,
            **{key: e.total(key) for key in _TOTALS},
            "end_reason": text(e.reasons[0]) if len(e.reasons) == 1 else None,
            **({"logs": [_log(log) for log in e.logs]} if e.is_folder else {}),
        }
        for e in entries
    ]


def _log(of: Ends) -> dict[str, Any]:
    """One log of a folder."""
    return {
        "log": text(of.path.name.removesuffix(SUFFIX)),
        "file": text(str(of.path)),
        "state": of.state,
        "problem": text(of.problem) or None,
        "node": node_name(of.header) if of.header else None,
        "size_bytes": of.size,
        **{key: of.total(key) for key in _TOTALS},
        "end_reason": text(of.end.reason) if of.end else None,
    }
