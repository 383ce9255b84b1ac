"""The node's processes, all of which live in its namespaces and die with the process that started them."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.cluster.node.place import Place

_TAIL_LINES = 15

# Programs that write to fixed places of the machine write to the node's own instead: these are empty file
# systems in its mount namespace, gone with its last process. What can be in the node's folder is there.
_OWN_FOLDERS = ("/run/netns", "/run/containerd", "/var/lib/kubelet", "/var/lib/cni", "/var/log/containers")

_DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")

# Volumes with mount propagation want a shared root, and the containers see what the kubelet mounts for them.
_ANCHOR = """
set -eu
for folder in "$@"; do mount -t tmpfs node "$folder"; done
mount --make-rshared /
echo ready
exec sleep infinity
"""


class Programs:
    """Starts programs on the node and knows how each is doing."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._anchor = self._hold_namespaces()

    @property
    def inside(self) -> list[str]:
        """What to put before a command to run it on the node."""
        return ["nsenter", f"--mount=/proc/{self._anchor.pid}/ns/mnt", f"--net={self._place.netns}"]

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Starts a program that runs until the node stops, with its output in a log of its name."""
        with open(self._log(name), "wb") as log:
            self._running[name] = subprocess.Popen(
                [*self.inside, *_DIES_WITH_US, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(env or {})},
                start_new_session=True,  # a ctrl-C is for the tests, which then stop the node in good order
            )

    def check(self) -> None:
        """Raises RuntimeError, with the end of its log, when a program has ended."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended with {process.returncode}\n{self.tail(name)}")

    def tail(self, *names: str) -> str:
        """The last lines of these programs' logs, or of all."""
        parts = []
        for name in names or self._running:
            lines = self._log(name).read_text(errors="replace").splitlines()[-_TAIL_LINES:]
            parts.append("\n".join([f"--- {name}", *(line[:300] for line in lines)]))
        return "\n".join(parts)

    def reap(self) -> None:
        """Waits for all, which somebody has killed."""
        for process in (*self._running.values(), self._anchor):
            process.wait(20)
        if self._anchor.stdout:
            self._anchor.stdout.close()

    def _log(self, name: str) -> Path:
        return self._place.folder / f"{name}.log"

    def _hold_namespaces(self) -> subprocess.Popen[bytes]:
        for folder in _OWN_FOLDERS:
            Path(folder).mkdir(parents=True, exist_ok=True)
        enter = ["nsenter", f"--net={self._place.netns}", "unshare", "--mount", "--propagation=private"]
        anchor = subprocess.Popen(
            [*enter, *_DIES_WITH_US, "sh", "-c", _ANCHOR, "anchor", *_OWN_FOLDERS],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert anchor.stdout is not None
        if anchor.stdout.readline() != b"ready\n":
            anchor.stdout.close()
            raise RuntimeError(f"cannot make the node's mount namespace: exit code {anchor.wait()}")
        return anchor
