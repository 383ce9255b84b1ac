"""The containers of a pod as the API shows them, and what is told of each to the recorder. Pure: asks no cluster."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]

FINISHED = ("Succeeded", "Failed")
"""Phases that a pod never leaves."""

_LISTS = (
    ("initContainers", "initContainerStatuses", "init"),
    ("containers", "containerStatuses", "app"),
    ("ephemeralContainers", "ephemeralContainerStatuses", "ephemeral"),
)


@dataclass(frozen=True)
class Container:
    """A container that runs or ran. `target` is for the recorder, which writes it into the log.

    Its keys are all texts but `labels` and `probes`: container_id (without containerd://), namespace, pod, container,
    kind (app, init, sidecar or ephemeral), pod_uid, image, image_id, labels, owner (Deployment/web), service_account,
    node. `probes` has kind and argv of each probe and hook that runs a command.
    """

    node: str
    target: dict[str, Any]
    started_at: str
    runtime_class: str

    @property
    def container_id(self) -> str:
        return str(self.target["container_id"])

    @property
    def name(self) -> str:
        """namespace/pod/container."""
        return "/".join(str(self.target[key]) for key in ("namespace", "pod", "container"))


@dataclass(frozen=True)
class State:
    """A container of a pod's spec with what its status says, which is empty as long as there is none."""

    spec: Object
    kind: str
    status: Object

    @property
    def name(self) -> str:
        return str(self.spec.get("name", ""))

    @property
    def waiting(self) -> Object:
        return self._part("state", "waiting")

    @property
    def terminated(self) -> Object:
        """How it ended; {} if it runs, or runs again."""
        return self._part("state", "terminated")

    @property
    def running_id(self) -> str:
        """The ID, without its scheme, of the container that runs; else ""."""
        running = "running" in (self.status.get("state") or {})
        return _plain_id(self.status.get("containerID")) if running else ""

    def ends(self) -> dict[str, Object]:
        """By ID the containers of this name that the API remembers as ended: at most two."""
        found = {}
        for which in ("lastState", "state"):
            end = self._part(which, "terminated")
            # The kubelet writes an end without ID when it does not find the container any more.
            known = end.get("containerID") or (self.status.get("containerID") if which == "state" else "")
            if end and known:
                found[_plain_id(known)] = end
        return found

    def _part(self, which: str, kind: str) -> Object:
        found: Object = (self.status.get(which) or {}).get(kind) or {}
        return found


def states(pod: Object, only: str | None) -> Iterator[State]:
    """The containers of the pod, or the `only` one of that name."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    for of_spec, of_status, kind in _LISTS:
        by_name = {entry.get("name"): entry for entry in status.get(of_status) or []}
        for entry in spec.get(of_spec) or []:
            if only in (None, entry.get("name")):
                sidecar = kind == "init" and entry.get("restartPolicy") == "Always"
                yield State(entry, "sidecar" if sidecar else kind, by_name.get(entry.get("name")) or {})


def names(pod: Object) -> list[str]:
    """The names of its containers, the app's first, as kubectl lists them."""
    found = sorted(states(pod, None), key=lambda state: state.kind != "app")
    return [state.name for state in found]


def phase(pod: Object) -> str:
    return str((pod.get("status") or {}).get("phase", ""))


def started(pod: Object, state: State, container_id: str, since: Object, owner: str) -> Container:
    """The container of that ID. `since` is the part of its state that says when it started."""
    metadata, spec = pod.get("metadata") or {}, pod.get("spec") or {}
    node = str(spec.get("nodeName", ""))
    target = {
        "container_id": container_id,
        "namespace": str(metadata.get("namespace", "")),
        "pod": str(metadata.get("name", "")),
        "container": state.name,
        "kind": state.kind,
        "pod_uid": str(metadata.get("uid", "")),
        "image": str(state.spec.get("image") or state.status.get("image") or ""),
        "image_id": str(state.status.get("imageID") or "").removeprefix("docker-pullable://"),
        "labels": dict(metadata.get("labels") or {}),
        "owner": owner,
        "service_account": str(spec.get("serviceAccountName") or ""),
        "node": node,
    }
    if found := _probes(state.spec):
        target["probes"] = found
    return Container(node, target, str(since.get("startedAt") or ""), str(spec.get("runtimeClassName") or ""))


_PROBES = {"livenessProbe": "liveness probe", "readinessProbe": "readiness probe", "startupProbe": "startup probe"}
_HOOKS = {"postStart": "postStart hook", "preStop": "preStop hook"}
_MAX_COMMAND = 16 << 10
"""Characters of the command of a probe: what is longer is left out, and its runs are like any session then."""


def _probes(spec: Object) -> list[Object]:
    """The commands that the kubelet itself runs in the container, by which their sessions are known."""
    parts = [(kind, spec.get(key)) for key, kind in _PROBES.items()]
    parts += [(kind, (spec.get("lifecycle") or {}).get(key)) for key, kind in _HOOKS.items()]
    commands = ((kind, ((part or {}).get("exec") or {}).get("command")) for kind, part in parts)
    return [
        {"kind": kind, "argv": list(map(str, argv))}
        for kind, argv in commands
        if argv and sum(map(len, map(str, argv))) <= _MAX_COMMAND
    ]


def running(pod: Object, only: str | None) -> bool:
    """Whether at least one of its containers runs."""
    return phase(pod) not in FINISHED and any(state.running_id for state in states(pod, only))


def over(pod: Object, only: str | None) -> bool:
    """Whether no container of it, or not the `only` one, will ever run again."""
    if phase(pod) in FINISHED:
        return True
    found = list(states(pod, only)) if only else []
    return bool(found) and all(state.terminated and not _restarts(pod, state) for state in found)


def _restarts(pod: Object, state: State) -> bool:
    """Whether the kubelet starts it again after the end that it came to."""
    if state.kind == "ephemeral":
        return False
    if state.kind == "sidecar" or state.spec.get("restartPolicyRules"):
        return True
    policy = state.spec.get("restartPolicy") or (pod.get("spec") or {}).get("restartPolicy") or "Always"
    succeeded = state.terminated.get("exitCode") == 0
    return policy != "Never" and not (succeeded and (policy == "OnFailure" or state.kind == "init"))


def _plain_id(text: Any) -> str:
    """`0123…` of `containerd://0123…`."""
    return str(text or "").rpartition("://")[2]
