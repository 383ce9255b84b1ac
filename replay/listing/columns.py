"""The columns of an overview: how a recording is shown in each, and by what it is sorted."""

from collections.abc import Callable
from typing import Any, NamedTuple

from replay.clock import duration, to_second
from replay.escape import printable
from replay.listing.entry import STATES, Entry

NONE = "<none>"
UNKNOWN = "<unknown>"


class Column(NamedTuple):
    """`cell` is safe to print; `key` may be None, which sorts last. `wide`: only shown when asked for."""

    cell: Callable[[Entry], str]
    key: Callable[[Entry], Any]
    wide: bool = False


def readable_bytes(count: int | None) -> str:
    """Bytes in few characters: 12B, 3.4MiB."""
    if count is None:
        return UNKNOWN
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f}{unit}" if unit == "B" or size >= 10 else f"{size:.1f}{unit}"
        size /= 1024
    return f"{size:.1f}TiB"


def _lost(of: Entry) -> str:
    events, lost_bytes = of.total("lost_events"), of.total("lost_bytes")
    if events is None and lost_bytes is None:
        return UNKNOWN
    parts = [f"{events} events"] * bool(events) + [readable_bytes(lost_bytes)] * bool(lost_bytes)
    return ", ".join(parts) or "-"


def _count(number: int | None) -> str:
    return UNKNOWN if number is None else str(number)


def _target(of: Entry) -> str:
    names = of.names
    return (printable(names[0]) + (f" +{len(names) - 1}" if len(names) > 1 else "")) if names else NONE


def _user(of: Entry) -> str:
    users = of.users
    return (printable(users[0]) + (f" +{len(users) - 1}" if len(users) > 1 else "")) if users else "-"


def _joined(values: list[str], empty: str = NONE, by: str = ", ") -> str:
    return by.join(printable(value) for value in values if value) or empty


def _nodes(of: Entry) -> list[str]:
    return list(dict.fromkeys(log.node for log in of.readable))


def _total(name: str, show: Callable[[int | None], str] = _count, wide: bool = False) -> Column:
    return Column(lambda of: show(of.total(name)), lambda of: of.total(name), wide)


def _entered(of: Entry) -> int | None:
    """Sessions without the runs of probes, which nobody has entered by; older logs do not tell these apart."""
    sessions = of.total("sessions")
    return None if sessions is None else max(sessions - (of.total("probe_runs") or 0), 0)


def _sessions(of: Entry) -> str:
    runs = of.total("probe_runs")
    return _count(_entered(of)) + (f" +{runs} probes" if runs else "")


def _time(moment: int | None) -> str:
    return UNKNOWN if moment is None else to_second(moment)


COLUMNS: dict[str, Column] = {
    "name": Column(lambda of: printable(of.stem), lambda of: of.stem),
    "target": Column(_target, lambda of: of.names),
    "started": Column(lambda of: _time(of.started), lambda of: of.started),
    "duration": Column(lambda of: UNKNOWN if of.lasted is None else duration(of.lasted), lambda of: of.lasted),
    "sessions": Column(_sessions, _entered),
    "user": Column(_user, lambda of: of.users or None),
    "commands": _total("execs"),
    "output": _total("output_bytes", readable_bytes),
    "size": Column(lambda of: readable_bytes(of.size), lambda of: of.size),
    "lost": Column(_lost, lambda of: of.total("lost_bytes")),
    "state": Column(lambda of: of.state, lambda of: STATES.index(of.state)),
    "targets": Column(lambda of: _joined(of.names), lambda of: len(of.names), wide=True),
    "input": _total("input_bytes", readable_bytes, wide=True),
    "ended": Column(lambda of: _time(of.ended), lambda of: of.ended, wide=True),
    "node": Column(lambda of: _joined(_nodes(of)), _nodes, wide=True),
    "recording": Column(lambda of: _joined(of.ids, UNKNOWN), lambda of: of.ids, wide=True),
    "reason": Column(lambda of: _joined(of.problems or of.reasons, by="; "), lambda of: of.reasons, wide=True),
}
"""By their names, in the order in which they are shown."""

USUAL = [name for name, column in COLUMNS.items() if not column.wide]
WIDE = ["name", "targets", *USUAL[2:], "node", "recording", "reason"]
