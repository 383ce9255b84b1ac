"""The plugin as one user runs it: with a home and a TMPDIR of its own, so that what it leaves behind is seen."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.cluster.node import Node
from tests.cluster.node.config import API_PORT
from tests.cluster.node.wait import until

ROOT = Path(__file__).parents[2]
SECONDS = 60.0
RECORDERS = "app.kubernetes.io/name=ebpfaudit"


class Run:
    """A command at work. `said` is its stderr so far; it is ended in any case when the `with` is left."""

    def __init__(self, argv: Sequence[str], env: dict[str, str], stderr: Path) -> None:
        self._stderr = stderr
        # A file takes all that is said, also when no test reads it.
        with stderr.open("wb") as errors:
            self._program = subprocess.Popen(
                argv,
                env=env,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self.printed = b""
        self._collected = False

    @property
    def pid(self) -> int:
        return self._program.pid

    @property
    def said(self) -> str:
        return self._stderr.read_text(errors="replace")

    @property
    def is_over(self) -> bool:
        return self._program.poll() is not None

    def expect(self, pattern: str, seconds: float = SECONDS) -> None:
        """Returns once a line of stderr matches. Raises TimeoutError, or AssertionError when it has ended without."""

        def holds() -> bool:
            over = self.is_over
            found = re.search(pattern, self.said, re.M)
            assert found or not over, f"ended without {pattern!r}: {self.said}"
            return bool(found)

        until(holds, seconds, lambda: f"no {pattern!r} in {self.said}")

    def signal(self, number: signal.Signals) -> None:
        self._program.send_signal(number)

    def wait(self, seconds: float = SECONDS) -> int:
        """The exit code (negative: the signal that ended it). Raises TimeoutExpired."""
        if not self._collected:
            self.printed = self._program.communicate(timeout=seconds)[0]
            self._collected = True
        return self._program.returncode

    def stop(self) -> int:
        """Asks it to end, as ctrl-C does; returns the exit code."""
        self.signal(signal.SIGINT)
        return self.wait()

    def __enter__(self) -> "Run":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._program.terminate()
        try:
            self.wait()
        except subprocess.TimeoutExpired:
            self._program.kill()
            self.wait()


class Client:
    """One user's plugin. `folder` is empty and is the client's; `port` is that of a proxy, if there is one."""

    def __init__(self, node: Node, folder: Path, *, user: str = "admin", port: int = API_PORT) -> None:
        self._node, self._user, self._port = node, user, port
        self.folder = folder
        self.tmp, self._home = folder / "tmp", folder / "home"
        self._runs = count(1)
        for made in (self.tmp, self._home):
            made.mkdir(parents=True)

    def start(self, *arguments: str | Path) -> Run:
        """Starts `kubectl ebpfaudit` with these arguments."""
        argv = [sys.executable, "-m", "kubectl_ebpfaudit", *map(str, arguments)]
        kubeconfig = self._node.kubeconfig(self._user, self._port)
        own = {"TMPDIR": str(self.tmp), "EBPFAUDIT_HOME": str(self._home), "KUBECONFIG": str(kubeconfig)}
        command = self._node.command(argv, user=self._user, env=own)
        return Run(command.argv, command.env, self.folder / f"run-{next(self._runs)}.err")

    def record(self, namespace: str, pod: str, log: Path, *flags: str) -> Run:
        """Starts `record`; returns once it records."""
        run = self.start("record", pod, "-n", namespace, "-w", log, *flags)
        try:
            run.expect("^Recording ")
        except BaseException:
            run.__exit__(None, None, None)
            raise
        return run

    def run(self, *arguments: str | Path) -> Run:
        """Runs `kubectl ebpfaudit` to its end."""
        with self.start(*arguments) as run:
            run.wait()
        return run

    def left_behind(self) -> list[str]:
        """What is there of this client after its end, and of recorders anywhere: names of pods, files, processes."""
        pods = [f"pod {pod['metadata']['namespace']}/{pod['metadata']['name']}" for pod in recorders(self._node)]
        files = [f"file {path}" for path in self.tmp.rglob("*")]
        return [*pods, *files, *(f"process {pid}" for pid in _processes_of(self.tmp))]


def recorders(node: Node) -> list[dict[str, Any]]:
    """The recorders' pods, in all namespaces."""
    items: list[dict[str, Any]] = node.get("pods", "--all-namespaces", f"--selector={RECORDERS}")["items"]
    return items


def _processes_of(tmp: Path) -> list[int]:
    """The processes that have inherited this TMPDIR."""
    found, mark = [], f"TMPDIR={tmp}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:  # gone meanwhile
            continue
        if mark in environment and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found
