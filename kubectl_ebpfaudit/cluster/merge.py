"""Several parts follow at once and may see the same pods: each change is told once, in one order."""

from collections import OrderedDict
from collections.abc import Iterable

from kubectl_ebpfaudit.cluster.changes import Back, Change, Ended, Lost, Missed, Over, PodGone, Started
from kubectl_ebpfaudit.cluster.targets import Container

_REMEMBERED = 4096
"""Ended containers and pods of which another part may still tell: one that lags behind by seconds."""


class Merge:
    """Takes what `parts` parts tell, by their number. `running` are the containers that everybody knows of."""

    def __init__(self, parts: int, running: Iterable[Container]) -> None:
        self._parts = parts
        self._running = {container.container_id for container in running}
        self._past: OrderedDict[str, None] = OrderedDict()
        self._lost: set[int] = set()
        self._over: dict[int, str] = {}

    def take(self, number: int, change: Change) -> list[Change]:
        """What is to be told because of it: nothing, or one change."""
        if self._parts == 1:
            return [change]
        if isinstance(change, Lost | Back):
            before = bool(self._lost)
            (self._lost.add if isinstance(change, Lost) else self._lost.discard)(number)
            return [change] if before != bool(self._lost) else []
        if isinstance(change, Over):
            self._over[number] = change.reason
            reasons = dict.fromkeys(self._over.values())
            return [Over("; ".join(reasons))] if len(self._over) == self._parts else []
        return [change] if self._is_new(change) else []

    def _is_new(self, change: Started | Ended | Missed | PodGone) -> bool:
        if isinstance(change, Started):
            key = change.container.container_id
            new = key not in self._running and key not in self._past
            self._running.update([key] if new else [])
            return new
        key = change.container.container_id if isinstance(change, Missed) else _key(change)
        new = key in self._running if isinstance(change, Ended) else key not in self._past
        self._running.discard(key)
        self._past[key] = None
        while len(self._past) > _REMEMBERED:
            self._past.popitem(last=False)
        return new


def _key(change: Ended | PodGone) -> str:
    return change.container_id if isinstance(change, Ended) else change.pod_uid
