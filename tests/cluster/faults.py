"""What the tests of faults share: a victim that nothing evicts, a recording of it, and busy sessions in it."""

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cluster.busy import Busy
from tests.cluster.client import Client, Run
from tests.cluster.node import Node
from tests.cluster.node.requirements import APP_IMAGE
from tests.support.proxy import Proxy

EVERYTHING = [{"operator": "Exists"}]
_COUNTS = r"\d[\d,]*(?= (?:commands?|events?|bytes?|of) ?)"


def pod(
    name: str,
    *,
    tolerations: list[dict[str, Any]],
    node: str = "node1",
    labels: dict[str, str] | None = None,
    containers: tuple[str, ...] = ("app",),
) -> dict[str, Any]:
    """A pod whose containers sleep; it is bound to `node`, whatever the scheduler would say."""
    sleeps = {"image": APP_IMAGE, "imagePullPolicy": "Never", "command": ["sleep", "infinity"]}
    spec = {
        "nodeName": node,
        "tolerations": tolerations,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": container, **sleeps} for container in containers],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {}}, "spec": spec}


class Scene:
    """A pod, a client, and the log that the client writes."""

    def __init__(self, node: Node, namespace: str, pod: str, folder: Path) -> None:
        self.node, self.namespace, self.pod, self._folder = node, namespace, pod, folder
        self.client = Client(node, folder / "client")
        self.log = folder / "log.ebpfaudit"

    def record(self, *flags: str) -> Run:
        """A `record` that records."""
        return self.client.record(self.namespace, self.pod, self.log, *flags)

    def busy(self, **options: Any) -> Busy:
        return Busy(self.node, self.namespace, self.pod, folder=self._folder, **options)

    @contextmanager
    def recorded(self, *flags: str) -> Iterator[tuple[Run, Busy]]:
        """A recording with a busy session in it that is shown, line for line, as it goes on."""
        with self.record(*flags) as run, self.busy() as busy:
            busy.wait_lines(20)
            yield run, busy

    def acknowledged(self) -> bytes:
        """What has arrived in the local log so far; not nothing, once a session has been busy for a second."""
        return self.log.read_bytes()


def reset_often(proxy: Proxy, run: Run, times: int) -> None:
    """Resets the connections of `run` so often, after a random number of bytes each: always the same ones."""
    numbers = random.Random(4)
    for _ in range(times):
        proxy.reset_after(numbers.randrange(40_000))
        assert proxy.wait_reset(60), f"nothing goes through: {run.said}"


def last_words(run: Run) -> str:
    """The last line that the user saw, without what differs from run to run."""
    line = run.said.splitlines()[-1] if run.said else ""
    for pattern, name in (
        (r"\S*/log\.ebpfaudit", "FILE"),
        (r"ebpfaudit-[0-9a-f]{8}(-[0-9a-f]{8})?", "NAME"),
        (_COUNTS, "N"),
    ):
        line = re.sub(pattern, name, line)
    return f"`{line}`" if line else "nothing"
