"""The recorders' pods of a cluster: makes them, finds them, asks them how they do, removes them."""

import json
import time
from collections.abc import Callable, Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubectl_ebpfaudit.cluster import pod as pods
from kubectl_ebpfaudit.cluster.api import Api
from kubectl_ebpfaudit.cluster.errors import ApiError, Forbidden, NotFound, Unreachable
from kubectl_ebpfaudit.cluster.exec import STDOUT, Dropped, ExecStream
from kubectl_ebpfaudit.cluster.objects import Object
from kubectl_ebpfaudit.cluster.patience import Patience
from kubectl_ebpfaudit.cluster.state import PodWatch, container_state, ended
from recorder.log.errors import AuditError
from replay.errors import WrongUsage
from replay.escape import printable

_ASK_SECONDS = 10.0
_AT_ONCE = 16
_MAX_ANSWER = 1 << 16
BEING_TERMINATED = "being terminated"
"""In what an API server says of a namespace that is being deleted (its admission plugin NamespaceLifecycle)."""
_MANAGED = "app.kubernetes.io/managed-by"


class NoRecorder(AuditError):
    exit_code = 4
    meaning = "there is no such pod, container, process, cgroup, recording or session"


@dataclass(frozen=True)
class Recorder:
    """A recorder's pod, and what it says of itself: {} if it cannot be asked; `problem` then says why."""

    pod: Object
    says: dict[str, Any]
    problem: str = ""

    @property
    def name(self) -> str:
        return str(self.pod["metadata"]["name"])

    @property
    def node(self) -> str:
        return str((self.pod.get("spec") or {}).get("nodeName", ""))

    @property
    def recording(self) -> str:
        """UUID of the recording."""
        return _recording(self.pod)

    @property
    def detached(self) -> bool:
        """Whether it was told to go on without a client."""
        return self._note(pods.DETACHED) == "true"

    @property
    def selection(self) -> str:
        """What it follows, as JSON; "" if it follows nothing."""
        return self._note(pods.SELECTION)

    @property
    def deadline(self) -> str:
        """When its recording ends at the latest, RFC 3339."""
        return self._note(pods.DEADLINE)

    @property
    def age(self) -> float:
        """Seconds since its pod was made."""
        made = str(self.pod["metadata"].get("creationTimestamp", ""))
        try:
            return max(0.0, time.time() - datetime.fromisoformat(made.replace("Z", "+00:00")).timestamp())
        except ValueError:
            return 0.0

    @property
    def state(self) -> str:
        """recording | ended (its log waits to be fetched) | starting | finished (its pod has ended) | unknown"""
        if ended(self.pod):
            return "finished"
        if "running" not in container_state(self.pod):
            return "starting"
        if not self.says:
            return "unknown"
        return "ended" if self.says.get("ended") else "recording"

    def _note(self, name: str) -> str:
        return str((self.pod["metadata"].get("annotations") or {}).get(name, ""))


def _recording(pod: Object) -> str:
    """UUID of the recording that a pod makes; "" if it does not tell."""
    return str((pod["metadata"].get("labels") or {}).get(pods.RECORDING, ""))


def create(api: Api, manifest: Object, heed: Callable[[], None] = lambda: None) -> Object:
    """Makes the pod, and its namespace if that is missing. Raises what Api.create does.

    A namespace that is being removed is waited for, at most START_SECONDS: until the pod is refused for another reason.
    `heed` is called meanwhile, and may raise to end that.
    """
    name = manifest["metadata"]["namespace"]
    patience, made = Patience(pods.START_SECONDS), False
    while True:
        try:
            return api.create(f"/api/v1/namespaces/{name}/pods", manifest)
        except NotFound as error:
            if error.kind != "namespaces" or made:
                raise
            _create_namespace(api, name)
            made = True
        except Forbidden as error:  # to watch namespaces takes a permission that nothing else here needs
            if BEING_TERMINATED not in str(error) or not patience.pause():
                raise
            heed()


def _create_namespace(api: Api, name: str) -> None:
    try:
        api.create("/api/v1/namespaces", pods.namespace(name))
    except ApiError as error:
        if error.status != 409:  # somebody else has just made it
            raise


def watch(api: Api, pod: Object) -> PodWatch:
    """The pod, to be followed until it is gone."""
    return PodWatch(api, str(pod["metadata"]["namespace"]), str(pod["metadata"]["name"]), pod)


def remove_namespace(api: Api, name: str, pretended: Container[str] = (), dry_run: bool = False) -> bool:
    """Removes the recorders' namespace if `record` made it and no pod is in it; whether it did, or would.

    In a dry run pods that were only `pretended` to be removed are still there, and do not count. Raises what Api.get
    does: Forbidden for who has the least roles, which have nothing of namespaces.
    """
    try:
        namespace = api.get(f"/api/v1/namespaces/{name}")
        if (namespace["metadata"].get("labels") or {}).get(_MANAGED) != pods.LABELS[_MANAGED]:
            return False
        pods_left = api.get(f"/api/v1/namespaces/{name}/pods").get("items") or []
        if any(pod["metadata"]["name"] not in pretended for pod in pods_left):
            return False
        if not dry_run:
            api.delete(f"/api/v1/namespaces/{name}", {"preconditions": {"uid": namespace["metadata"]["uid"]}})
    except NotFound:
        return False
    return True


def find(api: Api, namespace: str) -> list[Object]:
    """The recorders' pods in a namespace, oldest first."""
    selector = ",".join(f"{key}={value}" for key, value in pods.LABELS.items())
    items = api.get(f"/api/v1/namespaces/{namespace}/pods", labelSelector=selector).get("items") or []
    return sorted(items, key=lambda pod: (pod["metadata"].get("creationTimestamp", ""), pod["metadata"]["name"]))


def named(known: list[Object], namespace: str, name: str | None) -> list[Object]:
    """Those of the `known` recorders of a namespace that NAME means; with None the only recording's.

    NAME is a pod, or all of a recording (ebpfaudit-1a2b3c4d).

    Raises NoRecorder, or WrongUsage if it may be several.
    """
    where = f"in namespace {printable(namespace)}: see kubectl ebpfaudit status"
    if name is not None:
        chosen = [pod for pod in known if name in (pod["metadata"]["name"], *_aliases(pod))]
        if not chosen:
            raise NoRecorder(f"there is no recorder {printable(name)} {where}")
        return chosen
    if not known:
        raise NoRecorder(f"there is no recorder {where}")
    if len({_recording(pod) for pod in known}) > 1:
        names = ", ".join(printable(pod["metadata"]["name"]) for pod in known[:5])
        raise WrongUsage(f"there are several recorders: name one of {names}{' …' if len(known) > 5 else ''}")
    return known


def _aliases(pod: Object) -> list[str]:
    recording = _recording(pod)
    return [recording, pods.run_name(recording)] if recording else []


def ask(api: Api, pod: Object) -> Recorder:
    """The recorder of a pod with what it says of itself."""
    if "running" not in container_state(pod):
        return Recorder(pod, {})
    metadata = pod["metadata"]
    command = [pods.PROGRAM, "status", "--spool", pods.SPOOL]
    try:
        answer = run(api, metadata["namespace"], metadata["name"], command)
        says = json.loads(answer)
        return Recorder(pod, _plain(says) if isinstance(says, dict) else {})
    except (Unreachable, ApiError, Dropped) as error:
        return Recorder(pod, {}, printable(str(error)))
    except (ValueError, RecursionError):
        return Recorder(pod, {}, "what it says cannot be read: it may be of another version")


def ask_all(api: Api, found: Sequence[Object]) -> list[Recorder]:
    """The recorders of pods, in their order, asked side by side: one on a node that is away answers late."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda pod: ask(api, pod), found))


def _plain(says: dict[str, Any]) -> dict[str, Any]:
    """What of it this version can show: numbers, and words without anything odd."""
    return {
        key: value
        for key, value in says.items()
        if value is None or isinstance(value, int | float) or (isinstance(value, str) and value.isascii())
    }


def run(api: Api, namespace: str, pod: str, command: list[str]) -> bytes:
    """What a short command in a recorder's pod writes to stdout. Raises Unreachable or ApiError."""
    stream = ExecStream(api, namespace, pod, pods.CONTAINER, command)
    said = b""
    deadline = time.monotonic() + _ASK_SECONDS
    try:
        while len(said) < _MAX_ANSWER and stream.wait(-1, deadline - time.monotonic()):
            channel, data = stream.receive()
            said += data if channel == STDOUT else b""
    except Dropped:
        return said
    finally:
        stream.close()
    return said
