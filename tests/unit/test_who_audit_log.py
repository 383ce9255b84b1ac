"""Audit logs of any origin, size and intent: what is read of them."""

import contextlib
import gzip
import io
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from recorder.log.errors import AuditError
from replay.who import json_stream
from replay.who.audit_log import AuditLog, BadAuditLog, read_requests
from tests.support.audit import event, lines, log_entry, other
from tests.support.logs import MS, REALTIME, SECOND

EVENTS = [event("alice", 0, after=20 * MS), event("alice", 0, "ResponseComplete", after=9 * SECOND)]


def read(data: bytes) -> AuditLog:
    return read_requests(io.BytesIO(data), "audit.log", lambda seen: True)


def cloudwatch(events: list[dict[str, Any]], key: str = "events") -> dict[str, Any]:
    return {key: [{"timestamp": 1, "message": json.dumps(one), "ingestionTime": 2} for one in events]}


def azure(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"category": "kube-audit", "properties": {"log": json.dumps(one), "pod": "kube-apiserver-1"}} for one in events
    ]


def rows(events: list[dict[str, Any]], packed: bool) -> list[dict[str, Any]]:
    """Of Log Analytics' table AKSAudit."""
    names = {
        "AuditId": "auditID", "Stage": "stage", "RequestUri": "requestURI", "User": "user", "ObjectRef": "objectRef",
        "SourceIps": "sourceIPs", "UserAgent": "userAgent", "ResponseStatus": "responseStatus",
        "RequestReceivedTime": "requestReceivedTimestamp", "StageReceivedTime": "stageTimestamp",
    }  # fmt: skip
    pack: Callable[[Any], Any] = lambda value: json.dumps(value) if packed and not isinstance(value, str) else value  # noqa: E731
    return [{column: pack(one[name]) for column, name in names.items()} for one in events]


BY_LINES = lines(*EVENTS).splitlines(True)
FORMS = {
    "the API server's lines": lines(*EVENTS),
    "gzip": gzip.compress(lines(EVENTS[0])) + gzip.compress(lines(EVENTS[1])),
    "lines of a container's log": b"".join(b"2026-01-02T03:04:05Z stdout F " + line for line in BY_LINES),
    "objects on one line": lines(*EVENTS).replace(b"\n", b""),
    "an audit webhook's EventList": json.dumps({"kind": "EventList", "items": EVENTS}, indent=2).encode(),
    "EKS: aws logs filter-log-events": json.dumps(cloudwatch(EVENTS), indent=4).encode(),
    "EKS: a subscription": gzip.compress(json.dumps(cloudwatch(EVENTS, "logEvents")).encode() * 2),
    "EKS: an export to S3": b"".join(b"2026-01-02T03:04:05.000Z " + line for line in BY_LINES),
    "AKS: a storage account": lines(*azure(EVENTS)),
    "AKS: an event hub": json.dumps({"records": azure(EVENTS)}).encode(),
    "AKS: the table AzureDiagnostics": json.dumps([{"log_s": json.dumps(one)} for one in EVENTS], indent=2).encode(),
    "AKS: the table AKSAudit": json.dumps(rows(EVENTS, packed=False), indent=2).encode(),
    "AKS: the table AKSAudit, its columns as text": json.dumps(rows(EVENTS, packed=True), indent=2).encode(),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_wrapping_says_the_same(form: str) -> None:
    found = read(FORMS[form])
    [request] = found.requests.values()
    assert (request.person.user, request.person.groups) == ("alice", ("admins", "system:authenticated"))
    assert (request.namespace, request.pod, request.container) == ("default", "victim", "main")
    assert (request.command, request.tty, request.code) == ((b"bash",), True, 101)
    assert (request.received, request.started, request.ended) == (
        REALTIME,
        REALTIME + 20 * MS,
        REALTIME + 9 * SECOND,
    )
    assert request.person.source_ips == ("203.0.113.9",)
    assert request.person.user_agent.startswith("kubectl/v1.34.4")
    assert (found.begin, found.end, found.unreadable) == (REALTIME + 20 * MS, REALTIME + 9 * SECOND, 0)


def test_gke_names_the_user_and_not_the_command() -> None:
    refused = log_entry(
        "eve@example.com",
        SECOND,
        protoPayload={**log_entry("eve@example.com", 0)["protoPayload"], "status": {"code": 7}},
    )
    found = read(json.dumps([log_entry("alice@example.com", 0), refused], indent=2).encode())
    alice, eve = found.requests.values()
    assert (alice.person.user, alice.pod, alice.command, alice.container) == ("alice@example.com", "victim", None, "")
    assert (alice.audit_id, alice.person.source_ips) == ("op-alice@example.com-0", ("203.0.113.9",))
    assert (alice.refused, eve.refused) == (False, True)


def test_two_entries_of_gke_are_one_request() -> None:
    begin = log_entry("alice", 0, operation={"id": "op", "first": True})
    end = log_entry("alice", 9 * SECOND, operation={"id": "op", "last": True})
    [request] = read(lines(begin, end)).requests.values()
    assert (request.received, request.ended) == (REALTIME, REALTIME + 9 * SECOND)


def test_arguments_are_the_bytes_that_were_sent() -> None:
    one = event("alice", 0)
    one["requestURI"] = "/x?command=sh&command=a%20b%26c%3Dd&command=%ff%FE+x&command=&container=main&tty=true"
    [request] = read(lines(one)).requests.values()
    assert request.command == (b"sh", b"a b&c=d", b"\xff\xfe x", b"")


def test_requests_of_one_id_by_two_users_stay_two() -> None:
    found = read(lines(event("alice", 0, audit_id="x"), event("eve", 0, audit_id="x")))
    assert sorted(of.person.user for of in found.requests.values()) == ["alice", "eve"]


def test_time_that_is_covered_is_that_of_all_events() -> None:
    found = read(lines(other(-9 * SECOND), *[other(n) for n in range(5)], EVENTS[0], other(2), other(99 * SECOND)))
    assert (found.begin, found.end) == (REALTIME - 9 * SECOND, REALTIME + 99 * SECOND)


def test_a_debugging_container_is_named_if_the_log_has_the_request() -> None:
    spec = {"ephemeralContainers": [{"name": "debugger-x", "targetContainerName": "main"}]}
    one = event("alice", 0, subresource="ephemeralcontainers", requestObject={"spec": spec})
    one["requestURI"] = "/api/v1/namespaces/default/pods/victim/ephemeralcontainers"
    [request] = read(lines(one)).requests.values()
    assert (request.kind, request.container) == ("debug", "debugger-x")


HOSTILE = {
    "deep": b'{"exec":' * 100_000 + lines(EVENTS[0]),
    "deep, closed": b"[" * 100_000 + b"exec" + b"]" * 100_000,
    "a number without end": b'{"exec": ' + b"9" * 100_000 + b"}",
    "no UTF-8": b'{"exec": "\xff\xfe"}\n\xff\xff exec',
    "types": json.dumps({**EVENTS[0], "user": 7, "objectRef": [], "auditID": {}, "requestURI": 3}).encode(),
    "more types": json.dumps({"events": {"exec": 1}, "message": 7, "records": "exec"}).encode(),
    "an unfinished string": b'[\n{"exec": "' + b"x" * 1000,
    "an unfinished object": b'[\n{"auditID": "x", "exec": {',
    "closing brackets": b'{\n}}}}]]]] "exec"',
    "half a gzip": gzip.compress(lines(*EVENTS) * 50)[:200],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_one_error_or_passed_over(name: str) -> None:
    with contextlib.suppress(AuditError):
        assert not read(HOSTILE[name]).requests


def test_names_that_no_encoding_has_can_be_printed() -> None:
    one = json.dumps(event("alice", 0)).replace('"alice"', '"al\\ud800ice\\u202e"').encode()
    [request] = read(one).requests.values()
    assert request.person.user == "al\\ud800ice\u202e"


@pytest.mark.parametrize("begin", [b"", b"[\n"])
def test_memory_is_bounded_whatever_a_line_holds(begin: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "MAX_VALUE_BYTES", 1 << 20)
    endless = begin + lines(EVENTS[0]) + b'{"exec": "' + b"x" * (30 << 20)
    tracemalloc.start()
    found = read_requests(io.BufferedReader(io.BytesIO(endless)), "audit.log", lambda seen: True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.requests) == 1
    assert peak < 12 << 20
    assert found.unreadable


def test_a_long_document_is_read_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "_CHUNK", 37)
    many = [event(f'user {n}\\"{{[', n * SECOND) for n in range(50)]
    for data in (json.dumps(many, indent=1), json.dumps({"kind": "EventList", "items": many}, indent=1)):
        assert len(read(data.encode()).requests) == 50


def test_a_file_that_is_something_else_is_refused() -> None:
    for data in (b"", b"hello\nexec\n", b'{"a": 1}\n'):
        with pytest.raises(BadAuditLog, match=r"audit\.log: no audit event"):
            read(data)
    with pytest.raises(AuditError, match=r"cannot read audit\.log"):
        read(b"\x1f\x8b")
