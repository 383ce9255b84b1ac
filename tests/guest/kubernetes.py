"""Run in a guest: a Kubernetes of one node, a `kubectl exec -it` on it, and its recording by the real client.

The arguments are a folder, the binary of the cluster, and the archives of the images. It leaves in the folder the log
(`session.ebpfaudit`), what kubectl `printed` and what was `typed`. The last line it prints is a JSON object: what
record `said`, and what was `left` behind. The lines before say how far it is.
"""

import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from tests.cluster.client import Client
from tests.cluster.node import Node
from tests.cluster.node.requirements import APP_IMAGE
from tests.support.terminal import Terminal

_SECONDS = 480.0
"""Deadline for each step: the longest, which is the compiler's, takes 53 s on two idle CPUs."""
_START_SECONDS = 900.0
"""Deadline for the start of the cluster, which takes 75 s there."""
_PROMPT = b"@> "
_FEXIT = "tty=fexit,exec_failed=fexit,stream=fexit-pipe"
_LINES = (
    "printf 'ünï\\033[31m%s\\033[0m\\n' red",
    "ls -la /etc/hostname",
    "seq 1 4000",
    "head -c 30000 /dev/zero | tr '\\0' x; echo",
    "/no/such/program; true",
)


def _pod(name: str) -> dict[str, Any]:
    app = {"name": "app", "image": APP_IMAGE, "imagePullPolicy": "Never", "command": ["sleep", "infinity"]}
    spec = {"terminationGracePeriodSeconds": 0, "containers": [app]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def _exec(node: Node, namespace: str) -> Terminal:
    command = node.command(["kubectl", "-n", namespace, "exec", "-it", "victim", "--", "bash", "--norc"])
    with Terminal(command.argv, env=command.env, rows=40, cols=100) as terminal:
        terminal.expect(b"# ", timeout=_SECONDS)
        terminal.send(b"PS1='@''> '\r")
        for line in _LINES:
            terminal.expect(_PROMPT, timeout=_SECONDS)
            terminal.send(line.encode() + b"\r")
        terminal.expect(_PROMPT, timeout=_SECONDS)
        # Of any other exit code kubectl tells on the same terminal, and nobody in the container has printed that.
        terminal.send(b"exit 0\r")
        assert terminal.wait(_SECONDS) == 0, terminal.output[-1000:]
    return terminal


def _record(node: Node, scratch: Path, results: Path) -> dict[str, Any]:
    with _step("a pod that is ready", _SECONDS):
        namespace = node.fresh_namespace()
        node.apply(_pod("victim"), namespace=namespace)
        node.wait_ready("victim", namespace=namespace)
    client, log = Client(node, scratch), scratch / "session.ebpfaudit"
    with client.start("record", "victim", "-n", namespace, "-w", log, "--sessions", "1", "--probes", _FEXIT) as record:
        with _step("a recorder that records", _SECONDS):
            record.expect("^Recording ", _SECONDS)
        with _step("an exec session from its prompt to its end", _SECONDS):
            terminal = _exec(node, namespace)
        with _step("the end of record, after one session", _SECONDS):
            assert record.wait(_SECONDS) == 0, record.said
    shutil.copyfile(log, results / log.name)
    (results / "printed").write_bytes(terminal.output)
    (results / "typed").write_bytes(terminal.sent)
    with _step("a look at what is left behind", _SECONDS):
        return {"said": record.said, "left": client.left_behind()}


@contextmanager
def _step(what: str, seconds: float) -> Iterator[None]:
    """Raises TimeoutError, which says what was waited for, in the midst of what is done in it."""

    def over(signum: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"waited {seconds:g} s for {what}")

    print(f"waiting for {what}", flush=True)
    begun = time.monotonic()
    signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    print(f"  {time.monotonic() - begun:.1f} s", flush=True)


def main() -> None:
    results, binary, *archives = map(Path, sys.argv[1:])
    # In memory: a container's root file system can be no overlay over the guest's own.
    with tempfile.TemporaryDirectory(dir="/run") as folder:
        tempfile.tempdir = folder
        with _step("a node that is Ready and has the images", _START_SECONDS):
            # By RBAC a new API server makes hundreds of roles before it is ready: minutes where it is emulated.
            node = Node.start(archives, binary=binary, seconds=_SECONDS, authorization="AlwaysAllow")
        try:
            told = _record(node, Path(tempfile.mkdtemp()), results)
        finally:
            with _step("the end of the node", _SECONDS):
                node.stop()
    print(json.dumps(told))


if __name__ == "__main__":
    main()
