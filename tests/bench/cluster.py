"""What recording costs on a real cluster: how soon it is live, how much memory the whole pod takes."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.bench.session import CLI, Seen, run
from tests.cluster.node import Node, requirements

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "victim"},
    "spec": {
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "containers": [
            {
                "name": "app",
                "image": requirements.APP_IMAGE,
                "imagePullPolicy": "Never",
                "command": ["sleep", "infinity"],
            }
        ],
    },
}


@contextmanager
def node() -> Iterator[Node]:
    """A Ready node with a pod `victim` and the recorder's image on it. Raises Missing where it cannot run."""
    requirements.check()
    started = Node.start([requirements.app_image(), requirements.recorder_image()[0]])
    try:
        started.apply(POD, namespace="default")
        started.wait_ready("victim", namespace="default")
        yield started
    finally:
        started.stop()


class Record:
    """A live `record victim` on the node; on leaving it is ended."""

    def __init__(self, on: Node, log: Path, *flags: str) -> None:
        command = on.command([str(CLI), "record", "victim", "-w", str(log), *flags])
        started = time.monotonic()
        self._process = subprocess.Popen(
            command.argv, env=command.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        assert self._process.stderr
        first = self._process.stderr.readline().decode()
        if not first.startswith("Recording"):
            raise RuntimeError(f"record did not start: {first}")
        self.seconds_to_live = time.monotonic() - started

    def __enter__(self) -> "Record":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=300)


def flood(on: Node, size: int) -> Seen:
    """`size` bytes of base64 through a real `kubectl exec -it`."""
    script = f"base64 /dev/urandom | head -c {size}"
    command = on.command(["kubectl", "exec", "-it", "victim", "--", "bash", "-c", script])
    return run(command.argv, command.env)


def recorder_process(on: Node, verb: str) -> int:
    """Process ID of the recorder's `agent` or `serve`. Raises LookupError if there is none."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()
            groups = (folder / "cgroup").read_text()
        except OSError:
            continue
        if f"ebpfaudit-recorder\0{verb}".encode() in words and on.cgroup + "/" in groups:
            return int(folder.name)
    raise LookupError(f"no {verb} of a recorder on the node")


def pod_peak(on: Node) -> int | None:
    """Peak memory in bytes of the recorder's container, of its cgroup; None where that has no such figure."""
    with suppress(LookupError):
        for line in Path(f"/proc/{recorder_process(on, 'agent')}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for file in (
                Path(f"/sys/fs/cgroup/{controllers}{path}/memory.max_usage_in_bytes"),
                Path(f"/sys/fs/cgroup{path}/memory.peak"),
            ):
                if re.fullmatch("memory|", controllers) and file.exists():
                    return int(file.read_text())
    return None
