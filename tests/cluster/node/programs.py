"""A machine's processes, all of which live in its namespaces and die with the thread that started them."""

import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_TAIL_LINES = 15
_GRACE_SECONDS = 5
"""An API server waits longer than that for those who watch; its service manager does not."""

# Programs that write to fixed places write to the machine's own instead: these are empty file systems in its
# mount namespace, gone with its last process. What can be in the machine's folder is there.
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
    """Starts programs on a machine and knows how each is doing. `folder` takes their logs."""

    def __init__(self, netns: Path, folder: Path) -> None:
        self._netns, self._folder = netns, folder
        self._thread = threading.get_ident()
        self._commands: dict[str, Sequence[str]] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._anchor = self._hold_namespaces()

    @property
    def inside(self) -> list[str]:
        """What to put before a command to run it on the machine."""
        return ["nsenter", f"--mount=/proc/{self._anchor.pid}/ns/mnt", f"--net={self._netns}"]

    def start(self, name: str, command: Sequence[str]) -> None:
        """Starts a program that runs until the machine stops, with its output in a log of its name."""
        if threading.get_ident() != self._thread:
            raise RuntimeError(f"{name} would die with this thread: start it from the one that made the machine")
        self._commands[name] = command
        with open(self._log(name), "ab") as log:
            self._running[name] = subprocess.Popen(
                [*self.inside, *_DIES_WITH_US, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a ctrl-C is for the tests, which then stop the node in good order
            )

    def restart(self, name: str, kill: bool = False) -> None:
        """Ends a program, as a service manager does or with SIGKILL at once, and starts it as it was started.

        Only that process is ended, and not what it has started: a container outlives its containerd. Returns as
        soon as the new one runs. Raises RuntimeError from another thread than that which made the machine.
        """
        process = self._running[name]
        if not kill:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_SECONDS)
        process.kill()
        process.wait()
        self.start(name, self._commands[name])

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
            process.wait(60)
        if self._anchor.stdout:
            self._anchor.stdout.close()

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _hold_namespaces(self) -> subprocess.Popen[bytes]:
        for folder in _OWN_FOLDERS:
            Path(folder).mkdir(parents=True, exist_ok=True)
        enter = ["nsenter", f"--net={self._netns}", "unshare", "--mount", "--propagation=private"]
        anchor = subprocess.Popen(
            [*enter, *_DIES_WITH_US, "sh", "-c", _ANCHOR, "anchor", *_OWN_FOLDERS],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert anchor.stdout is not None
        if anchor.stdout.readline() != b"ready\n":
            anchor.stdout.close()
            raise RuntimeError(f"cannot make the machine's mount namespace: exit code {anchor.wait()}")
        return anchor
