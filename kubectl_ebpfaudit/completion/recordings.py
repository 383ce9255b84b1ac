"""The recordings of the store, and their sessions."""

import contextlib
from pathlib import Path

from kubectl_ebpfaudit import store
from recorder.log.errors import AuditError
from recorder.log.format import SUFFIX
from recorder.log.reader import read_ends
from replay.glimpse import glimpse
from replay.recording import logs_in

_MAX_SESSIONS = 200


def recordings(word: str, sessions: bool) -> list[str]:
    """Recordings whose names begin with `word`, or the sessions of the one that it names before its slash."""
    if "/" in word:
        return _sessions(word) if sessions else []
    with contextlib.suppress(AuditError):
        names = [path.name.removesuffix(SUFFIX) for path in store.files()]
        known = [store.LATEST] * bool(names) + names
        return [name for name in known if name.startswith(word)]
    return []


def _sessions(word: str) -> list[str]:
    name, _, number = word.rpartition("/")
    with contextlib.suppress(AuditError, OSError):
        found = store.resolve(name)
        logs = logs_in(found.path) if found.path.is_dir() else [found.path]
        count = min(sum(map(_count, logs)), _MAX_SESSIONS)
        return [f"{name}/{n}" for n in range(1, count + 1) if str(n).startswith(number)]
    return []


def _count(log: Path) -> int:
    """How many sessions a log has."""
    header, end = read_ends(log)
    return (end.totals if end else glimpse(log, log.stat().st_size, header, end).totals).get("sessions", 0)
