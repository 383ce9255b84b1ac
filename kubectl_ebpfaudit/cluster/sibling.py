"""How a recorder's pod was made, read from the pod, so that further nodes get recorders like it."""

import json
from datetime import datetime, timezone
from typing import Any

from kubectl_ebpfaudit.carrier import Order, config_of
from kubectl_ebpfaudit.cluster import pod as pods
from kubectl_ebpfaudit.cluster.plan import Pods
from kubectl_ebpfaudit.cluster.recorders import Recorder
from kubectl_ebpfaudit.quantity import parse_bytes
from recorder.log.errors import AuditError

_COPIED = {
    "input": "input",
    "client_seconds": "idle_client_seconds",
    "first_client_seconds": "first_client_seconds",
    "linger_seconds": "linger_seconds",
    "spool_bytes": "spool_bytes",
    "stream_limit": "stream_limit",
    "probes": "probes",
    "sessions": "sessions",
}
"""What of an order further recorders share, and what it is called in a recorder's configuration."""


def how(recorder: Recorder) -> Pods:
    """How to make recorders that end when this one does.

    Raises AuditError if its pod does not say: it may be of another version, and anybody may have changed it.
    """
    try:
        [container] = recorder.pod["spec"]["containers"]
        config = json.loads(config_of(container["args"]))
        left = _left(recorder.deadline)
        order = Order(
            [],
            recording=recorder.recording,
            duration=left,
            **{name: config[told] for name, told in _COPIED.items() if told in config},
        )
        place = _place(recorder.pod, container)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise AuditError(f"the pod of {recorder.name} does not say how it was made") from error
    if left <= 0:
        raise AuditError(f"the time of {recorder.name} is over")
    return Pods(place, order, recorder.detached)


def _left(deadline: str) -> float:
    """Seconds that a recorder may record whose pod is to have that deadline, too: it leaves time to start."""
    until = datetime.fromisoformat(deadline.replace("Z", "+00:00"))
    return (until - datetime.now(timezone.utc)).total_seconds() - pods.START_SECONDS


def _place(pod: dict[str, Any], container: dict[str, Any]) -> pods.Place:
    secrets = pod["spec"].get("imagePullSecrets") or [{}]
    return pods.Place(
        node="",
        namespace=pod["metadata"]["namespace"],
        image=container["image"],
        pull_policy=container["imagePullPolicy"],
        pull_secret=secrets[0].get("name"),
        least_privilege=not container["securityContext"].get("privileged", False),
        memory=parse_bytes("memory", container["resources"]["limits"]["memory"]),
    )
