"""Every way into a pod that kubectl and the kubelet have: what each is called, and what went through it."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.commands import CLIENT, ROOT, Running, shown
from tests.cluster.node import Node
from tests.cluster.node.requirements import APP_IMAGE
from tests.support.terminal import Terminal

LIVENESS, READINESS = ["cat", "/etc/hostname"], ["sh", "-c", "test -e /etc/passwd"]
POST_START, PRE_STOP = ["sh", "-c", "echo begun"], ["sh", "-c", "echo drained >&2; exit 0"]
PIPED = os.urandom(300_007)
_OFTEN = {"periodSeconds": 1, "timeoutSeconds": 60, "failureThreshold": 1000}
"""Of probes that restart nothing where a second is not enough for a command."""


def pod() -> dict[str, Any]:
    container = {
        "name": "app",
        "image": APP_IMAGE,
        "imagePullPolicy": "Never",
        "command": ["sleep", "infinity"],
        "livenessProbe": {"exec": {"command": LIVENESS}, **_OFTEN},
        "readinessProbe": {"exec": {"command": READINESS}, **_OFTEN},
        "lifecycle": {"postStart": {"exec": {"command": POST_START}}, "preStop": {"exec": {"command": PRE_STOP}}},
    }
    shell = {"name": "shell", "image": APP_IMAGE, "imagePullPolicy": "Never", "tty": True, "stdin": True}
    containers = [container, {**shell, "command": ["bash", "--norc"]}]
    spec = {"terminationGracePeriodSeconds": 5, "containers": containers}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "kinds"}, "spec": spec}


def raw(node: Node, log: Path, session: int, stream: str) -> bytes:
    command = node.command([*CLIENT, "export", f"{log}/{session}", "--format", "raw", "--stream", stream])
    return subprocess.run(command.argv, env=command.env, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout


@pytest.fixture(scope="module")
def recorded(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, bytes]]]:
    """The log of a pod into which everybody went once, and what they saw there."""
    folder = tmp_path_factory.mktemp("kinds")
    log, copied = folder / "kinds.ebpfaudit", folder / "copied"
    (folder / "sent").write_bytes(PIPED)
    namespace = node.fresh_namespace()
    node.apply(pod(), namespace=namespace)
    node.wait_ready("kinds", namespace=namespace)

    def kubectl(*arguments: str, stdin: bytes | None = None) -> bytes:
        command = node.command(["kubectl", "-n", namespace, *arguments])
        given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        done = subprocess.run(command.argv, env=command.env, capture_output=True, check=True, timeout=60, **given)
        return bytes(done.stdout)

    seen: dict[str, bytes] = {}
    with Running(node, "record", "kinds", "-n", namespace, "-w", str(log)) as record:
        record.expect(b"^Recording .*\n")
        seen["exec"] = kubectl("exec", "kinds", "--", "ls", "-la", "/")
        seen["exec -i"] = kubectl("exec", "-i", "kinds", "--", "cat", stdin=PIPED)
        kubectl("cp", str(folder / "sent"), "kinds:/tmp/sent")
        kubectl("cp", "kinds:/tmp/sent", str(copied))
        debug = ["kubectl", "-n", namespace, "debug", "-it", "kinds", "--image", APP_IMAGE]
        command = node.command([*debug, "--image-pull-policy=Never", "-c", "debugger", "--", "bash", "--norc"])
        with Terminal(command.argv, env=command.env, rows=40, cols=100) as terminal:
            # Whoever attaches may have missed the first prompt.
            terminal.send(b"\r")
            terminal.expect(b"# ")
            record.expect(b"debugger  is recorded from here on")
            terminal.send(b"echo in''side; cat /etc/hostname\r")
            terminal.expect(re.compile(rb"inside\r\n.*# ", re.S))
            terminal.send(b"exit\r")
            terminal.wait()
        command = node.command(["kubectl", "-n", namespace, "attach", "-it", "kinds", "-c", "shell"])
        with Terminal(command.argv, env=command.env, rows=33, cols=99) as terminal:
            terminal.send(b"\r")
            terminal.expect(b"# ")
            terminal.send(b"echo att''ached; cat /etc/hostname\r")
            terminal.expect(re.compile(rb"attached\r\n.*# ", re.S))
            seen["attach"] = terminal.sent
        record.expect(b"liveness probe|cat /etc/hostname")
        node.kubectl("-n", namespace, "delete", "pod", "kinds")
        assert record.wait() == 0, record.said.decode()
    seen["copied"] = copied.read_bytes()
    yield log, seen
    node.kubectl("delete", "namespace", namespace, "--wait=false")


def sessions(node: Node, log: Path, kind: str) -> list[dict[str, Any]]:
    """The sessions of a kind, without the look of kubectl cp, which is part of the copy."""
    found = [session for session in shown(node, log)["sessions"] if session["kind"] == kind]
    return [session for session in found if "part_of" not in session]


@pytest.mark.parametrize(
    ("kind", "argv"),
    [
        ("liveness probe", LIVENESS),
        ("readiness probe", READINESS),
        ("preStop hook", PRE_STOP),
        ("exec", ["ls", "-la", "/"]),
        ("exec -i", ["cat"]),
        ("debug", ["bash", "--norc"]),
    ],
)
def test_each_way_in_is_called_what_it_is(
    node: Node, recorded: tuple[Path, dict[str, bytes]], kind: str, argv: list[str]
) -> None:
    found = sessions(node, recorded[0], kind)
    assert found
    assert all(session["argv"] == argv for session in found)


def test_what_kubectl_exec_sent_and_printed_is_recorded(node: Node, recorded: tuple[Path, dict[str, bytes]]) -> None:
    log, seen = recorded
    (plain,), (piped,) = sessions(node, log, "exec"), sessions(node, log, "exec -i")
    assert raw(node, log, plain["id"], "stdout") == seen["exec"]
    assert raw(node, log, piped["id"], "stdin") == raw(node, log, piped["id"], "stdout") == seen["exec -i"] == PIPED


def test_both_directions_of_kubectl_cp_are_recorded(node: Node, recorded: tuple[Path, dict[str, bytes]]) -> None:
    log, seen = recorded
    into, out = sessions(node, log, "cp")
    assert seen["copied"] == PIPED
    assert PIPED in raw(node, log, into["id"], "stdin")
    assert PIPED in raw(node, log, out["id"], "stdout")
    assert (into["argv"][:2], out["argv"][:2]) == (["tar", "-xmf"], ["tar", "cf"])
    (look,) = (of for of in shown(node, log)["sessions"] if "part_of" in of)
    assert (look["argv"], look["part_of"]) == (["test", "-d", "/tmp/sent"], into["id"])


def test_the_shell_of_kubectl_debug_is_a_session(node: Node, recorded: tuple[Path, dict[str, bytes]]) -> None:
    (debug,) = sessions(node, recorded[0], "debug")
    assert ["cat", "/etc/hostname"] in [ran["argv"] for ran in debug["execs"]]
    assert debug["output_bytes"] > 0


def test_kubectl_attach_is_a_session_from_its_first_moment(node: Node, recorded: tuple[Path, dict[str, bytes]]) -> None:
    log, seen = recorded
    (attached,) = sessions(node, log, "attach")
    assert (attached["container"], attached["tty"]) == ("shell", True)
    assert [ran["argv"] for ran in attached["execs"]] == [["bash", "--norc"], ["cat", "/etc/hostname"]]
    (terminal,) = attached["terminals"]
    assert terminal["rows"] in (33, 34)  # kubectl sets one more at first, so that the program draws anew
    typed = node.command([*CLIENT, "export", f"{log}/{attached['id']}", "--format", "raw", "--direction", "in"])
    sent = subprocess.run(typed.argv, env=typed.env, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    # The first key may come before kubectl has made its own terminal raw.
    assert sent.replace(b"\n", b"\r") == seen["attach"]


def test_show_folds_the_probes(node: Node, recorded: tuple[Path, dict[str, bytes]]) -> None:
    command = node.command([*CLIENT, "show", str(recorded[0])])
    text = subprocess.run(command.argv, env=command.env, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout.decode()
    assert re.search(r"^\d+ runs of liveness probe `cat /etc/hostname` in ", text, re.M)
    assert "liveness probe in" not in text
