"""The command line as a user of the cluster runs it, from start to end."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.conftest import Victim
from tests.cluster.node import Node

ROOT = Path(__file__).parents[2]
_SECONDS = 90


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
    command = node.command([sys.executable, "-m", "kubectl_ebpfaudit", *arguments], user=user, env=env)
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


def recorders(node: Node) -> list[dict[str, Any]]:
    """Pods of ours that are there."""
    items: list[dict[str, Any]] = node.get("pods", "-A", "-l", "app.kubernetes.io/name=ebpfaudit")["items"]
    return items
