"""The recorder's pod, and the namespace it lives in. docs/security.md explains each privilege."""

import math
import secrets
from dataclasses import dataclass

from kubectl_ebpfaudit import __version__
from kubectl_ebpfaudit.carrier import Order
from kubectl_ebpfaudit.cluster.api import Object

DEFAULT_NAMESPACE = "ebpfaudit"
DEFAULT_IMAGE = f"docker.io/ebpfaudit/recorder:{__version__}"
DEFAULT_SECONDS = 1800.0
CONTAINER = "recorder"
PROGRAM = "/usr/bin/ebpfaudit-recorder"
SPOOL = "/spool"
HOST_SYS = "/host/sys"

MAX_LOG_BYTES = 1 << 30
"""Size of a log at which the recorder ends it: the node evicts a pod that fills its spool."""

START_SECONDS = 120
"""How long the pod may take to run, its image included."""

_SLACK_SECONDS = 300
"""From the recording's own deadline to that by which the node ends the pod: nobody should ever see it."""

LABELS = {"app.kubernetes.io/name": "ebpfaudit", "app.kubernetes.io/managed-by": "kubectl-ebpfaudit"}


@dataclass(frozen=True)
class Place:
    """Where the recorder runs, and from what."""

    node: str
    namespace: str = DEFAULT_NAMESPACE
    image: str = DEFAULT_IMAGE
    pull_policy: str = "IfNotPresent"


def new_name() -> str:
    return f"ebpfaudit-{secrets.token_hex(4)}"


def namespace(name: str) -> Object:
    """A namespace that admits privileged pods (Pod Security Admission)."""
    labels = {**LABELS, "pod-security.kubernetes.io/enforce": "privileged"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def manifest(name: str, place: Place, order: Order) -> Object:
    seconds = order.duration or DEFAULT_SECONDS
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": place.namespace,
            "labels": {**LABELS, "ebpfaudit/recording": order.recording},
            "annotations": {"ebpfaudit/targets": ",".join(map(_target, order.targets))},
        },
        "spec": {
            "nodeName": place.node,
            "tolerations": [{"operator": "Exists"}],
            "hostPID": True,
            "dnsPolicy": "Default",
            "enableServiceLinks": False,
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "activeDeadlineSeconds": START_SECONDS + math.ceil(seconds) + _SLACK_SECONDS,
            "terminationGracePeriodSeconds": 5,
            "containers": [_container(place, order)],
            "volumes": [
                {"name": "sys", "hostPath": {"path": "/sys", "type": "Directory"}},
                {"name": "spool", "emptyDir": {"sizeLimit": f"{2 * MAX_LOG_BYTES >> 20}Mi"}},
                {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
            ],
        },
    }


def _target(target: Object) -> str:
    return "/".join(str(target.get(key, "")) for key in ("namespace", "pod", "container"))


def _container(place: Place, order: Order) -> Object:
    # Kubernetes expands $(NAME) in arguments; as JSON's own escape the sign stays what it is.
    config = order.config(HOST_SYS, MAX_LOG_BYTES).replace("$", "\\u0024")
    return {
        "name": CONTAINER,
        "image": place.image,
        "imagePullPolicy": place.pull_policy,
        "command": [PROGRAM],
        "args": ["agent", "--spool", SPOOL, "--config", config],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {"privileged": True, "runAsUser": 0, "readOnlyRootFilesystem": True},
        "resources": {
            "requests": {"cpu": "100m", "memory": "64Mi"},
            "limits": {"memory": "512Mi"},
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
