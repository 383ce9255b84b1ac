"""`record POD` on a real cluster: a real session, byte for byte, and no pod left behind on any way out."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from recorder.log.reader import Log, open_log
from tests.cluster.commands import CLIENT, ROOT, Running
from tests.cluster.conftest import Victim
from tests.cluster.node import Node
from tests.cluster.node.requirements import APP_IMAGE
from tests.support.terminal import Terminal


class Record(Running):
    """`record` at work."""

    def __init__(self, node: Node, *arguments: str, user: str = "admin") -> None:
        super().__init__(node, "record", *arguments, user=user)


def _run(node: Node, *arguments: str, user: str = "admin") -> tuple[int, str]:
    """(exit code, stderr) of a `record` that ends by itself; its stderr is one line."""
    with Record(node, *arguments, user=user) as record:
        code = record.wait()
    return code, record.said.decode()


def _client(node: Node, *arguments: str) -> bytes:
    command = node.command([*CLIENT, *arguments])
    return subprocess.run(command.argv, env=command.env, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout


def _shell(node: Node, victim: Victim) -> Terminal:
    argv = ["kubectl", "-n", victim.namespace, "exec", "-it", victim.pod, "--", "bash", "--norc"]
    command = node.command(argv)
    return Terminal(command.argv, env=command.env, rows=40, cols=100)


def _recorders(node: Node) -> list[dict[str, Any]]:
    labelled = "app.kubernetes.io/name=ebpfaudit"
    items: list[dict[str, Any]] = node.get("pods", "-A", "-l", labelled)["items"]
    return items


@pytest.fixture(autouse=True)
def no_recorder_left(node: Node) -> Iterator[None]:
    """After each test: no pod of ours, whatever happened."""
    yield
    assert _recorders(node) == []


def _log(path: Path) -> Log:
    with open_log(path) as log:
        return log


def test_session_is_recorded_byte_for_byte(node: Node, victim: Victim, tmp_path: Path) -> None:
    path = tmp_path / "s.ebpfaudit"
    name = f"{victim.namespace}/{victim.pod}/{victim.container}"
    with Record(node, victim.pod, "-n", victim.namespace, "-w", str(path), "--sessions", "1") as record:
        record.expect(b"^Recording .*\n")
        # A note on what the probes cost may follow at once, where only the last rung is there.
        assert record.said.startswith(f"Recording {name} on node1; stop with ctrl-C\n".encode())
        with _shell(node, victim) as terminal:
            terminal.expect(b"# ")
            terminal.send("ls -la /etc/hostname; printf 'ünï\\033[31m\\n'; seq 3 | sort -r\r".encode())
            terminal.expect(b"3\r\n2\r\n1\r\n")
            terminal.send(b"stty -echo; echo ready; read -r secret; stty echo; echo over\r")
            terminal.expect(b"ready\r\n")
            terminal.send(b"hunter2\r")
            terminal.expect(b"over\r\n")
            terminal.send(b"exit\r")
            assert terminal.wait() == 0
        assert record.wait() == 0
    assert record.printed.decode() == f"{path}\n"
    assert b"nothing was lost" in record.said
    assert path.stat().st_mode & 0o777 == 0o600

    shown = json.loads(_client(node, "show", str(path), "-o", "json"))
    [session] = shown["sessions"]
    commands = [run["argv"] for run in session["execs"]]
    assert commands[0] == ["bash", "--norc"]
    assert sorted(commands[1:]) == sorted(
        [["ls", "-la", "/etc/hostname"], ["seq", "3"], ["sort", "-r"], ["stty", "-echo"], ["stty", "echo"]]
    )
    for words in (
        b"session 1  ls -la /etc/hostname",
        b"session 1  stty -echo",
        b"session 1  ended, exit code 0",
    ):
        assert words in record.said
    assert _client(node, "export", str(path), "--format", "raw") == terminal.output
    typed = _client(node, "export", str(path), "--format", "raw", "--direction", "in")
    assert typed == terminal.sent.replace(b"hunter2\r", b"")
    assert shown["targets"][0]["pod"] == victim.pod


def test_recording_is_live_without_waiting_for_a_timeout(node: Node, victim: Victim, tmp_path: Path) -> None:
    with Record(node, victim.pod, "-n", victim.namespace, "-w", str(tmp_path / "x")) as record:
        record.expect(b"^Recording .*\n")
        seconds = time.monotonic() - record.started
    # The bench has the number; here, beside other work, only that nothing waits for a time-out.
    assert seconds < 60


def test_recorder_pod_is_what_the_docs_say(node: Node, victim: Victim, tmp_path: Path) -> None:
    with Record(node, f"pod/{victim.pod}", "-n", victim.namespace, "-w", str(tmp_path / "x")) as record:
        record.expect(b"^Recording .*\n")
        [pod] = _recorders(node)
    spec = pod["spec"]
    [container] = spec["containers"]
    assert pod["metadata"]["namespace"] == "ebpfaudit"
    assert spec["hostPID"] is True
    assert spec["automountServiceAccountToken"] is False
    assert spec["restartPolicy"] == "Never"
    assert spec["activeDeadlineSeconds"] > 1800
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["resources"]["limits"]["memory"] == "512Mi"
    assert [m["mountPath"] for m in container["volumeMounts"]] == ["/host/sys", "/spool", "/tmp"]
    assert container["volumeMounts"][0]["readOnly"] is True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_recording_with_a_whole_log(
    node: Node, victim: Victim, tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "x"
    with Record(node, victim.pod, "-n", victim.namespace, "-w", str(path)) as record:
        record.expect(b"^Recording .*\n")
        node.kubectl("-n", victim.namespace, "exec", victim.pod, "--", "true")
        record.program.send_signal(number)
        assert record.wait() == 0
    log = _log(path)
    assert log.damage is None
    assert log.end is not None
    assert log.end.reason == "stopped"
    assert log.end.totals["sessions"] == 1


def test_signal_while_the_pod_starts_records_nothing(node: Node, victim: Victim, tmp_path: Path) -> None:
    with Record(node, victim.pod, "-n", victim.namespace, "-w", str(tmp_path / "x")) as record:
        while not _recorders(node):
            assert record.program.poll() is None
        record.program.send_signal(signal.SIGINT)
        assert record.wait() == 130
    assert record.said == b"error: interrupted before the recording began: nothing was recorded\n"
    assert not list(tmp_path.iterdir())


def test_duration_ends_the_recording(node: Node, victim: Victim, tmp_path: Path) -> None:
    arguments = ["-n", victim.namespace, "-w", str(tmp_path / "x"), "--duration", "1s", "-q"]
    with Record(node, victim.pod, *arguments) as record:
        assert record.wait() == 0
    assert record.said == record.printed == b""
    log = _log(tmp_path / "x")
    assert log.end is not None
    assert log.end.reason == "duration"


def test_end_of_the_container_ends_the_recording(node: Node, victim: Victim, tmp_path: Path) -> None:
    with Record(node, victim.pod, "-n", victim.namespace, "-w", str(tmp_path / "x")) as record:
        record.expect(b"^Recording .*\n")
        node.kubectl("-n", victim.namespace, "delete", "pod", victim.pod, "--wait=false")
        assert record.wait() == 0
    assert b"the container has ended" in record.said
    log = _log(tmp_path / "x")
    assert log.end is not None
    assert log.end.reason == "target gone"


def _processes_with(*words: str) -> list[int]:
    """Process IDs of command lines that hold all `words`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if all(word.encode() in line for word in words):
            found.append(int(path.parent.name))
    return found


def _in_node(node: Node, pid: int) -> bool:
    """Whether the process is one of the node's; False if it has ended."""
    try:
        return node.cgroup + "/" in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False


def _kill(node: Node, verb: str) -> None:
    """Kills the recorder's process that runs `verb`, as seen from the host."""
    [pid] = [pid for pid in _processes_with("ebpfaudit-recorder", verb, "/spool") if _in_node(node, pid)]
    os.kill(pid, signal.SIGKILL)


def test_connection_that_drops_is_made_again_and_nothing_is_lost(node: Node, victim: Victim, tmp_path: Path) -> None:
    with Record(node, victim.pod, "-n", victim.namespace, "-w", str(tmp_path / "x"), "--sessions", "2") as record:
        record.expect(b"^Recording .*\n")
        node.kubectl("-n", victim.namespace, "exec", victim.pod, "--", "echo", "one")
        record.expect(b"session 1  ended")
        _kill(node, "serve")
        node.kubectl("-n", victim.namespace, "exec", victim.pod, "--", "echo", "two")
        assert record.wait() == 0
    assert b"session 2  echo two" in record.said
    assert _log(tmp_path / "x").damage is None


def test_recorder_that_dies_leaves_what_it_sent(node: Node, victim: Victim, tmp_path: Path) -> None:
    with Record(node, victim.pod, "-n", victim.namespace, "-w", str(tmp_path / "x")) as record:
        record.expect(b"^Recording .*\n")
        node.kubectl("-n", victim.namespace, "exec", victim.pod, "--", "echo", "one")
        record.expect(b"session 1  ended")
        _kill(node, "agent")
        assert record.wait() == 3
    assert record.said.splitlines()[-1].startswith(b"error: ")
    assert b"ends too early: the recorder on node node1 ended with exit code 137" in record.said
    assert b"Traceback" not in record.said
    log = _log(tmp_path / "x")
    assert log.damage is None
    assert log.end is not None
    assert log.end.reason == "recorder died"
    assert log.end.lost


def test_recorder_pod_that_somebody_deletes_leaves_what_it_sent(node: Node, victim: Victim, tmp_path: Path) -> None:
    with Record(node, victim.pod, "-n", victim.namespace, "-w", str(tmp_path / "x")) as record:
        record.expect(b"^Recording .*\n")
        [pod] = _recorders(node)
        arguments = ("delete", "pod", pod["metadata"]["name"], "--force", "--grace-period=0")
        node.kubectl("-n", "ebpfaudit", *arguments)
        # On SIGTERM the recorder ends its log; the kubelet may be faster.
        assert record.wait() in (0, 3)
    assert _log(tmp_path / "x").header.targets[0].pod == victim.pod


BAD = [
    (["nobody"], 4, "there is no pod nobody in namespace NS"),
    (["victim", "-n", "nowhere"], 4, "there is no namespace nowhere"),
    (["victim", "-c", "nothing"], 4, "there is no container nothing in pod NS/victim; there is: app"),
    (["victim", "--context", "none"], 17, "there is no context none in "),
    (["victim", "--kubeconfig", "/nowhere/config"], 17, "there is no kubeconfig at /nowhere/config"),
    (["victim", "--kubeconfig", "/dev/null"], 17, "the kubeconfig /dev/null cannot be used"),
    (["victim", "--image", "docker.io/x/none:1", "--image-pull-policy", "Never"], 14, "ErrImageNeverPull"),
    (["victim", "--image", "Not An Image"], 14, "InvalidImageName"),
    (["victim", "--image", APP_IMAGE, "--image-pull-policy", "Never"], 7, "is no recorder: "),
    (["victim", "--as", "alice"], 5, 'user "alice" may not get pods in namespace "NS"'),
]


@pytest.mark.parametrize(("arguments", "code", "says"), BAD, ids=lambda value: str(value)[:40])
def test_bad_input_is_one_line_and_leaves_nothing(
    node: Node, victim: Victim, tmp_path: Path, arguments: Sequence[str], code: int, says: str
) -> None:
    namespace = [] if "-n" in arguments else ["-n", victim.namespace]
    found, said = _run(node, *arguments, *namespace, "-w", str(tmp_path / "x"))
    assert found == code, said
    assert says.replace("NS", victim.namespace) in said
    assert re.fullmatch(r"error: .*\n", said)
    assert not list(tmp_path.iterdir())


def test_unreachable_api_server_is_one_line(node: Node, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(node.kubeconfig().read_text().replace(":6443", ":1"))
    code, said = _run(node, "victim", "--kubeconfig", str(config), "-w", str(tmp_path / "x"))
    assert code == 6
    assert said == (
        "error: the API server https://127.0.0.1:1 cannot be reached: Connection refused; "
        "check the cluster, the network and --context\n"
    )


def test_pod_that_does_not_run_is_one_line(node: Node, victim: Victim, tmp_path: Path) -> None:
    arguments = ("run", "idle", "--image=docker.io/x/none:1", "--image-pull-policy=Never", "--restart=Never")
    node.kubectl("-n", victim.namespace, *arguments)
    waiting = "jsonpath={.status.containerStatuses[0].state.waiting.reason}=ErrImageNeverPull"
    node.kubectl("-n", victim.namespace, "wait", f"--for={waiting}", "pod/idle")
    code, said = _run(node, "idle", "-n", victim.namespace, "-w", str(tmp_path / "x"))
    assert code == 15
    assert "is not running (Pending: ErrImageNeverPull: " in said


def test_existing_file_is_refused_before_anything_is_created(node: Node, victim: Victim, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"precious")
    code, said = _run(node, victim.pod, "-n", victim.namespace, "-w", str(tmp_path / "x"))
    assert code == 9
    assert "exists already" in said
    assert (tmp_path / "x").read_bytes() == b"precious"


def test_full_disk_ends_the_recording_and_removes_the_pod(node: Node, victim: Victim) -> None:
    code, said = _run(node, victim.pod, "-n", victim.namespace, "-w", "/dev/full", "--force")
    assert code == 9
    assert "No space left on device" in said
