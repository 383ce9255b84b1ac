"""Who has made a pod: the Deployment above its ReplicaSet, the CronJob above its Job."""

from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from kubectl_ebpfaudit.cluster.api import Api
from kubectl_ebpfaudit.cluster.errors import ApiError, Unreachable
from kubectl_ebpfaudit.cluster.objects import Object

_KEPT = 4096
_AT_ONCE = 8
_MIDDLE = {("apps", "ReplicaSet"): "replicasets", ("batch", "Job"): "jobs"}
"""Owners that mostly have an owner themselves, with the API's name for them."""


@dataclass(frozen=True)
class Owner:
    """A controller. `guessed` if the API did not let us look above it."""

    kind: str
    name: str
    uid: str
    guessed: bool = False

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}" if self.name else ""


NOBODY = Owner("", "", "")


class Owners:
    """Looks each direct owner up once: one GET, for ReplicaSets and Jobs only. May be used by several threads."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: OrderedDict[str, Owner] = OrderedDict()

    def of(self, pod: Object) -> Owner:
        """The topmost controller that is known; the direct one if it may not be read, or is gone. NOBODY if none.

        Raises nothing.
        """
        direct, group = direct_owner(pod)
        resource = _MIDDLE.get((group, direct.kind))
        if resource is None:
            return direct
        if direct.uid in self._known:
            return self._known[direct.uid]
        namespace = pod["metadata"].get("namespace", "")
        try:
            found = self._api.get(f"/apis/{group}/v1/namespaces/{namespace}/{resource}/{direct.name}")
        except Unreachable:
            return Owner(direct.kind, direct.name, direct.uid, guessed=True)  # and asked again next time
        except ApiError:
            return self._keep(direct.uid, Owner(direct.kind, direct.name, direct.uid, guessed=True))
        above, _ = direct_owner(found)
        same = (found.get("metadata") or {}).get("uid") == direct.uid
        return self._keep(direct.uid, above if above.uid and same else direct)

    def learn(self, pods: Iterable[Object]) -> None:
        """Looks up the owners of many pods at once: they may be of hundreds of workloads."""
        unknown = {}
        for pod in pods:
            direct, group = direct_owner(pod)
            if (group, direct.kind) in _MIDDLE and direct.uid not in self._known:
                unknown[direct.uid] = pod
        if len(unknown) > 1:
            pool = ThreadPoolExecutor(_AT_ONCE)
            try:
                list(pool.map(self.of, unknown.values()))
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _keep(self, uid: str, owner: Owner) -> Owner:
        self._known[uid] = owner
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return owner


def direct_owner(thing: Object) -> tuple[Owner, str]:
    """The controller in its ownerReferences, and that one's API group."""
    for entry in (thing.get("metadata") or {}).get("ownerReferences") or []:
        if entry.get("controller"):
            group = str(entry.get("apiVersion", "")).rpartition("/")[0]
            kind, name, uid = (str(entry.get(key, "")) for key in ("kind", "name", "uid"))
            return Owner(kind, name, uid), group
    return NOBODY, ""
