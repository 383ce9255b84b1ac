"""Finds the container to record: its node and its ID, from the API."""

from dataclasses import dataclass
from typing import Any

from kubectl_ebpfaudit.cluster.api import Api, Object
from kubectl_ebpfaudit.cluster.errors import NotFound, TargetNotRunning
from replay.escape import printable

_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
_LISTS = (
    ("containers", "containerStatuses"),
    ("initContainers", "initContainerStatuses"),
    ("ephemeralContainers", "ephemeralContainerStatuses"),
)


@dataclass(frozen=True)
class Found:
    """A running container. `target` describes it for the recorder."""

    node: str
    target: dict[str, Any]


def find(api: Api, namespace: str, pod_name: str, container: str | None) -> Found:
    """The container of that name, else the pod's default one.

    Raises NotFound, TargetNotRunning, or what Api.get does.
    """
    try:
        pod = api.get(f"/api/v1/namespaces/{namespace}/pods/{pod_name}")
    except NotFound as error:
        raise _no_pod(api, namespace, pod_name) from error
    metadata, spec, status = (pod.get(k) or {} for k in ("metadata", "spec", "status"))
    where = f"pod {printable(namespace)}/{printable(pod_name)}"
    name = container or _default_container(metadata, spec)
    image, state = _container(pod, name, where)
    phase = printable(str(status.get("phase", "Unknown")))
    if metadata.get("deletionTimestamp") and phase != "Running":
        phase = "Terminating"
    container_id = str(state.get("containerID") or "").rpartition("://")[2]
    if "running" not in (state.get("state") or {}) or not container_id:
        reason = _reason(state, status)
        raise TargetNotRunning(
            f"container {printable(name)} of {where} is not running (phase {phase}{reason}): "
            "wait until it runs and try again"
        )
    target = {
        "container_id": container_id,
        "namespace": namespace,
        "pod": pod_name,
        "container": name,
        "pod_uid": metadata.get("uid", ""),
        "image": image,
        "image_id": state.get("imageID", ""),
        "labels": metadata.get("labels") or {},
        "node": spec.get("nodeName", ""),
    }
    return Found(str(spec.get("nodeName", "")), target)


def _no_pod(api: Api, namespace: str, name: str) -> NotFound:
    """Whether the pod is missing, or its whole namespace; who may not ask for that is told of the pod."""
    try:
        api.get(f"/api/v1/namespaces/{namespace}")
    except NotFound:
        return NotFound(f"there is no namespace {printable(namespace)}: see kubectl get namespaces")
    return NotFound(f"there is no pod {printable(name)} in namespace {printable(namespace)}: see kubectl get pods -A")


def _default_container(metadata: Object, spec: Object) -> str:
    names = [str(c.get("name")) for c in spec.get("containers") or []]
    wanted = str((metadata.get("annotations") or {}).get(_DEFAULT_CONTAINER, ""))
    return wanted if wanted in names else names[0] if names else ""


def _container(pod: Object, name: str, where: str) -> tuple[str, Object]:
    """(image, status) of a container; the status is empty if there is none yet."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    names = []
    for of_spec, of_status in _LISTS:
        for container in spec.get(of_spec) or []:
            if container.get("name") == name:
                states = [s for s in status.get(of_status) or [] if s.get("name") == name]
                return str(container.get("image", "")), states[0] if states else {}
            names.append(str(container.get("name")))
    there = printable(", ".join(names))
    raise NotFound(f"there is no container {printable(name)} in {where}; there is: {there}")


def _reason(state: Object, status: Object) -> str:
    details = state.get("state") or {}
    for kind in ("waiting", "terminated"):
        if reason := (details.get(kind) or {}).get("reason"):
            return f", {kind}: {printable(str(reason))}"
    return f", {printable(str(status['reason']))}" if status.get("reason") else ""
