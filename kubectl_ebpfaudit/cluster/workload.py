"""Deployments and their kin as the API shows them: which pods are theirs, and whether they have ended."""

from kubectl_ebpfaudit.cluster.errors import ApiError
from kubectl_ebpfaudit.cluster.owners import Owners, direct_owner
from kubectl_ebpfaudit.cluster.targets import Object
from replay.escape import printable

_PATHS = {
    "deployment": ("apps", "deployments"),
    "statefulset": ("apps", "statefulsets"),
    "daemonset": ("apps", "daemonsets"),
    "replicaset": ("apps", "replicasets"),
    "job": ("batch", "jobs"),
}
_OPERATORS = {"In": "in", "NotIn": "notin"}
_HASH_LABEL = "pod-template-hash"


def path(kind: str, namespace: str, name: str) -> str:
    group, resource = _PATHS[kind]
    return f"/apis/{group}/v1/namespaces/{namespace}/{resource}/{name}"


def selector(thing: Object) -> str:
    """Its spec.selector, a metav1.LabelSelector, in the form that labelSelector takes. Raises ApiError."""
    wanted = (thing.get("spec") or {}).get("selector") or {}
    parts = [f"{key}={value}" for key, value in (wanted.get("matchLabels") or {}).items()]
    for entry in wanted.get("matchExpressions") or []:
        key, operator, values = entry.get("key"), entry.get("operator"), ",".join(entry.get("values") or [])
        if operator in _OPERATORS:
            parts.append(f"{key} {_OPERATORS[operator]} ({values})")
        elif operator in ("Exists", "DoesNotExist"):
            parts.append(str(key) if operator == "Exists" else f"!{key}")
        else:
            raise ApiError(f"the selector of {_name(thing)} has an operator that is not known: name its pods instead")
    if not parts:
        raise ApiError(f"{_name(thing)} selects no pods by label: name its pods instead")
    return ",".join(parts)


def owns(kind: str, name: str, own_uid: str, pod: Object, owners: Owners) -> bool:
    """Whether the pod was made by the workload, or by a ReplicaSet of the deployment."""
    direct, _ = direct_owner(pod)
    if kind != "deployment":
        return direct.uid == own_uid
    if direct.kind != "ReplicaSet":
        return False
    top = owners.of(pod)
    if not top.guessed:
        return top.uid == own_uid
    # The ReplicaSet is gone already, or may not be read: its name is made of the deployment's and of this label.
    label = ((pod.get("metadata") or {}).get("labels") or {}).get(_HASH_LABEL)
    return bool(label) and direct.name == f"{name}-{label}"


def completed(thing: Object) -> str:
    """Complete or Failed, with the reason, of a job that will start no more pods; else ""."""
    if thing.get("kind") != "Job":
        return ""
    for condition in (thing.get("status") or {}).get("conditions") or []:
        if condition.get("type") in ("Complete", "Failed") and condition.get("status") == "True":
            return ": ".join(filter(None, (str(condition["type"]), str(condition.get("reason") or ""))))
    return ""


def deleted(thing: Object) -> bool:
    """Whether it is about to be deleted: it then makes no more pods."""
    return bool((thing.get("metadata") or {}).get("deletionTimestamp"))


def uid(thing: Object) -> str:
    return str((thing.get("metadata") or {}).get("uid", ""))


def _name(thing: Object) -> str:
    return printable(f"{thing.get('kind', '')} {(thing.get('metadata') or {}).get('name', '')}")


def replicas(thing: Object) -> str:
    """How many pods it should have, as a number; "" if nobody says."""
    spec, status = thing.get("spec") or {}, thing.get("status") or {}
    wanted = spec.get("replicas", status.get("desiredNumberScheduled", spec.get("parallelism")))
    return "" if wanted is None else str(wanted)
