"""The targets in what `show` prints: their names, and as a table when there is something to tell."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from replay.clock import to_second
from replay.escape import printable, text
from replay.model import Watched
from replay.table import columns
from replay.targets import NOT_FOUND
from replay.words import count

_NONE = "<none>"
_HEADERS = ("TARGET", "KIND", "IMAGE", "NODE", "FROM", "UNTIL", "SESSIONS")
_WIDE_HEADERS = ("OWNER", "SERVICEACCOUNT", "CONTAINER ID", "IMAGE ID")


@dataclass(frozen=True)
class Row:
    """A target, on the node of this name, that this number of sessions entered."""

    watched: Watched
    node: str
    sessions: int


def summary(targets: Collection[Watched]) -> tuple[str, str]:
    """A line of a summary: the only target, or how many there are."""
    if len(targets) == 1:
        return "Target", next(_name(of) for of in targets)
    pods = {of.namespaced_pod for of in targets} - {""}
    where = f" in {count(len(pods), 'pod')}" if pods else ""
    return "Targets", f"{count(len(targets), 'container')}{where}" if targets else "none"


def worth_a_table(targets: Collection[Watched]) -> bool:
    """Whether there is more to say of them than the name of one."""
    return len(targets) > 1 or any(of.later or of.end_reason == NOT_FOUND for of in targets)


def table(rows: Iterable[Row], wide: bool) -> str:
    """A line for each target; `wide` with more about it."""
    headers = [*_HEADERS, *_WIDE_HEADERS] if wide else list(_HEADERS)
    return columns(headers, [_cells(row, wide) for row in rows])


def _name(of: Watched) -> str:
    return printable(of.target.name) or f"target {of.target.number}"


def _cells(row: Row, wide: bool) -> list[str]:
    of = row.watched
    cells = [
        _name(of),
        _more(of, "kind"),
        _more(of, "image"),
        printable(text(of.target.more.get("node") or row.node)) or _NONE,
        to_second(of.started),
        _until(of),
        str(row.sessions),
    ]
    if wide:
        owner, account, image = (_more(of, key) for key in ("owner", "service_account", "image_id"))
        cells += [owner, account, printable(of.target.container_id) or _NONE, image]
    return cells


def _more(of: Watched, key: str) -> str:
    value = of.target.more.get(key)
    return printable(value) if value and isinstance(value, str) else _NONE


def _until(of: Watched) -> str:
    if of.ended is None:
        return "-"
    return f"{to_second(of.ended)} ({printable(of.end_reason).replace('_', ' ')})"
