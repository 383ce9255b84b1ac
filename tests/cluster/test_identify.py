"""`identify` with the audit log of the real API server: kubectl's sessions, by whom they were."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.client import Client
from tests.cluster.conftest import Victim
from tests.cluster.node import Node
from tests.cluster.node.wait import until

ALICE = ["--as", "alice", "--as-group", "system:masters"]
BOB = ["--as", "bob", "--as-group", "system:masters"]


@pytest.fixture
def client(node: Node, tmp_path: Path) -> Iterator[Client]:
    client = Client(node, tmp_path / "client")
    yield client
    assert client.left_behind() == []


def _exec(node: Node, victim: Victim, *words: str, who: list[str] | None = None) -> "subprocess.Popen[bytes]":
    argv = ["kubectl", "-n", victim.namespace, *(who or []), "exec", victim.pod, "--", *words]
    command = node.command(argv)
    return subprocess.Popen(command.argv, env=command.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def _audit_log(node: Node, folder: Path, victim: Victim, count: int) -> Path:
    """The audit log as it is once it has the ends of `count` requests to the pod."""
    path = folder / "audit.log"

    def events() -> list[dict[str, Any]]:
        return [of for of in node.audit_events() if of["objectRef"].get("namespace") == victim.namespace]

    def is_whole() -> bool:
        return len([of for of in events() if of["stage"] == "ResponseComplete"]) >= count

    until(is_whole, 60, lambda: f"only {events()}")
    path.write_text("".join(json.dumps(event) + "\n" for event in node.audit_events()))
    return path


def test_sessions_are_named_after_who_began_them(node: Node, client: Client, victim: Victim, tmp_path: Path) -> None:
    log = tmp_path / "s.ebpfaudit"
    node.kubectl("-n", victim.namespace, "exec", victim.pod, "--", "true")  # then there is an audit log
    # The same command in the same second, by two users; before it each runs something of their own.
    with client.record(victim.namespace, victim.pod, log, "--audit-log", str(node.audit_log)) as record:
        for who, words in (
            (None, ["sh", "-c", "id; echo mine"]),
            (ALICE, ["cat", "/etc/hostname"]),
            (BOB, ["ls", "/"]),
        ):
            assert _exec(node, victim, *words, who=who).wait(60) == 0
        both = [_exec(node, victim, "sleep", "1", who=who) for who in (ALICE, BOB)]
        assert [one.wait(60) for one in both] == [0, 0]
        uri = f"/api/v1/namespaces/{victim.namespace}/pods/{victim.pod}/exec?command=id&container=app"
        assert node.kubectl("create", "--raw", uri, "-f", "-", input="{}", user="alice", check=False).returncode == 1
        record.expect(r"session 5  ended")
        assert record.stop() == 0
        assert "\nsession 1: admin from 127.0.0.1, certain\n" in record.said
        assert "\nsession 2: alice (impersonated by admin) from 127.0.0.1, certain\n" in record.said
    audit_log = _audit_log(node, tmp_path, victim, 7)
    ran = client.run("identify", log, "--audit-log", audit_log, "--clock-skew", "60s", "-o", "json")
    found = json.loads(ran.printed)
    by_command = {
        tuple(of["argv"]): who
        for of in json.loads(client.run("show", log, "-o", "json").printed)["sessions"]
        for who in [of["user"]]
        if of["argv"] != ["sleep", "1"]
    }
    assert {command: (who["user"], who["confidence"]) for command, who in by_command.items()} == {
        ("sh", "-c", "id; echo mine"): ("admin", "certain"),
        ("cat", "/etc/hostname"): ("alice", "certain"),
        ("ls", "/"): ("bob", "certain"),
    }
    assert by_command["ls", "/"]["impersonator"] == "admin"
    [asked] = by_command["ls", "/"]["requests"]
    assert "system:masters" in asked["groups"]
    assert asked["source_ips"] == ["127.0.0.1"]
    assert asked["user_agent"].startswith("kubectl")
    assert asked["auditID"] in audit_log.read_text()
    slept = [of for of in found["sessions"] if of["confidence"] == "possible"]
    assert [sorted(one["user"] for one in of["requests"]) for of in slept] == [["alice", "bob"]] * 2
    assert [of["user"] for of in slept] == [None, None]
    [other] = found["other_requests"]
    assert (other["user"], other["command"], other["why"]) == ("alice", ["id"], "refused (403)")
