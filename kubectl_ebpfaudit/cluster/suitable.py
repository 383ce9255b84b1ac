"""Whether the node's kernel sees what happens in a pod: what Windows, virtual nodes and sandboxes do not allow.

Objects come from the API as they are; who has not got one gives None or {}, and what it would tell is not checked.
"""

import re
from typing import Any

from kubectl_ebpfaudit.cluster.errors import Unsuitable
from replay.escape import printable

Object = dict[str, Any]

ARCHITECTURES = ("amd64", "arm64")
OLDEST_KERNEL = (5, 10)

_OWN_KERNEL = {
    "runsc": "gVisor",
    "gvisor": "gVisor",
    "kata": "Kata Containers",
    "quark": "Quark",
    "urunc": "a unikernel",
    "firecracker": "Firecracker",
}
"""Beginnings of the names of runtime handlers that bring a kernel of their own."""

_VIRTUAL_LABELS = {
    "type": "virtual-kubelet",
    "kubernetes.io/role": "virtual-kubelet",
    "eks.amazonaws.com/compute-type": "fargate",
}
_VIRTUAL_TAINT = "virtual-kubelet.io/provider"


def check(pod: Object, node: Object | None, runtime_class: Object | None) -> None:
    """Raises Unsuitable if recording this pod, or on this node if `pod` is {}, cannot work."""
    problems = (
        operating_system(pod, node),
        virtual(node),
        architecture(node),
        sandbox(pod, runtime_class),
    )
    for problem in filter(None, problems):
        raise Unsuitable(problem)


def operating_system(pod: Object, node: Object | None) -> str:
    """Why another system than Linux cannot be recorded; "" if it is Linux, or nobody knows."""
    found = _info(node).get("operatingSystem") or _labels(node).get("kubernetes.io/os")
    spec = pod.get("spec") or {}
    of_pod = (spec.get("os") or {}).get("name") or (spec.get("nodeSelector") or {}).get("kubernetes.io/os")
    for system, what in ((found, _named("node", node)), (of_pod, _named("pod", pod))):
        if system and str(system).lower() != "linux":
            return f"{what} runs {printable(_capital(system))}, which has no eBPF of Linux: it cannot be recorded"
    return ""


def virtual(node: Object | None) -> str:
    """Why a node that is none of its own cannot be recorded on; "" if it is a machine with a kubelet."""
    labels = _labels(node)
    spec = (node or {}).get("spec") or {}
    tainted = any(t.get("key") == _VIRTUAL_TAINT for t in spec.get("taints") or [] if isinstance(t, dict))
    version = str(_info(node).get("kubeletVersion", ""))
    known = any(str(labels.get(key, "")).lower() == value for key, value in _VIRTUAL_LABELS.items())
    if tainted or known or re.search(r"\bvk-|virtual-kubelet|-azure-aci", version):
        return (
            f"{_named('node', node)} is virtual: its pods run somewhere else, where no recorder can be started; "
            "move the workload to a node of this cluster to record it"
        )
    return ""


def architecture(node: Object | None) -> str:
    """Why a processor cannot be recorded on; "" if there is an image for it, or nobody knows."""
    found = _info(node).get("architecture") or _labels(node).get("kubernetes.io/arch")
    if found and found not in ARCHITECTURES:
        return f"{_named('node', node)} is {printable(found)}: there is a recorder for {' and '.join(ARCHITECTURES)}"
    return ""


def sandbox(pod: Object, runtime_class: Object | None) -> str:
    """Why a pod with a kernel of its own cannot be recorded; "" if it shares the node's, as far as is known.

    `runtime_class` is what the pod's runtimeClassName names; without it, its name is looked at.
    """
    name = str((pod.get("spec") or {}).get("runtimeClassName") or "")
    handler = str((runtime_class or {}).get("handler") or name)
    kind = next((kind for start, kind in _OWN_KERNEL.items() if handler.lower().startswith(start)), "")
    if not kind:
        return ""
    return (
        f"{_named('pod', pod)} has the runtime class {printable(name)}, "
        f"which is {kind} (handler {printable(handler)}): "
        "it has a kernel of its own, and the node's sees none of its commands and terminals; "
        "record a pod without that runtime class"
    )


def kernel(node: Object | None) -> str:
    """What speaks against a node's kernel; "" if it is new enough, or nobody knows. The recorder itself decides."""
    release = str(_info(node).get("kernelVersion", ""))
    numbers = re.match(r"(\d+)\.(\d+)", release)
    if numbers and tuple(map(int, numbers.groups())) < OLDEST_KERNEL:
        oldest = ".".join(map(str, OLDEST_KERNEL))
        return f"{_named('node', node)} runs Linux {printable(release)}: recording needs {oldest} or newer"
    return ""


def _info(node: Object | None) -> Object:
    info = ((node or {}).get("status") or {}).get("nodeInfo")
    return info if isinstance(info, dict) else {}


def _labels(node: Object | None) -> Object:
    labels = ((node or {}).get("metadata") or {}).get("labels")
    return labels if isinstance(labels, dict) else {}


def _named(kind: str, thing: Object | None) -> str:
    metadata = (thing or {}).get("metadata") or {}
    namespace = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{kind} {printable(namespace + str(metadata.get('name', '?')))}"


def _capital(system: object) -> str:
    return str(system)[:1].upper() + str(system)[1:]
