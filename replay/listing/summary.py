"""What an overview tells of one log: from its header, its end record and a glimpse between. Nothing is checked."""

import json
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorder.log.errors import BadLog, NewerLog
from recorder.log.format import SUFFIX
from recorder.log.reader import read_ends
from replay.escape import text
from replay.fields import node_name
from replay.glimpse import glimpse
from replay.run import BROKEN
from replay.values import target
from replay.who.kept import users

TOTALS = ("sessions", "execs", "output_bytes", "input_bytes", "lost_events", "lost_bytes", "probe_runs")
PROBE_RUNS = TOTALS[-1]
COMPLETE, CUT, RECORDING = "complete", "cut", "recording"
_UNKNOWN = -1


@dataclass(slots=True)
class Summary:
    """A log, as far as its ends tell: plain values, so that an index can hold them. Text is not escaped.

    Times are ns since 1970-01-01 UTC; what is not known is negative, or empty.
    """

    file: str
    """The name of its file."""
    size: int
    state: str
    """complete | cut (it has no end record) | broken"""
    problem: str = ""
    recording: str = ""
    node: str = ""
    started: int = _UNKNOWN
    ended: int = _UNKNOWN
    reason: str = ""
    totals: Sequence[int] = (_UNKNOWN,) * len(TOTALS)
    """In the order of TOTALS: of the end record, or what was counted instead."""
    names: Sequence[str] = ()
    """Of its targets, in order."""
    namespaces: Sequence[str] = ()
    targets: str = "[]"
    """All that is known of its targets, as JSON."""
    users: Sequence[str] = ()
    """Who its sessions were, as far as `identify` has found out."""

    @property
    def stem(self) -> str:
        return self.file.removesuffix(SUFFIX)

    def values(self) -> list[Any]:
        """Itself as JSON can hold it."""
        return [getattr(self, name) for name in self.__slots__]


_TYPES = [str, int, str, str, str, str, int, int, str, list, list, list, str, list]


def from_values(values: list[Any]) -> Summary:
    """What `values()` gave. Raises ValueError if it is something else."""
    if list(map(type, values)) != _TYPES or len(values[9]) != len(TOTALS):
        raise ValueError("no summary of a log")
    if set(map(type, values[9])) != {int} or not set(map(type, (*values[10], *values[11], *values[13]))) <= {str}:
        raise ValueError("no summary of a log")
    return Summary(*values)


def summarise(path: Path) -> Summary:
    """The log at `path`; never an error: what cannot be read is broken, and says why."""
    size = 0
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return Summary(path.name, 0, BROKEN, "not a regular file")
        size = status.st_size
        return _summary(path, size)
    except (BadLog, NewerLog) as error:
        return Summary(path.name, size, BROKEN, str(error).removeprefix(f"{path}: "))
    except OSError as error:
        return Summary(path.name, size, BROKEN, error.strerror or "cannot be read")


def _summary(path: Path, size: int) -> Summary:
    header, end = read_ends(path)
    seen = glimpse(path, size, header, end)
    counts = end.totals if end else seen.totals
    return Summary(
        file=path.name,
        size=size,
        state=COMPLETE if end else CUT,
        recording=text(header.recording),
        node=node_name(header),
        started=header.realtime,
        ended=max(seen.clock.wall(end.time), 0) if end else _UNKNOWN,
        reason=text(end.reason) if end else "",
        totals=[int(counts.get(name, _UNKNOWN)) for name in TOTALS],  # not True
        names=[text(of.name) or f"target {of.number}" for of in seen.targets],
        namespaces=list(dict.fromkeys(text(of.namespace) for of in seen.targets)),
        targets=json.dumps([target(of) for of in seen.targets]),
        users=list(users(path, header, end)),
    )
