"""`record` of workloads, selectors and pods of several containers, compared with what kubectl printed."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.commands import CLIENT, ROOT, Running, exported, leave, recorders, run, shell, shown, type_in
from tests.cluster.conftest import Victim
from tests.cluster.node import Node
from tests.cluster.node.requirements import APP_IMAGE
from tests.cluster.node.wait import until
from tests.cluster.test_follow import WAITS, _container, _deployment, _go, _job, _pod, _template
from tests.cluster.test_record import _in_node, _processes_with
from tests.support.terminal import Terminal

_LIVE = rb"^Recording .*\n"
_TOLD = re.compile(rb"command terminated with exit code \d+\n\Z")
"""What kubectl itself adds when a session has ended with another exit code than 0."""


@pytest.fixture(autouse=True)
def no_recorder_left(node: Node) -> Iterator[None]:
    """After each test: no pod of ours, whatever happened."""
    yield
    assert recorders(node) == []


@pytest.fixture
def namespace(node: Node) -> Iterator[str]:
    name = node.fresh_namespace()
    yield name
    node.kubectl("delete", "namespace", name, "--wait=false")


def _pods(node: Node, namespace: str, selector: str = "app=web") -> list[str]:
    items = node.get("-n", namespace, "pods", "-l", selector)["items"]
    return sorted(pod["metadata"]["name"] for pod in items if "deletionTimestamp" not in pod["metadata"])


def _assert_sessions(node: Node, path: Path, printed: dict[tuple[str, str], list[bytes]]) -> dict[str, Any]:
    """That a folder of logs has exactly these sessions, by pod and container, byte for byte."""
    found = shown(node, path)
    by_target: dict[tuple[str, str], list[bytes]] = {}
    for session in found["sessions"]:
        key = session["pod"], session["container"]
        by_target.setdefault(key, []).append(exported(node, f"{path}/{session['id']}"))
    assert {key: sorted(values) for key, values in by_target.items()} == {
        key: sorted(_TOLD.sub(b"", value) for value in values) for key, values in printed.items()
    }
    return found


def test_deployment_that_is_scaled_and_restarts_shows_every_session_under_its_pod(
    node: Node, namespace: str, tmp_path: Path
) -> None:
    deployment = _deployment()
    deployment["spec"]["template"]["spec"]["containers"] = [_container(script=WAITS)]
    node.apply(deployment, namespace=namespace)
    node.kubectl("-n", namespace, "rollout", "status", "deploy/web")
    path = tmp_path / "run"
    printed: dict[tuple[str, str], list[bytes]] = {}
    with Running(node, "record", "deploy/web", "-n", namespace, "-w", f"{path}/") as record, ExitStack() as closing:
        record.expect(_LIVE)
        [first] = _pods(node, namespace)
        shells = {first: closing.enter_context(shell(node, namespace, first))}
        node.kubectl("-n", namespace, "scale", "deploy/web", "--replicas=3")
        type_in(shells[first], "seq 2000; echo o''ne", b"one\r\n")
        node.kubectl("-n", namespace, "rollout", "status", "deploy/web")
        for pod in _pods(node, namespace):
            if pod != first:
                record.expect(rb"%s/app  is recorded from here on" % pod.encode())
                shells[pod] = closing.enter_context(shell(node, namespace, pod))
        for pod, terminal in shells.items():
            type_in(terminal, f"ls -la /etc/hostname; echo i''n-{pod}", f"in-{pod}\r\n".encode())
        killed = sorted(shells)[1]
        before = record.said.count(b"the container has ended")
        _go(node, namespace, killed)
        shells[killed].wait()
        printed[killed, "app"] = [shells.pop(killed).output]
        record.expect(rb"(?s)%s/app  the container has ended.*%s/app  is recorded" % (killed.encode(), killed.encode()))
        assert record.said.count(b"the container has ended") == before + 1
        with shell(node, namespace, killed) as again:
            type_in(again, "echo a''gain", b"again\r\n")
            printed[killed, "app"].append(leave(again, 3))
        for pod, terminal in shells.items():
            printed.setdefault((pod, "app"), []).append(leave(terminal))
        record.expect(rb"session \d+  ended, exit code 3")
        assert record.signal(signal.SIGINT) == 0
    assert record.printed.decode() == f"{path}\n"
    # What _go ran is a session, too, without a terminal and without a word.
    printed[killed, "app"].append(b"")
    found = _assert_sessions(node, path, printed)
    assert len(found["targets"]) == 4
    assert {(target["owner"], target["kind"], target["labels"]["app"]) for target in found["targets"]} == {
        ("Deployment/web", "app", "web")
    }
    table = run(node, "show", str(path)).out
    for pod in (*shells, killed):
        assert f"Pod:         {namespace}/{pod}\n" in table


def test_every_container_of_a_pod_that_is_yet_to_come_is_recorded_until_it_is_deleted(
    node: Node, namespace: str, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    sidecar = _container("side", restartPolicy="Always")
    with Running(node, "record", "p", "-n", namespace, "--wait", "-w", f"{path}/") as record:
        record.expect(rb"^Waiting for pod/p to run .*\n")
        node.apply(_pod("p", initContainers=[_container("setup", WAITS), sidecar]), namespace=namespace)
        record.expect(_LIVE)
        assert f"Recording {namespace}/p/setup on node1".encode() in record.said
        printed: dict[tuple[str, str], list[bytes]] = {}
        with shell(node, namespace, "p", "setup") as terminal:
            # Its end ends the container, and so a shell that waits for it, before or after another prompt.
            terminal.send(b"exec touch /tmp/go\r")
            terminal.wait()
            printed["p", "setup"] = [terminal.output]
        record.expect(rb"/p/app  is recorded from here on")
        node.kubectl(
            *("-n", namespace, "debug", "p", f"--image={APP_IMAGE}", "-c", "dbg", "--target=app"),
            *("--profile=general", "--", "sleep", "infinity"),
        )
        record.expect(rb"/p/dbg  is recorded from here on")
        for container in ("side", "app", "dbg"):
            with shell(node, namespace, "p", container) as terminal:
                type_in(terminal, f"id; echo i''n {container}", f"in {container}\r\n".encode())
                printed["p", container] = [leave(terminal)]
        node.kubectl("-n", namespace, "delete", "pod", "p", "--wait=false")
        assert record.wait() == 0
    printed["p", "dbg"].append(b"")  # what kubectl debug starts there is a session, too
    found = _assert_sessions(node, path, printed)
    [log] = found["recording"]["logs"]
    assert log["end_reason"] == "target gone"
    assert {t["container"]: t["kind"] for t in found["targets"]} == {
        "setup": "init",
        "side": "sidecar",
        "app": "app",
        "dbg": "ephemeral",
    }
    for target in found["targets"]:
        assert (target["image"], target["service_account"], target["owner"]) == (APP_IMAGE, "default", "")
        assert target["labels"] == {"app": "web"}
        assert target["node"] == "node1"
        assert "sha256:" in target["image_id"]
        assert len(target["pod_uid"]) == 36
        assert target["end_reason"] == "exited"


def _workload(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    template = _template([_container()])
    template["metadata"]["labels"] = {"app": name, "team": "x"}
    spec = {"selector": {"matchLabels": {"app": name}}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def test_whatever_kubectl_names_is_recorded_also_by_several_at_once(node: Node, namespace: str, tmp_path: Path) -> None:
    node.apply(_workload("StatefulSet", "db", serviceName="db"), namespace=namespace)
    agent = _workload("DaemonSet", "agent")
    # A DaemonSet would go to a cordoned node as well.
    agent["spec"]["template"]["spec"]["nodeSelector"] = {"kubernetes.io/hostname": node.nodes[0]}
    node.apply(agent, namespace=namespace)
    node.apply(_workload("ReplicaSet", "rs"), namespace=namespace)
    node.apply(_job("once", WAITS), namespace=namespace)
    for name in ("one", "two"):
        node.apply(_pod(name), namespace=namespace)
    for selector in ("app=db", "app=agent", "app=rs", "job-name=once", "app=web"):
        created = ("--for=create", "--for=condition=Ready")
        for wanted in created:
            node.kubectl("-n", namespace, "wait", wanted, "pod", "-l", selector, "--timeout=60s")
    [job] = _pods(node, namespace, "job-name=once")
    pods = {
        "sts/db": ["db-0"],
        "ds/agent": _pods(node, namespace, "app=agent"),
        "rs/rs": _pods(node, namespace, "app=rs"),
        "job/once": [job],
        "one two": ["one", "two"],
        "-l team=x -A": ["db-0", *_pods(node, namespace, "app in (agent, rs)")],
    }
    runs = {what: [*what.split(), *(() if "-A" in what else ("-n", namespace))] for what in pods}
    with ExitStack() as closing:
        records = {}
        for number, (what, words) in enumerate(runs.items()):
            # Of a job and of a selector the sessions are counted as well; the others wait for ctrl-C.
            limit = ["--sessions", "3"] if "-A" in what else []
            arguments = ["record", *words, *limit, "-w", str(tmp_path / str(number)), "-o", "json"]
            records[what] = closing.enter_context(Running(node, *arguments))
        for record in records.values():
            record.expect(_LIVE)
        for pod in sorted({pod for named in pods.values() for pod in named}):
            node.kubectl("-n", namespace, "exec", pod, "--", "echo", f"in {pod}")
        node.kubectl("-n", namespace, "exec", job, "--", "touch", "/tmp/go", check=False)
        for what in ("job/once", "-l team=x -A"):
            assert records[what].wait() == 0
        for what, record in records.items():
            if record.program.returncode is None:
                assert record.signal(signal.SIGINT) == 0, what
    for number, (what, record) in enumerate(records.items()):
        found = shown(node, tmp_path / str(number))
        sessions = sorted((session["pod"], *session["argv"]) for session in found["sessions"])
        expected = [(pod, "echo", f"in {pod}") for pod in pods[what]]
        assert sessions == sorted(expected + ([(job, "touch", "/tmp/go")] if what == "job/once" else []))
        _assert_json_lines(record, sessions, tmp_path / str(number))
    shown_job = shown(node, tmp_path / str(list(runs).index("job/once")))
    assert shown_job["recording"]["end_reason"] == "target gone"


def _assert_json_lines(record: Running, sessions: list[tuple[str, ...]], path: Path) -> None:
    """That stdout is one JSON object a line, of all lanes, and stderr says when it began and what was recorded."""
    events = [json.loads(line) for line in record.printed.decode().splitlines()]
    assert events[-1] == {"type": "end", "file": str(path), "lost": False}
    kinds = [event["type"] for event in events]
    assert kinds.count("session_start") == kinds.count("session_end") == len(sessions)
    said = [line for line in record.said.splitlines() if not line.startswith(b"note: every system call on ")]
    assert len(said) == 2, record.said


def test_selector_that_matches_nothing_is_refused_unless_it_is_waited_for(
    node: Node, namespace: str, tmp_path: Path
) -> None:
    refused = run(node, "record", "-l", "app=none", "-n", namespace, "-w", str(tmp_path / "x"))
    assert refused.code == 4
    assert refused.err.startswith(f"error: no pod has the labels app=none in namespace {namespace}: see kubectl")
    arguments = ("-l", f"team={namespace}", "-A", "--wait", "--sessions", "1", "-w", str(tmp_path / "x"))
    with Running(node, "record", *arguments) as record:
        record.expect(rb"^Waiting for team=\S+ in all namespaces to run .*\n")
        late = _pod("late")
        late["metadata"]["labels"] = {"team": namespace}
        node.apply(late, namespace=namespace)
        record.expect(_LIVE)
        with shell(node, namespace, "late") as terminal:
            printed = leave(terminal)
        assert record.wait() == 0
    assert exported(node, tmp_path / "x") == printed
    with Running(node, "record", "-l", "app=other", "-n", namespace, "--wait") as waits:
        waits.expect(b"^Waiting for .*\n")
        assert waits.signal(signal.SIGINT) == 130
    assert waits.said.endswith(b"error: interrupted before the recording began: nothing was recorded\n")


_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\r")


def test_terminal_shows_how_it_goes_and_pipes_never_see_control_sequences(
    node: Node, victim: Victim, tmp_path: Path
) -> None:
    arguments = ["record", victim.pod, "-n", victim.namespace]
    command = node.command([*CLIENT, *arguments, "-w", str(tmp_path / "terminal")])
    with (
        Terminal(command.argv, env={**command.env, "PYTHONPATH": str(ROOT)}, cols=100) as screen,
        Running(node, *arguments, "-w", str(tmp_path / "quiet"), "-q") as quiet,
    ):
        screen.expect(b"Recording ")
        # A line of whichever second: it is drawn anew by and by, and none has to be drawn in each.
        screen.expect(re.compile(rb"00:(?!00)\d\d  0 sessions, 0 open  0 commands  0 B of output"))
        silent = tmp_path / "quiet"
        until(lambda: silent.exists() and silent.stat().st_size > 0, 60, lambda: "the other does not record")
        with shell(node, victim.namespace, victim.pod) as terminal:
            screen.expect(b"1 session, 1 open  1 command ")
            type_in(terminal, "printf '\\033]0;owned\\007%05000d\\n' 0", b"000\r\n")
            screen.expect(re.compile(rb"1 session, 1 open  1 command  5\.\d kB of output"))
            printed = leave(terminal)
        screen.expect(b"1 session, 0 open")
        screen.send(b"\x03")
        assert screen.wait() == 0
        until(lambda: exported(node, silent) == printed, 60, lambda: "the other does not have the output")
        assert quiet.signal(signal.SIGTERM) == 0
    assert b"\x1b]0;owned" not in screen.output
    last = screen.output.rpartition(b"\x1b[2K")[2]
    assert last.startswith(b"Recorded 1 session, 1 command, ")
    assert last.endswith(f"{tmp_path}/terminal\n".encode())
    assert quiet.said == b""
    assert quiet.printed == b""
    assert _CONTROL.search(quiet.said + quiet.printed) is None
    assert shown(node, tmp_path / "quiet")["recording"]["state"] == "complete"


def test_second_ctrl_c_gives_up_what_is_still_on_the_way(node: Node, victim: Victim, tmp_path: Path) -> None:
    path = tmp_path / "x"
    with Running(node, "record", victim.pod, "-n", victim.namespace, "-w", str(path)) as record:
        record.expect(_LIVE)
        with shell(node, victim.namespace, victim.pod) as terminal:
            printed = leave(terminal)
        record.expect(b"session 1  ended")
        until(lambda: exported(node, path) == printed, 60, lambda: "the output is not there")
        [agent] = [p for p in _processes_with("ebpfaudit-recorder", "agent", "/spool") if _in_node(node, p)]
        os.kill(agent, signal.SIGSTOP)
        record.program.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            record.program.wait(1)
        assert record.signal(signal.SIGINT) == 3
    assert record.said.endswith(b"has no end record: it was interrupted a second time\n")
    assert exported(node, path) == printed


def test_two_recorders_of_one_container_each_record_everything(node: Node, victim: Victim, tmp_path: Path) -> None:
    with ExitStack() as closing:
        records = []
        for name in ("a", "b"):
            arguments = ("record", victim.pod, "-n", victim.namespace, "-w", f"{tmp_path / name}/", "--sessions", "1")
            records.append(closing.enter_context(Running(node, *arguments)))
        for record in records:
            record.expect(_LIVE)
        assert len(recorders(node)) == 2
        with shell(node, victim.namespace, victim.pod) as terminal:
            type_in(terminal, "seq 100000; echo d''one", b"done\r\n")
            printed = leave(terminal)
        assert [record.wait() for record in records] == [0, 0]
    for name in ("a", "b"):
        shown(node, tmp_path / name)
        assert exported(node, tmp_path / name) == printed
        assert [path.name for path in (tmp_path / name).iterdir()] == ["node1.ebpfaudit"]
