"""The command line as a user of the cluster runs it, from start to end."""

import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.cluster.conftest import Victim
from tests.cluster.node import Node
from tests.support.terminal import Terminal

ROOT = Path(__file__).parents[2]
CLIENT = [sys.executable, "-m", "kubectl_ebpfaudit"]
_SECONDS = 120


@dataclass(frozen=True)
class Ran:
    """How it ended, what it printed, and what it said on stderr."""

    code: int
    out: str
    err: str

    def checks(self) -> dict[str, dict[str, str]]:
        """What `doctor -o json` found, by the names of the checks."""
        found: dict[str, Any] = json.loads(self.out)
        assert found["ok"] == (self.code == 0)
        return {check["check"]: check for check in found["checks"]}


def run(node: Node, *arguments: str, user: str = "admin", env: Mapping[str, str] | None = None) -> Ran:
    """Runs `kubectl-ebpfaudit` with these arguments; never a traceback, and an error is one line."""
    command = node.command([*CLIENT, *arguments], user=user, env=env)
    done = subprocess.run(
        command.argv,
        env=command.env,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stderr.count("error: ") <= 1, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def short_record(folder: Path, victim: Victim) -> list[str]:
    """The arguments of a record that ends soon, with its log in `folder`."""
    options = ["--force", "--duration", "1s", "-q"]
    return ["record", victim.pod, "-n", victim.namespace, "-w", str(folder / "x"), *options]


class Running:
    """The command line at work, as a user runs it; ended in any case when the `with` is left."""

    def __init__(self, node: Node, *arguments: str, user: str = "admin", env: Mapping[str, str] | None = None) -> None:
        command = node.command([*CLIENT, *arguments], user=user, env=env)
        self.said = self.printed = b""
        self.started = time.monotonic()
        self.program = subprocess.Popen(
            command.argv,
            env=command.env,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def expect(self, pattern: bytes) -> None:
        """Reads stderr until `pattern` comes."""
        assert self.program.stderr
        deadline = time.monotonic() + _SECONDS
        while not re.search(pattern, self.said, re.M):
            ready, _, _ = select.select([self.program.stderr], [], [], max(0, deadline - time.monotonic()))
            data = os.read(self.program.stderr.fileno(), 1 << 16) if ready else b""
            assert data, f"no {pattern!r} in {self.said.decode()}"
            self.said += data

    def wait(self) -> int:
        """The exit code; never with a traceback. `printed` has its stdout then, `said` all of its stderr."""
        if self.program.returncode is None:
            self.printed, rest = self.program.communicate(timeout=_SECONDS)
            self.said += rest
        assert b"Traceback" not in self.said, self.said.decode()
        return self.program.returncode

    def signal(self, number: int) -> int:
        """The exit code after that signal."""
        self.program.send_signal(number)
        return self.wait()

    def __enter__(self) -> "Running":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.program.returncode is None:
            self.program.terminate()
        try:
            self.wait()
        except subprocess.TimeoutExpired:
            self.program.kill()
            self.program.wait()


@contextmanager
def shell(node: Node, namespace: str, pod: str, container: str = "") -> Iterator[Terminal]:
    """A `kubectl exec -it` with a shell that waits for its first line."""
    chosen = ["-c", container] if container else []
    argv = ["kubectl", "-n", namespace, "exec", "-it", pod, *chosen, "--", "bash", "--norc"]
    command = node.command(argv)
    with Terminal(command.argv, env=command.env, rows=40, cols=100) as terminal:
        terminal.expect(b"# ")
        yield terminal


def type_in(terminal: Terminal, line: str, shows: bytes) -> None:
    """Types a line and waits for what it prints."""
    terminal.send(line.encode() + b"\r")
    terminal.expect(shows)


def leave(terminal: Terminal, code: int = 0) -> bytes:
    """Ends a shell; all that kubectl has printed of it."""
    terminal.send(f"exit {code}\r".encode())
    assert terminal.wait() == code
    return terminal.output


def shown(node: Node, recording: str | Path, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What `show -o json` says of a recording that `verify` finds complete."""
    checked = run(node, "verify", str(recording), env=env)
    assert checked.code == 0, checked.err
    found: dict[str, Any] = json.loads(run(node, "show", str(recording), "-o", "json", env=env).out)
    return found


def exported(node: Node, recording: str | Path, env: Mapping[str, str] | None = None) -> bytes:
    """What `export --format raw` gives, also of a log that has no end."""
    command = node.command([*CLIENT, "export", str(recording), "--format", "raw"], env=env)
    return subprocess.run(command.argv, env=command.env, cwd=ROOT, capture_output=True, check=False).stdout


def recorders(node: Node) -> list[dict[str, Any]]:
    """Pods of ours that are there."""
    items: list[dict[str, Any]] = node.get("pods", "-A", "-l", "app.kubernetes.io/name=ebpfaudit")["items"]
    return items
