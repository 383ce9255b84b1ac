"""An overview as a table, or as data."""

from collections.abc import Iterable, Sequence
from typing import Any

from replay.clock import rfc3339
from replay.escape import text
from replay.listing.columns import COLUMNS, USUAL
from replay.listing.entry import Entry
from replay.listing.summary import COMPLETE, PROBE_RUNS, TOTALS, Summary
from replay.table import columns


def table(entries: Iterable[Entry], shown: Sequence[str] = USUAL) -> str:
    """The list as `list` prints it, with these columns."""
    cells = [COLUMNS[name].cell for name in shown]
    return columns([name.upper() for name in shown], [[cell(of) for cell in cells] for of in entries])


def in_order(entries: Iterable[Entry], by: str) -> list[Entry]:
    """The recordings by that column, smallest first, those of which it is not known last; else by name."""
    key = COLUMNS[by].key

    def place(of: Entry) -> tuple[bool, Any, str]:
        value = key(of)
        return (True, 0, of.stem) if value is None else (False, value, of.stem)

    return sorted(entries, key=place)


def as_document(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The list as data: null for what is not known, or not the same in all logs of a folder."""
    return [
        {
            "name": text(e.stem),
            "file": text(str(e.path)),
            "state": e.state,
            "problem": text("; ".join(e.problems)) or None,
            "id": e.ids[0] if len(e.ids) == 1 else None,
            "targets": e.targets,
            "users": e.users,
            "started": None if e.started is None else rfc3339(e.started),
            "duration_seconds": None if e.lasted is None else e.lasted / 1e9,
            "size_bytes": e.size,
            **_totals(map(e.total, TOTALS)),
            "end_reason": e.reasons[0] if len(e.reasons) == 1 else None,
            **({"logs": [_log(e, log) for log in e.logs]} if e.is_folder else {}),
        }
        for e in entries
    ]


def _totals(counts: Iterable[int | None]) -> dict[str, int | None]:
    """Those of TOTALS by name; runs of probes only where they are known, since logs of before do not tell."""
    return {key: n for key, n in zip(TOTALS, counts, strict=True) if key != PROBE_RUNS or n is not None}


def _log(of: Entry, log: Summary) -> dict[str, Any]:
    """One log of a folder."""
    return {
        "log": text(log.stem),
        "file": text(str(of.path / log.file)),
        "state": log.state,
        "problem": text(log.problem) or None,
        "node": log.node if log.recording or log.node or log.started >= 0 else None,
        "size_bytes": log.size,
        **_totals(None if n < 0 else n for n in log.totals),
        "end_reason": log.reason if log.state == COMPLETE else None,
    }
