"""`attach`, `status`, `stop` and `cleanup`: recordings that go on after their client, and what is left of them."""

import json
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.commands import Ran, Running, exported, leave, recorders, run, shell, shown, type_in
from tests.cluster.conftest import Victim
from tests.cluster.node import Node
from tests.cluster.node.wait import until

_LIVE = rb"^Recording .*\n"
_FLOOD = 50_000_000
_SECONDS = 60


@pytest.fixture(autouse=True)
def no_recorder_left(node: Node) -> Iterator[None]:
    """After each test: no pod of ours; what a failed test has left must not make the next one fail."""
    yield
    left = [pod["metadata"]["name"] for pod in recorders(node)]
    for name in left:
        node.kubectl("-n", "ebpfaudit", "delete", "pod", name, "--grace-period=0", "--force", check=False)
    assert left == []


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of a user with a store of its own."""
    return {"EBPFAUDIT_HOME": str(tmp_path / "home")}


def _detached(node: Node, victim: Victim, *arguments: str) -> str:
    """The name of the recorder that `record --detach` has left."""
    ran = run(node, "record", victim.pod, "-n", victim.namespace, "--detach", *arguments)
    assert ran.code == 0, ran.err
    [name] = ran.out.splitlines()
    assert f"fetch it with kubectl ebpfaudit attach {name.rpartition('-')[0]}" in ran.err
    return name


def _status(node: Node) -> dict[str, dict[str, Any]]:
    ran = run(node, "status", "-o", "json")
    assert ran.code == 0, ran.err
    return {recorder["name"]: recorder for recorder in json.loads(ran.out)}


def _store(home: dict[str, str]) -> list[Path]:
    return sorted(Path(home["EBPFAUDIT_HOME"], "recordings").glob("*"))


def _session(node: Node, victim: Victim, word: str) -> bytes:
    with shell(node, victim.namespace, victim.pod) as terminal:
        type_in(terminal, f"seq 500; echo {word[:1]}''{word[1:]}", word.encode() + b"\r\n")
        return leave(terminal)


def test_client_killed_in_a_flood_goes_on_where_its_file_stops(node: Node, victim: Victim, tmp_path: Path) -> None:
    path = tmp_path / "flood.ebpfaudit"
    arguments = ("record", victim.pod, "-n", victim.namespace, "-w", str(path))
    with Running(node, *arguments) as record:
        record.expect(_LIVE)
        with shell(node, victim.namespace, victim.pod) as terminal:
            # It ends when all has been read: what is on its way then kubectl may drop on a busy machine.
            terminal.send(f"base64 /dev/urandom | head -c {_FLOOD}; echo all of i''t; read -r; exit\r".encode())
            terminal.expect(re.compile(rb"[\w+/]{70}\r\n"))
            until(lambda: path.stat().st_size > 1_000_000, _SECONDS, lambda: "nothing is recorded")
            assert record.signal(signal.SIGKILL) == -signal.SIGKILL
            # As if the machine had gone down in the middle of a write.
            with path.open("rb+") as file:
                file.truncate(path.stat().st_size - 7)
            with Running(node, "attach", "-w", str(path)) as attached:
                attached.expect(_LIVE)
                read = 0
                while read < _FLOOD:
                    news = terminal.read(_SECONDS)
                    assert news, f"no output after {read} bytes"
                    read += len(news)
                terminal.expect(b"all of it\r\n")
                terminal.send(b"\r")
                assert terminal.wait(_SECONDS) == 0
                attached.expect(b"session 1  ended, exit code 0")
                assert attached.signal(signal.SIGINT) == 0
    assert attached.printed.decode() == f"{path}\n"
    [session] = shown(node, path)["sessions"]
    assert not session["under_way"]
    assert len(terminal.output) > _FLOOD
    assert exported(node, path) == terminal.output


def test_recording_without_a_client_is_taken_up_by_any_and_stopped(
    node: Node, victim: Victim, tmp_path: Path, home: dict[str, str]
) -> None:
    name = _detached(node, victim)
    printed = _session(node, victim, "first")
    told: dict[str, Any] = {}

    def is_all_there() -> bool:
        told.update(_status(node)[name])
        return (told["sessions"], told["open_sessions"], told["output_bytes"]) == (1, 0, len(printed))

    until(is_all_there, _SECONDS, lambda: f"the session is not there: {told}")
    assert (told["node"], told["state"], told["detached"], told["targets"]) == ("node1", "recording", True, 1)
    assert (told["clients"], told["problem"]) == (0, None)
    assert told["waiting_bytes"] == told["log_bytes"] > 1000
    assert told["age_seconds"] > 1
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["deadline"])
    table = run(node, "status").out
    assert re.match(r"NAME +NODE +STATE +TARGETS +SESSIONS +LOG +WAITING +LOST +CLIENTS +AGE +DEADLINE\n", table)
    assert re.search(rf"^{name} +node1 +recording \(detached\) +1 +1 ", table, re.M)

    with Running(node, "attach", env=home) as attached:  # nothing of it is here yet
        attached.expect(rb"session 1  ended, exit code 0")
        until(lambda: _status(node)[name]["clients"] == 1, _SECONDS, lambda: "there is no client")
        assert attached.signal(signal.SIGKILL) < 0
    [path] = _store(home)
    with Running(node, "attach", name, env=home) as attached:  # the store knows the recording
        attached.expect(_LIVE)
        printed += _session(node, victim, "second")
        attached.expect(rb"session 2  ended, exit code 0")
        assert b"session 1" not in attached.said
        busy = run(node, "attach", name, "-w", str(path))
        assert busy.code == 9
        assert f"{path} is being written to by another program" in busy.err
        assert attached.signal(signal.SIGKILL) < 0
    stopped = run(node, "stop", told["recording"], env=home)
    assert stopped.code == 0, stopped.err
    assert stopped.out == f"{path}\n"
    assert "Recorded 2 sessions" in stopped.err
    assert len(shown(node, "latest", home)["sessions"]) == 2
    assert exported(node, f"{path}/1") + exported(node, f"{path}/2") == printed


def test_log_that_has_ended_waits_for_whoever_comes_for_it(
    node: Node, victim: Victim, tmp_path: Path, home: dict[str, str]
) -> None:
    name = _detached(node, victim, "--sessions", "1")
    empty = tmp_path / "empty"
    empty.touch()
    printed = _session(node, victim, "only")
    until(lambda: _status(node)[name]["state"] == "ended", _SECONDS, lambda: "it goes on")
    spared = run(node, "cleanup")
    assert (spared.code, spared.out) == (0, "")
    assert "its log waits to be fetched with attach" in spared.err
    attached = run(node, "attach", "-w", str(empty))
    assert attached.code == 0, attached.err
    assert "Recorded 1 session, " in attached.err
    assert shown(node, empty)["recording"]["end_reason"] == "sessions"
    assert exported(node, empty) == printed


def test_two_recorders_are_told_apart(node: Node, victim: Victim, tmp_path: Path, home: dict[str, str]) -> None:
    paths = {word: tmp_path / f"{word}.ebpfaudit" for word in ("a", "b")}
    with ExitStack() as closing:
        clients = {}
        for word, path in paths.items():
            arguments = ("record", victim.pod, "-n", victim.namespace, "-w", str(path), "--client-timeout", "5m")
            clients[word] = closing.enter_context(Running(node, *arguments))
        for client in clients.values():
            client.expect(_LIVE)
        printed = _session(node, victim, "both")
        for client in clients.values():
            client.expect(rb"session 1  ended")
            client.signal(signal.SIGKILL)
    recording = {word: run(node, "show", str(path), "-o", "json") for word, path in paths.items()}
    ids = {word: json.loads(ran.out)["recording"]["id"] for word, ran in recording.items()}
    names = {word: next(n for n, r in _status(node).items() if r["recording"] == ids[word]) for word in ids}

    either = run(node, "attach", env=home)
    assert either.code == 2
    assert all(name in either.err for name in names.values())
    nobody = run(node, "stop", "ebpfaudit-00000000", env=home)
    assert nobody.code == 4
    assert "there is no recorder ebpfaudit-00000000 in namespace ebpfaudit" in nobody.err
    before = paths["b"].read_bytes()
    other = run(node, "attach", names["a"], "-w", str(paths["b"]))
    assert other.code == 9
    assert other.err == f"error: {paths['b']} is no log of that recording: name another file with -w\n"
    assert paths["b"].read_bytes() == before

    for word, path in paths.items():  # the file says which
        assert run(node, "stop", "-w", str(path)).code == 0
        shown(node, path)
        assert exported(node, path) == printed
        assert names[word] not in _status(node)


def test_log_that_is_here_already_is_not_fetched_twice(
    node: Node, victim: Victim, tmp_path: Path, home: dict[str, str]
) -> None:
    name = _detached(node, victim)
    node.kubectl("-n", victim.namespace, "create", "rolebinding", "sees", "--clusterrole=view", "--user=alice")
    with _role(node, "pods=get,list,watch", "pods/exec=get,create"):
        _session(node, victim, "one")
        left = run(node, "stop", name, user="alice", env=home)
        assert left.code == 1
        assert f"pod ebpfaudit/{name} could not be deleted: forbidden: user " in left.err
        assert f"run kubectl -n ebpfaudit delete pod {name}" in left.err
        [path] = _store(home)
        shown(node, path)
    whole = run(node, "attach", name, env=home)
    assert whole.code == 21
    assert whole.err == f"error: {path} has all of that recording; its recorder was removed\n"
    assert recorders(node) == []


@contextmanager
def _role(node: Node, *rules: str) -> Iterator[None]:
    """alice may do this in the recorders' namespace, which exists."""
    described = [rule.partition("=") for rule in rules]
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "some"},
        "rules": [{"apiGroups": [""], "resources": [what], "verbs": verbs.split(",")} for what, _, verbs in described],
    }
    node.apply(role, namespace="ebpfaudit")
    node.kubectl("-n", "ebpfaudit", "create", "rolebinding", "some", "--role=some", "--user=alice")
    try:
        yield
    finally:
        node.kubectl("-n", "ebpfaudit", "delete", "rolebinding/some", "role/some", "--ignore-not-found")


def test_cleanup_removes_what_it_is_asked_to_and_says_so(node: Node, victim: Victim, home: dict[str, str]) -> None:
    # Tests of rights make the namespace as an administrator would, and that one is not removed.
    node.kubectl("delete", "namespace", "ebpfaudit", "--ignore-not-found")
    name = _detached(node, victim)
    node.apply(_stuck("stuck", "no.invalid/x:1"), namespace="ebpfaudit")
    node.apply(_stuck("stranger", "no.invalid/x:1", labels={}), namespace="ebpfaudit")
    found = _status(node)
    assert {n: r["state"] for n, r in found.items()} == {name: "recording", "stuck": "starting"}
    assert found["stuck"]["targets"] is None
    young = run(node, "cleanup", "--all", "--older-than", "1h")
    assert (young.code, young.out) == (0, "")
    assert young.err.count("is left alone: it is younger than --older-than says") == 2
    would = run(node, "cleanup", "--all", "--dry-run")
    assert would.out.splitlines() == sorted(
        [f"pod ebpfaudit/{name} would be removed (recording)", "pod ebpfaudit/stuck would be removed (starting)"]
    )
    assert len(recorders(node)) == 2
    node.kubectl("-n", "ebpfaudit", "delete", "pod", "stranger", "--grace-period=0", "--force")
    would = run(node, "cleanup", "--all", "--dry-run")
    assert would.out.splitlines()[-1] == "namespace ebpfaudit would be removed"
    removed = run(node, "cleanup", "--all")
    assert removed.code == 0, removed.err
    assert removed.out == would.out.replace("would be removed", "removed")
    node.kubectl("wait", "--for=delete", "namespace/ebpfaudit", "--timeout=60s")
    nothing = run(node, "cleanup", "--all")
    assert nothing.code == 0
    assert nothing.err == "Nothing found to remove in namespace ebpfaudit.\n"
    assert "No recorders found" in run(node, "status").err


def _stuck(name: str, image: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    ours = {"app.kubernetes.io/name": "ebpfaudit", "app.kubernetes.io/managed-by": "kubectl-ebpfaudit"}
    container = {"name": "recorder", "image": image, "command": ["true"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": ours if labels is None else labels},
        "spec": {"nodeName": "node1", "restartPolicy": "Never", "containers": [container]},
    }


def test_namespace_of_the_users_stays_and_recorders_of_any_state_are_shown(node: Node, victim: Victim) -> None:
    namespace = node.fresh_namespace()
    where = ("--recorder-namespace", namespace)

    def ours(*arguments: str) -> Ran:
        return run(node, *arguments, *where)

    evicted = _stuck("evicted", "no.invalid/x:1")
    # No kubelet may touch it, and a pod on a node that is none is deleted: it waits for a scheduler that never comes.
    del evicted["spec"]["nodeName"]
    evicted["spec"]["schedulerName"] = "nobody"
    for pod in (
        evicted,
        _stuck("over", "docker.io/ebpfaudit/app:test"),
        _stuck("other", "docker.io/ebpfaudit/app:test"),
    ):
        if pod["metadata"]["name"] == "other":
            pod["spec"]["containers"][0]["command"] = ["sleep", "infinity"]
        node.apply(pod, namespace=namespace)
    # As a node leaves a pod that it evicts before anything of it ran.
    status = '{"status": {"phase": "Failed", "reason": "Evicted", "message": "no room"}}'
    node.kubectl("-n", namespace, "patch", "pod", "evicted", "--subresource=status", "--type=merge", "-p", status)
    node.kubectl("-n", namespace, "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/over", "--timeout=60s")
    node.kubectl("-n", namespace, "wait", "--for=condition=Ready", "pod/other", "--timeout=60s")
    states = {r["name"]: r["state"] for r in json.loads(ours("status", "-o", "json").out)}
    assert states == {"evicted": "finished", "over": "finished", "other": "unknown"}
    said = ours("status").err
    assert said.count("warning: ") == 1
    assert "other does not say how it does: " in said
    some = ours("cleanup")
    assert sorted(some.out.splitlines()) == [
        f"pod {namespace}/{name} removed (finished)" for name in ("evicted", "over")
    ]
    rest = ours("cleanup", "--all")
    assert rest.out == f"pod {namespace}/other removed (unknown)\n"
    assert node.get("namespace", namespace)["status"]["phase"] == "Active"
    node.kubectl("delete", "namespace", namespace, "--wait=false")
