"""The recorder's pod, and the namespace it lives in. docs/security.md explains each privilege."""

import copy
import math
import secrets
import time
from dataclasses import dataclass

from kubectl_ebpfaudit.carrier import Order, agent_arguments
from kubectl_ebpfaudit.cluster.objects import Object
from kubectl_ebpfaudit.image import DEFAULT_IMAGE

DEFAULT_NAMESPACE = "ebpfaudit"
DEFAULT_SECONDS = 1800.0
CONTAINER = "recorder"
PROGRAM = "/usr/bin/ebpfaudit-recorder"
SPOOL = "/spool"
HOST_SYS = "/host/sys"

DEFAULT_MEMORY = 512 << 20
"""Bytes that the recorder may use; it takes about 120 MiB while it starts."""

START_SECONDS = 120
"""How long the pod may take to run, its image included."""

_SLACK_SECONDS = 120
"""From the recorder's own deadline to that by which the node ends the pod: nobody should ever see it."""

CAPABILITIES = ("BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH")
"""What is enough of root's power for --least-privilege; docs/security.md says what each is for."""

LABELS = {"app.kubernetes.io/name": "ebpfaudit", "app.kubernetes.io/managed-by": "kubectl-ebpfaudit"}


@dataclass(frozen=True)
class Place:
    """Where the recorder runs, and from what."""

    node: str
    namespace: str = DEFAULT_NAMESPACE
    image: str = DEFAULT_IMAGE
    pull_policy: str = "IfNotPresent"
    pull_secret: str | None = None
    """Name of a secret of the namespace with the registry's credentials."""
    least_privilege: bool = False
    """Whether the recorder gets CAPABILITIES instead of `privileged`, which works wherever it can work at all."""
    memory: int = DEFAULT_MEMORY
    """Bytes that the recorder may use."""


@dataclass(frozen=True)
class Notes:
    """What a recorder's pod says of itself to those who find it. `selection` is what it follows, as JSON text."""

    selection: str = ""
    detached: bool = False


NO_NOTES = Notes()

RECORDING, SELECTION, DETACHED, DEADLINE = (
    f"ebpfaudit/{word}" for word in ("recording", "selection", "detached", "deadline")
)
"""Labels and annotations of a recorder's pod."""


def run_name(recording: str) -> str:
    """What the names of all recorders of a recording (its UUID) begin with."""
    return f"ebpfaudit-{recording[:8]}"


def new_name(recording: str) -> str:
    # As many digits as it takes that the recorders of a thousand nodes have names of their own.
    return f"{run_name(recording)}-{secrets.token_hex(4)}"


def namespace(name: str) -> Object:
    """A namespace that admits privileged pods (Pod Security Admission), on any node.

    OpenShift would give its pods the cluster's defaultNodeSelector, by which nodes of other roles refuse them.
    """
    labels = {**LABELS, "pod-security.kubernetes.io/enforce": "privileged"}
    metadata = {"name": name, "labels": labels, "annotations": {"openshift.io/node-selector": ""}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def deadline_seconds(order: Order) -> float:
    """How long the recorder may take in all, from the moment in which its pod is asked for."""
    waits = [order.client_seconds, order.linger_seconds]
    return START_SECONDS + (order.duration or DEFAULT_SECONDS) + sum(w for w in waits if w) + _SLACK_SECONDS


def manifest(name: str, place: Place, order: Order, notes: Notes = NO_NOTES) -> Object:
    """The pod. What others are to know of it is in its annotations. Raises AuditError if that is too much for a pod."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": place.namespace,
            "labels": {**LABELS, RECORDING: order.recording},
            "annotations": {
                SELECTION: notes.selection,
                DETACHED: str(notes.detached).lower(),
                DEADLINE: _rfc3339(time.time() + START_SECONDS + (order.duration or DEFAULT_SECONDS)),
                **_old_apparmor(place),
            },
        },
        "spec": {
            "nodeName": place.node,
            "tolerations": [{"operator": "Exists"}],
            "hostPID": True,
            "dnsPolicy": "Default",
            "enableServiceLinks": False,
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "activeDeadlineSeconds": math.ceil(deadline_seconds(order)),
            "terminationGracePeriodSeconds": 5,
            **({"imagePullSecrets": [{"name": place.pull_secret}]} if place.pull_secret else {}),
            "containers": [_container(place, order)],
            "volumes": [
                {"name": "sys", "hostPath": {"path": "/sys", "type": "Directory"}},
                {"name": "spool", "emptyDir": {"sizeLimit": f"{(2 * order.spool_bytes >> 20) + 64}Mi"}},
                {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
            ],
        },
    }


def unreserved(pod: Object) -> Object:
    """The same pod, for a node that has promised all it has to others: it asks for nothing, and gets what is idle."""
    changed = copy.deepcopy(pod)
    for container in changed["spec"]["containers"]:
        container["resources"]["requests"] = {"cpu": "0", "memory": "0"}
    return changed


def _rfc3339(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _power(place: Place) -> Object:
    """What the recorder may do beyond its own container, as fields of a securityContext."""
    if not place.least_privilege:
        return {"privileged": True}
    return {
        "privileged": False,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"], "add": list(CAPABILITIES)},
        # The runtimes' default lets BPF and PERFMON call bpf and perf_event_open; with nothing said, a node may choose.
        "seccompProfile": {"type": "RuntimeDefault"},
        # The runtimes' own profiles forbid a look at other processes. What a node or an API server (appArmorProfile
        # before 1.30) does not know, it ignores.
        "appArmorProfile": {"type": "Unconfined"},
        "seLinuxOptions": {"type": "spc_t"},
    }


def _old_apparmor(place: Place) -> Object:
    """What appArmorProfile was before Kubernetes 1.30: an annotation."""
    name = f"container.apparmor.security.beta.kubernetes.io/{CONTAINER}"
    return {name: "unconfined"} if place.least_privilege else {}


def _container(place: Place, order: Order) -> Object:
    # Kubernetes expands $(NAME) in arguments; as JSON's own escape the sign stays what it is.
    config = order.config(HOST_SYS).replace("$", "\\u0024")
    return {
        "name": CONTAINER,
        "image": place.image,
        "imagePullPolicy": place.pull_policy,
        "command": [PROGRAM],
        "args": agent_arguments(SPOOL, config),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {"runAsUser": 0, "readOnlyRootFilesystem": True, **_power(place)},
        "resources": {
            "requests": {"cpu": "100m", "memory": "64Mi"},
            "limits": {"memory": f"{place.memory >> 20}Mi"},
        },
        "volumeMounts": [
            {
                "name": "sys",
                "mountPath": HOST_SYS,
                "readOnly": True,
                "mountPropagation": "HostToContainer",
            },
            {"name": "spool", "mountPath": SPOOL},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
