"""`--probes`: what is watched, and the ways to watch it, as they are asked for and as a node has them."""

from collections.abc import Iterable
from typing import Any

from recorder.log.format import Header
from replay.errors import WrongUsage
from replay.escape import printable
from replay.table import columns

LIST = "list"
"""What --probes says to have the ways printed instead."""

WAYS = {
    "exec": ("tracepoint", "kprobe"),
    "fork": ("tracepoint", "kprobe"),
    "exit": ("tracepoint", "kprobe"),
    "exec_failed": ("fexit", "kprobe", "syscall", "none"),
    "tty": ("fexit", "kprobe", "syscall"),
    "stream": ("fexit", "fexit-pipe", "kprobe", "kprobe-pipe", "syscall", "none"),
    "warnings": ("fentry", "kprobe", "kprobes", "tracepoint", "none"),
}
"""The ways of each kind of probe, as recorder/ladder.py has them: a test holds the two together."""

_MAX_NAMES = 3

COSTLY = "raw tracepoint sys_exit"
"""What a log's header says of a way that makes every system call of the node slower."""

COSTLY_NS = 71
"""How much slower, as it was measured (docs/architecture.md)."""


def parse(text: str | None) -> dict[str, list[str]]:
    """The way that each kind is to take, from `tty=kprobe,exec_failed=fexit`. Raises WrongUsage."""
    chosen: dict[str, list[str]] = {}
    for pair in text.split(",") if text is not None else ():
        kind, equals, way = pair.partition("=")
        if not equals or kind not in WAYS:
            kinds = ", ".join(WAYS)
            raise WrongUsage(f"--probes: '{printable(pair)}' is no KIND=WAY: KIND is one of {kinds}; or say {LIST}")
        if way not in WAYS[kind]:
            raise WrongUsage(f"--probes: {kind} cannot be '{printable(way)}': it can be {', '.join(WAYS[kind])}")
        if kind in chosen:
            raise WrongUsage(f"--probes names {kind} twice")
        chosen[kind] = [way]
    return chosen


def cost(headers: Iterable[Header]) -> str:
    """One line on what the ways that recorders have taken cost others, "" if nothing; safe to print."""
    kinds: dict[str, None] = {}
    nodes: dict[str, None] = {}
    for header in headers:
        taken, node = header.raw.get("probes"), header.raw.get("node")
        costly = [kind for kind, way in taken.items() if way == COSTLY] if isinstance(taken, dict) else []
        if costly:
            kinds |= dict.fromkeys(printable(str(kind)) for kind in costly)
            nodes[printable(str(node.get("name")) if isinstance(node, dict) else "?")] = None
    if not kinds:
        return ""
    where = ", ".join(nodes) if len(nodes) <= _MAX_NAMES else f"{len(nodes)} nodes"
    what = " and ".join(sorted(kinds))
    return (
        f"note: every system call on {where} takes about {COSTLY_NS} ns longer meanwhile: {what} "
        f"can be watched only there; --probes {LIST} says why"
    )


def table(nodes: Iterable[tuple[str, Any]]) -> str:
    """What recorders on these nodes say of their ways (recorder/doctor.py), which may be anything, as a table."""
    rows = [(printable(node), *_cells(way)) for node, ways in nodes for way in _maps(ways)]
    return columns(("NODE", "PROBE", "WAY", "STATE", "DETAIL"), rows)


def _maps(found: Any) -> list[dict[str, Any]]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _cells(way: dict[str, Any]) -> tuple[str, str, str, str]:
    detail = way.get("reason") or way.get("says")
    kind, name, state = (printable(str(way.get(key))) for key in ("kind", "way", "state"))
    return kind, name, state, printable((str(detail).splitlines() or [""])[0])
