"""Audit events as the clouds wrap them. What a wrapping does not say (GKE: the command) stays unknown.

GKE: Cloud Logging's LogEntry with an AuditLog in protoPayload (google.cloud.audit.AuditLog).
AKS: a row of the table AKSAudit of Log Analytics (Azure Monitor's reference of tables), a column a field.
EKS and AKS' diagnostic settings wrap the API server's own event as text: see `unwrap`.
"""

import json
from typing import Any

from replay.who.request import KINDS, Person, Seen
from replay.who.values import mapping, moment, string

_RPC_TO_HTTP = {5: 404, 7: 403, 16: 401}
"""google.rpc.Code: NOT_FOUND, PERMISSION_DENIED, UNAUTHENTICATED."""

_COLUMNS = {
    "AuditId": "auditID",
    "Stage": "stage",
    "RequestUri": "requestURI",
    "Verb": "verb",
    "UserAgent": "userAgent",
    "RequestReceivedTime": "requestReceivedTimestamp",
    "StageReceivedTime": "stageTimestamp",
    "User": "user",
    "ImpersonatedUser": "impersonatedUser",
    "ObjectRef": "objectRef",
    "SourceIps": "sourceIPs",
    "ResponseStatus": "responseStatus",
    "RequestObject": "requestObject",
}


def is_log_entry(value: dict[str, Any]) -> bool:
    """Whether this is a LogEntry of GKE's audit log."""
    payload = value.get("protoPayload")
    return isinstance(payload, dict) and string(payload.get("methodName")).startswith("io.k8s.")


def entry_time(entry: dict[str, Any]) -> int:
    """ns since 1970-01-01 UTC"""
    return moment(entry.get("timestamp")) or moment(mapping(entry.get("protoPayload")).get("timestamp"))


def seen_in_entry(entry: dict[str, Any]) -> Seen | None:
    """What a LogEntry says of a request that enters a container; None if it is about another one."""
    payload = mapping(entry.get("protoPayload"))
    parts = string(payload.get("resourceName")).split("/")
    if len(parts) != 7 or parts[:3] != ["core", "v1", "namespaces"] or parts[4] != "pods" or parts[6] not in KINDS:
        return None
    who, asked = mapping(payload.get("authenticationInfo")), mapping(payload.get("requestMetadata"))
    operation = mapping(entry.get("operation"))
    address = string(asked.get("callerIp"))
    time = entry_time(entry)
    ends_only = _true(operation.get("last")) and not _true(operation.get("first"))
    failure = mapping(payload.get("status")).get("code")
    return Seen(
        # Both entries of a request that takes long have its ID as that of their operation.
        audit_id=string(operation.get("id")) or string(entry.get("insertId")),
        kind=KINDS[parts[6]],
        namespace=parts[3],
        pod=parts[5],
        container="",
        command=None,
        tty=None,
        person=Person(
            user=string(who.get("principalEmail")) or string(who.get("principalSubject")),
            source_ips=(address,) if address else (),
            user_agent=string(asked.get("callerSuppliedUserAgent")),
        ),
        stage="ResponseComplete" if ends_only else "",
        time=time,
        received=time,
        code=_RPC_TO_HTTP.get(failure, 500) if isinstance(failure, int) and failure else 0,
    )


def is_row(value: dict[str, Any]) -> bool:
    """Whether this is a row of AKSAudit."""
    return "AuditId" in value and "RequestUri" in value


def event_of_row(row: dict[str, Any]) -> dict[str, Any]:
    """The row as the API server's event. Its dynamic columns are objects, or text that holds one."""
    return {name: _dynamic(row[column]) for column, name in _COLUMNS.items() if column in row}


def _dynamic(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value


def _true(value: Any) -> bool:
    return value is True or value == "true"
