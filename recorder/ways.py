"""Which ways to watch each kind of thing this node has: every one is tried, with maps that stay empty."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from recorder import ladder, loader, preemption
from recorder.climb import Refusal, ranked
from recorder.ladder import NONE, Kind
from recorder.loader import NoProbes
from recorder.log.errors import AuditError

TAKEN, POSSIBLE, REFUSED = "taken", "possible", "refused"
"""Taken if nobody forces another; possible if it is forced; or not at all."""

_MAX_REASON = 400  # characters: the answer of the recorder's doctor has to fit into the last part of a pod's log


_Found = dict[tuple[str, str], tuple[str, str]]
"""State and reason, by kind and way."""


def every_way(sysfs: Path = Path("/sys"), kinds: Sequence[Kind] = ladder.KINDS) -> list[dict[str, str]]:
    """Each way of each of these kinds, best first, with its state and why it is refused. `sysfs` is the node's /sys."""
    preempted = preemption.preempted(sysfs)
    # As this kernel ranks them: so the first that is possible is the one that a recording takes.
    kinds = [replace(kind, ways=tuple(ranked(kind, preempted))) for kind in kinds]
    found: _Found = {}
    while any(_left(kind, found) for kind in kinds):
        before = len(found)
        _try(found, kinds, sysfs)
        if len(found) == before:  # nothing can be loaded at all, whatever else is tried
            break
    return [
        {"kind": kind.name, "way": way.name, "says": way.says, "state": state, "reason": reason[:_MAX_REASON]}
        for kind in kinds
        for way in kind.ways
        for state, reason in [found.get((kind.name, way.name), (REFUSED, "could not be tried"))]
    ]


def _try(found: _Found, kinds: Sequence[Kind], sysfs: Path) -> None:
    """Tries the best way that is left of each kind, with what is known to work of the others."""
    wanted = {kind.name: _left(kind, found) or _fallback(kind, found) for kind in kinds}
    for other in ladder.KINDS:
        wanted.setdefault(other.name, [other.ways[0].name] if other.required else [NONE])
    try:
        loaded = loader.load(ways=wanted, sysfs=sysfs)
    except NoProbes as error:
        refused = error.refused
    except AuditError as error:
        refused = [Refusal(kind, way, "", str(error)) for kind, names in wanted.items() for way in names]
    else:
        loaded.close()
        refused = loaded.refused
        for kind in ladder.KINDS:
            way = next((way.name for way in kind.ways if way.says == loaded.taken[kind.name]), NONE)
            known = any(
                (kind.name, each.name) in found and found[kind.name, each.name][0] == TAKEN for each in kind.ways
            )
            found.setdefault((kind.name, way), (POSSIBLE if known else TAKEN, ""))
    for refusal in refused:
        found.setdefault((refusal.kind, refusal.way), (REFUSED, refusal.reason))


def _left(kind: Kind, found: _Found) -> list[str]:
    return [way.name for way in kind.ways if (kind.name, way.name) not in found]


def _fallback(kind: Kind, found: _Found) -> list[str]:
    works = [way.name for way in kind.ways if found.get((kind.name, way.name), (REFUSED, ""))[0] != REFUSED]
    return works[:1] or ([] if kind.required else [NONE])
