"""Audit logs: events as the API server writes them, and as the clouds wrap them."""

import json
from typing import Any
from urllib.parse import quote_plus

from replay.clock import rfc3339
from tests.support.logs import REALTIME


def moment(at: int) -> str:
    """The time `at` ns after the recording began, as audit logs have it."""
    return rfc3339(REALTIME + at)[:-4] + "Z"


def event(
    user: str,
    at: int,
    stage: str = "ResponseStarted",
    *,
    command: tuple[str, ...] = ("bash",),
    after: int = 0,
    pod: str = "victim",
    container: str = "main",
    subresource: str = "exec",
    tty: bool = True,
    code: int = 101,
    audit_id: str = "",
    **more: Any,
) -> dict[str, Any]:
    """An event about a request that came `at` ns after the recording began and reached its stage `after` ns later."""
    query = [("command", word) for word in command] + [("container", container)] * bool(container)
    query += [("stdin", "true"), ("stdout", "true"), ("tty", "true")] if tty else [("stdout", "true")]
    uri = f"/api/v1/namespaces/default/pods/{pod}/{subresource}"
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": audit_id or f"{user}-{at}",
        "stage": stage,
        "requestURI": f"{uri}?{'&'.join(f'{key}={quote_plus(value)}' for key, value in query)}",
        "verb": "create",
        "user": {"username": user, "groups": ["admins", "system:authenticated"]},
        "sourceIPs": ["203.0.113.9"],
        "userAgent": "kubectl/v1.34.4 (linux/amd64) kubernetes/abcdef0",
        "objectRef": {
            "resource": "pods",
            "namespace": "default",
            "name": pod,
            "apiVersion": "v1",
            "subresource": subresource,
        },
        "responseStatus": {"metadata": {}, "code": code},
        "requestReceivedTimestamp": moment(at),
        "stageTimestamp": moment(at + after),
        "annotations": {"authorization.k8s.io/decision": "allow"},
        **more,
    }


def other(at: int) -> dict[str, Any]:
    """An event about something else."""
    return {
        "kind": "Event",
        "auditID": f"other-{at}",
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/nodes",
        "objectRef": {"resource": "nodes"},
        "user": {"username": "system:node:node-1"},
        "requestReceivedTimestamp": moment(at),
        "stageTimestamp": moment(at),
    }


def lines(*events: dict[str, Any]) -> bytes:
    """As the API server's file has them."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in events)


def log_entry(user: str, at: int, *, pod: str = "victim", subresource: str = "exec", **more: Any) -> dict[str, Any]:
    """GKE's LogEntry of a request."""
    return {
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "authenticationInfo": {"principalEmail": user},
            "authorizationInfo": [
                {
                    "granted": True,
                    "permission": f"io.k8s.core.v1.pods.{subresource}.create",
                    "resource": f"core/v1/namespaces/default/pods/{pod}/{subresource}",
                }
            ],
            "methodName": f"io.k8s.core.v1.pods.{subresource}.create",
            "requestMetadata": {
                "callerIp": "203.0.113.9",
                "callerSuppliedUserAgent": "kubectl/v1.34.4 (linux/amd64) kubernetes/abcdef0",
            },
            "resourceName": f"core/v1/namespaces/default/pods/{pod}/{subresource}",
            "serviceName": "k8s.io",
            "status": {},
        },
        "insertId": f"{user}-{at}",
        "resource": {"type": "k8s_cluster", "labels": {"cluster_name": "prod", "location": "europe-west1"}},
        "timestamp": moment(at),
        "labels": {"authorization.k8s.io/decision": "allow"},
        "logName": "projects/shop/logs/cloudaudit.googleapis.com%2Factivity",
        "operation": {"id": f"op-{user}-{at}", "producer": "k8s.io", "first": True, "last": True},
        "receiveTimestamp": moment(at),
        **more,
    }
