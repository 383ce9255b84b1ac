"""Where a node lives: one name for its folder, cgroup and network namespace, and the run that owns it."""

import fcntl
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PREFIX = "ebpfaudit-"
# In /run, so that all runs on this machine see each other whatever their TMPDIR, and none survives a reboot.
_REGISTRY = Path("/run/ebpfaudit-nodes")


@dataclass(frozen=True)
class Place:
    """The name of a node and what is called by it."""

    name: str
    folder: Path

    @property
    def netns(self) -> Path:
        return Path("/run/netns") / self.name

    @property
    def cgroups(self) -> list[Path]:
        """The node's cgroup in each hierarchy of this machine."""
        return [mount / self.name for mount in cgroup_mounts()]

    @property
    def _entry(self) -> Path:
        return _REGISTRY / self.name

    def is_live(self) -> bool:
        """Whether the process that made this place still runs."""
        pid, started, _ = self._entry.read_text().split("\n", 2)
        return process_start(int(pid)) == started

    def forget(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self._entry.unlink(missing_ok=True)


def new_place() -> Place:
    """A place of this process, with a new folder of a short name: sockets in it allow no long one."""
    pid = os.getpid()
    names = (f"{_PREFIX}{pid}-{number}" for number in itertools.count(1))
    free = next(name for name in names if not (_REGISTRY / name).exists())
    place = Place(free, Path(tempfile.mkdtemp(prefix=_PREFIX)))
    (_REGISTRY / place.name).write_text(f"{pid}\n{process_start(pid)}\n{place.folder}")
    return place


def places() -> list[Place]:
    """The places of all runs, dead ones too."""
    _REGISTRY.mkdir(exist_ok=True)
    return [
        Place(entry.name, Path(entry.read_text().split("\n", 2)[2])) for entry in sorted(_REGISTRY.glob(f"{_PREFIX}*"))
    ]


@contextmanager
def registry_lock() -> Iterator[None]:
    """Only one run at a time makes places or clears them away."""
    _REGISTRY.mkdir(exist_ok=True)
    with open(_REGISTRY / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def process_start(pid: int) -> str | None:
    """When the process started (clock ticks since boot), which tells it from a later one of the same ID."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state == "Z" else fields[18]


def cgroup_mounts() -> list[Path]:
    """The mount point of each cgroup hierarchy, v1 and v2."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        root, point = before.split()[3:5]
        # A hierarchy that is not mounted from its root belongs to somebody's container.
        if after.split()[0] in ("cgroup", "cgroup2") and root == "/":
            found.append(Path(point))
    return found
