"""From what is to be recorded to the recorders that do it: one a node, also for what comes later."""

import contextlib
import json
import time
from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from typing import Any

from kubectl_ebpfaudit import run
from kubectl_ebpfaudit.carrier import Order, Slow
from kubectl_ebpfaudit.cluster import pod as pods
from kubectl_ebpfaudit.cluster import suitable
from kubectl_ebpfaudit.cluster.api import Api
from kubectl_ebpfaudit.cluster.carrier import PodCarrier
from kubectl_ebpfaudit.cluster.changes import Back, Lost, Missed, Over, Started
from kubectl_ebpfaudit.cluster.errors import (
    ApiError,
    Forbidden,
    NotFound,
    TargetFinished,
    TargetNotRunning,
    Unreachable,
)
from kubectl_ebpfaudit.cluster.follow import Follower
from kubectl_ebpfaudit.cluster.objects import Object
from kubectl_ebpfaudit.cluster.selection import Selection
from kubectl_ebpfaudit.cluster.targets import Container
from recorder.log.errors import AuditError
from replay.escape import printable

GONE_SECONDS = 360.0
"""How long a recorder on its own waits for a container to come up again: a kubelet backs off for five minutes."""


@dataclass(frozen=True)
class Pods:
    """How the recorders' pods are made; `place.node` is filled in for each. `detached`: they need no client."""

    place: pods.Place
    order: Order
    detached: bool


class Plan:
    """What to record in a cluster. `interruptible` code runs within `first` and `carrier` only.

    `goes_on`: some of its recorders run already, so that its time has begun.
    """

    def __init__(self, api: Api, selection: Selection, how: Pods, goes_on: bool = False) -> None:
        self._api, self._selection, self._how = api, selection, how
        self._follower = Follower(api, selection)
        self._suitable: set[str] = set()
        self._started = time.monotonic() if goes_on else None

    def first(self, wait: bool, slow: Slow) -> dict[str, list[dict[str, Any]]]:
        """The containers that run now, as targets by node; tells `slow` if it waits.

        Raises what Follower.first does, or Unsuitable.
        """
        nodes: dict[str, list[dict[str, Any]]] = {}
        for container in self._running(wait, slow):
            self._check(container)
            nodes.setdefault(container.node, []).append(container.target)
        return nodes

    def _running(self, wait: bool, slow: Slow) -> list[Container]:
        try:
            return self._follower.first()
        except (NotFound, TargetNotRunning) as error:
            if not wait or isinstance(error, TargetFinished):
                raise
        slow(f"Waiting for {printable(self._selection.describe())} to run …")
        return self._follower.first(wait)

    def _check(self, container: Container) -> None:
        """Raises Unsuitable if the node's kernel does not see what happens in the container."""
        key = f"{container.node} {container.runtime_class}"
        if key in self._suitable:
            return
        node = runtime_class = None
        is_known = False
        with contextlib.suppress(ApiError, Unreachable):  # the recorder finds out what matters
            node = self._optional(f"/api/v1/nodes/{container.node}")
            if container.runtime_class:
                runtime_class = self._optional(f"/apis/node.k8s.io/v1/runtimeclasses/{container.runtime_class}")
            is_known = True
        metadata = {"namespace": container.target["namespace"], "name": container.target["pod"]}
        pod = {"metadata": metadata, "spec": {"runtimeClassName": container.runtime_class}}
        suitable.check(pod, node, runtime_class)
        if is_known:
            self._suitable.add(key)

    def _optional(self, path: str) -> Object | None:
        """What is there; None if nothing is, or it is not for this user. Raises ApiError or Unreachable."""
        with contextlib.suppress(Forbidden, NotFound):
            return self._api.get(path)
        return None

    def ways(self, wait: bool, slow: Slow) -> list[tuple[str, Any]]:
        """What recorders on the nodes of what runs now say of the ways to watch things there. Raises AuditError."""
        from kubectl_ebpfaudit.cluster import deep

        places = [replace(self._how.place, node=node) for node in self.first(wait, slow)]
        return [(place.node, deep.ways(self._api, place)) for place in places]

    def carrier(self, node: str, targets: list[dict[str, Any]]) -> PodCarrier:
        """The recorder for a node, yet to be started."""
        name = pods.new_name(self._how.order.recording)
        order = replace(
            self._how.order,
            targets=targets,
            duration=self._duration(),
            node={"name": node, "recorder": name},
            follow=self._selection.container is None,
            may_be_gone=True,
            gone_seconds=GONE_SECONDS,
        )
        notes = pods.Notes(json.dumps(self._selection.to_dict()), self._how.detached)
        place = replace(self._how.place, node=node)
        return PodCarrier(self._api, pods.manifest(name, place, order, notes))

    def _duration(self) -> float | None:
        """The duration of a recorder that is started now: all of a run end at the same time."""
        if self._started is None:
            self._started = time.monotonic()
        left = self._time_left()
        return None if left is None else max(1.0, left)

    def _time_left(self) -> float | None:
        duration = self._how.order.duration
        if duration is None or self._started is None:
            return duration
        return duration - (time.monotonic() - self._started)

    def is_over(self) -> bool:
        """Whether the duration is over."""
        left = self._time_left()
        return left is not None and left <= 0

    def changes(self, others: Set[str] = frozenset()) -> Iterator[run.Change]:
        """What happens while it is recorded, but for nodes whose recorders `others` follow."""
        for change in self._follower.changes():
            if isinstance(change, Started | Missed):
                if change.container.node not in others:
                    yield self._told(change)
            elif isinstance(change, Lost):
                yield run.News(f"{_now()}  new containers are not seen at present: {printable(str(change.error))}")
            elif isinstance(change, Back):
                yield run.News(f"{_now()}  new containers are seen again")
            elif isinstance(change, Over):
                yield run.Over()

    def _told(self, change: Started | Missed) -> run.Change:
        container = change.container
        try:
            if isinstance(change, Started):
                self._check(container)
        except AuditError as error:
            return run.News(f"{_now()}  {printable(container.name)} is not recorded: {printable(str(error))}")
        # Of one that was missed the recorder on its node may have seen something, and is told what it was.
        return run.NewTarget(container.node, container.target, is_over=isinstance(change, Missed))

    def close(self) -> None:
        """Ends `changes`."""
        self._follower.close()


def _now() -> str:
    return time.strftime("%H:%M:%SZ", time.gmtime())
