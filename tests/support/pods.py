"""Pods as the API shows them, in few words."""

from typing import Any

Object = dict[str, Any]
RUNNING: Object = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}


def pod(name: str = "p", phase: str = "Running", owner: Object | None = None, **containers: Any) -> Object:
    """A pod of namespace team with these containers: a text is the ID of one that runs, a dict its whole status."""
    containers = containers or {"app": f"{name}-1"}
    metadata: Object = {"name": name, "namespace": "team", "uid": f"uid-{name}", "resourceVersion": "100"}
    if owner:
        metadata["ownerReferences"] = [{**owner, "controller": True}]
    statuses = [
        {"name": key, **(status(running=value) if isinstance(value, str) else value)}
        for key, value in containers.items()
    ]
    return {
        "metadata": metadata,
        "spec": {
            "nodeName": "n1",
            "serviceAccountName": "robot",
            "containers": [{"name": key, "image": "i:1"} for key in containers],
        },
        "status": {"phase": phase, "containerStatuses": statuses},
    }


def status(running: str = "", ended: str = "", last: str = "", code: int = 0, **waiting: Any) -> Object:
    """The status of a container that runs, has ended or waits; `last` ended before it."""
    found: Object = {"containerID": f"containerd://{running or ended or last}", "imageID": "i@sha256:0"}
    if running:
        found["state"] = RUNNING
    elif ended:
        found["state"] = {"terminated": end(ended, code)}
    else:
        found["state"] = {"waiting": waiting}
    if last:
        found["lastState"] = {"terminated": end(last, code)}
    return found


def end(container_id: str, code: int) -> Object:
    reason = "Error" if code else "Completed"
    return {"containerID": f"containerd://{container_id}", "exitCode": code, "reason": reason}
