"""Which pods belong to what was named, what is said if none of them runs, and when no other will ever come."""

from dataclasses import replace
from typing import Protocol

from kubectl_ebpfaudit.cluster import why, workload
from kubectl_ebpfaudit.cluster.api import Api
from kubectl_ebpfaudit.cluster.errors import NotFound, NothingSelected, TargetFinished, TargetNotRunning
from kubectl_ebpfaudit.cluster.feed import Feed
from kubectl_ebpfaudit.cluster.objects import Object
from kubectl_ebpfaudit.cluster.owners import Owners
from kubectl_ebpfaudit.cluster.selection import POD, Named, Selection
from kubectl_ebpfaudit.cluster.targets import over
from recorder.log.errors import AuditError
from replay.escape import printable

LONG_SECONDS = 300
"""How long one watch lasts: well below the time after which proxies and load balancers cut connections."""


class Scope(Protocol):
    """One named thing, or a selector. Every method may raise what Api.get does."""

    feed: Feed
    recheck_seconds: int
    """How often `over` is to be asked while there is no live pod."""

    def resolve(self) -> None:
        """Looks up what has to be known before pods can be listed; a second call does nothing.

        Raises NotFound if there is no such thing.
        """

    def quick(self) -> Object | None:
        """The one pod there can be, by a single GET; None if it takes a list. Raises NotFound."""

    def owns(self, pod: Object) -> bool:
        """Whether a pod of the feed is meant."""

    def nothing(self, pods: list[Object]) -> AuditError:
        """Why nothing runs that could be recorded; `pods` are some of those that are owned."""

    def over(self, live: int, last: Object) -> str:
        """Why nothing will ever start again, else "".

        `live` counts the owned pods that have not finished, `last` is the pod that was seen last.
        """


def scopes(api: Api, selection: Selection, owners: Owners) -> list[Scope]:
    """What the selection is made of."""
    if selection.selector is not None:
        return [BySelector(api, selection)]
    return [
        NamedPod(api, selection, thing.name) if thing.kind == POD else OfWorkload(api, selection, thing, owners)
        for thing in selection.named
    ]


class NamedPod:
    """A pod. Another one that is made in its place under the same name is not meant."""

    recheck_seconds = LONG_SECONDS

    def __init__(self, api: Api, selection: Selection, name: str) -> None:
        self._api, self._namespace, self._name = api, selection.namespace, name
        self._only = selection.container
        self._uid = ""
        self.feed = Feed(api, self._namespace, {"fieldSelector": f"metadata.name={name}"})

    def resolve(self) -> None:
        pass

    def quick(self) -> Object | None:
        try:
            return self._api.get(f"/api/v1/namespaces/{self._namespace}/pods/{self._name}")
        except NotFound as error:
            raise self._missing() from error

    def owns(self, pod: Object) -> bool:
        uid = str((pod.get("metadata") or {}).get("uid", ""))
        self._uid = self._uid or uid
        return uid == self._uid

    def nothing(self, pods: list[Object]) -> AuditError:
        return why.not_running(pods[0], self._only) if pods else self._missing()

    def over(self, live: int, last: Object) -> str:
        where = f"pod {self._namespace}/{self._name}"
        if not live:
            return f"{where} has finished" if over(last, None) else f"{where} was deleted"
        if self._only and over(last, self._only):
            return f"container {self._only} of {where} has ended and is not started again"
        return ""

    def _missing(self) -> NotFound:
        return why.missing(
            self._api,
            self._namespace,
            f"there is no pod {self._name} in namespace {self._namespace}: see kubectl get pods -A",
        )


class OfWorkload:
    """The pods of a workload; of all its ReplicaSets, if it is a Deployment. Others' pods may have the same labels."""

    recheck_seconds = 5

    def __init__(self, api: Api, selection: Selection, thing: Named, owners: Owners) -> None:
        self._api, self._namespace, self._only = api, selection.namespace, selection.container
        self._thing, self._owners = thing, owners
        self._path = workload.path(thing.kind, self._namespace, thing.name)
        self._uid = ""
        self.feed = Feed(api, self._namespace, {})

    def resolve(self) -> None:
        if self._uid:
            return
        found = self._get()
        if found is None:
            raise why.missing(
                self._api,
                self._namespace,
                f"there is no {self._thing} in namespace {self._namespace}: see kubectl get {self._thing.kind}s -A",
            )
        self.feed = Feed(self._api, self._namespace, {"labelSelector": workload.selector(found)})
        self._uid = workload.uid(found)

    def quick(self) -> Object | None:
        return None

    def owns(self, pod: Object) -> bool:
        return workload.owns(self._thing.kind, self._thing.name, self._uid, pod, self._owners)

    def nothing(self, pods: list[Object]) -> AuditError:
        found = self._get()
        where = f"{self._thing} in namespace {self._namespace}"
        if found is not None and (ended := workload.completed(found)):
            return TargetFinished(f"{where} has ended ({printable(ended)}): none of its pods will run again")
        if not pods:
            replicas = workload.replicas(found or {})
            hint = "scale it up" if replicas == "0" else "look at kubectl describe"
            wanted = f" ({replicas} wanted)" if replicas else ""
            return TargetNotRunning(f"{where} has no pod{wanted}: {hint}, or wait for one with --wait")
        return why.none_running(where, pods, self._only)

    def over(self, live: int, last: Object) -> str:
        if live:
            return ""
        found = self._get()
        if found is None or workload.uid(found) != self._uid or workload.deleted(found):
            return f"{self._thing} was deleted, and its pods are gone"
        if ended := workload.completed(found):
            return f"{self._thing} has ended ({printable(ended)})"
        return ""

    def _get(self) -> Object | None:
        try:
            return self._api.get(self._path)
        except NotFound:
            return None


class BySelector:
    """All pods with certain labels. Never over: others may come."""

    recheck_seconds = LONG_SECONDS

    def __init__(self, api: Api, selection: Selection) -> None:
        self._api, self._namespace, self._only = api, selection.namespace, selection.container
        self._words = replace(selection, container=None).describe()
        self.feed = Feed(api, selection.namespace, {"labelSelector": selection.selector or ""})

    def resolve(self) -> None:
        pass

    def quick(self) -> Object | None:
        return None

    def owns(self, pod: Object) -> bool:
        return True

    def nothing(self, pods: list[Object]) -> AuditError:
        if pods:
            return why.none_running(self._words, pods, self._only)
        said = f"no pod has the labels {self._words}: see kubectl get pods --show-labels"
        if not self._namespace:
            return NothingSelected(f"{said} -A")
        return NothingSelected(str(why.missing(self._api, self._namespace, said)))

    def over(self, live: int, last: Object) -> str:
        return ""
