"""Which way each kind of probe takes on this kernel: the best that works.

Each kind climbs its ladder for itself. A way that the kernel does not offer, or whose programs its verifier refuses,
costs that kind a rung, and nothing else.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from recorder import ladder
from recorder.btf import Btf
from recorder.ladder import Choice, Hook, Kind, Way


@dataclass(frozen=True)
class Refusal:
    """A way of a kind that cannot be taken here, and why."""

    kind: str
    way: str
    says: str
    reason: str


class Refused(Exception):
    """What the kernel says to one hook of a choice."""

    def __init__(self, hook: Hook, reason: str) -> None:
        super().__init__(reason)
        self.hook = hook


class NoWay(Exception):
    """A kind that is required has no rung left."""

    def __init__(self, kind: str, refused: list[Refusal]) -> None:
        super().__init__(kind)
        self.kind = kind
        self.refused = refused


_T = TypeVar("_T")


def climb(
    btf: Btf,
    wanted: Mapping[str, Sequence[str]],
    attempt: Callable[[Choice], _T],
    kinds: Iterable[Kind] | None = None,
    preempted: Collection[str] = (),
    off: Mapping[str, str] | None = None,
) -> tuple[Choice, _T, list[Refusal]]:
    """The best choice that `attempt` takes, with what it gave, and what was refused on the way there.

    `preempted` are the kinds of hooks whose programs may be preempted, recorder/preemption.py; `off` says why those of
    some kinds are not run, recorder/switches.py. `wanted` names the ways that a kind may take, NONE among them; all, if
    it does not name the kind. `attempt` raises Refused. Raises NoWay, also of a kind that could be spared if `wanted`
    names it.
    """
    kinds = tuple(kinds or ladder.KINDS)
    left = {kind.name: _allowed(kind, wanted.get(kind.name), preempted) for kind in kinds}
    refused: list[Refusal] = []

    def drop(kind: Kind, reason: str) -> None:
        way = left[kind.name].pop(0)
        assert way
        refused.append(Refusal(kind.name, way.name, way.says, reason))

    while True:
        choice: dict[str, Way | None] = {}
        for kind in kinds:
            rungs = left[kind.name]
            while rungs and (way := rungs[0]) and (missing := way.missing(btf, off or {})):
                drop(kind, missing)
            if not rungs and (kind.required or kind.name in wanted):
                raise NoWay(kind.name, refused)
            choice[kind.name] = rungs[0] if rungs else None
        try:
            return choice, attempt(choice), refused
        except Refused as error:
            drop(_blamed(kinds, choice, error.hook), str(error))


def ranked(kind: Kind, preempted: Collection[str]) -> list[Way]:
    """The ways of a kind, best first: if programs of the first may be preempted, kprobes that cannot be lead."""
    ways = list(kind.ways)
    if not _preempted(ways[0], preempted):
        return ways
    steady = [way for way in ways if way.by_kprobe and not _preempted(way, preempted)]
    return [*steady, *(way for way in ways if way not in steady)]


def _preempted(way: Way, preempted: Collection[str]) -> bool:
    return any(hook.how in preempted for hook in way.hooks)


def _allowed(kind: Kind, names: Sequence[str] | None, preempted: Collection[str]) -> list[Way | None]:
    return [*ranked(kind, preempted)] if names is None else [kind.way(name) for name in names]


def _blamed(kinds: Iterable[Kind], choice: Choice, hook: Hook) -> Kind:
    """The kind that a refused hook costs a rung: of several that share it one that can be spared."""
    users = [kind for kind in kinds if (way := choice[kind.name]) and hook in way.hooks]
    return next((kind for kind in users if not kind.required), users[0])
