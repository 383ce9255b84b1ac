"""How a node goes away: the same way whether its tests ended in good order or were killed."""

import os
import signal
import subprocess
from contextlib import suppress
from functools import partial
from pathlib import Path

from tests.cluster.node.place import Place, places
from tests.cluster.node.wait import until

_SECONDS = 30


def clear() -> None:
    """Removes the nodes whose owners are dead. Call with the registry's lock."""
    for place in places():
        if not place.is_live():
            remove(place)


def remove(place: Place) -> None:
    """Kills all that runs on the node and removes what it had. Its mounts go with its last process."""
    until(lambda: not _kill(place), _SECONDS, lambda: f"{place.name} still has the processes {_kill(place)}")
    for cgroup in place.cgroups:
        # A cgroup is empty a moment after its last process is gone.
        until(partial(_remove_cgroup, cgroup), _SECONDS, f"{cgroup} cannot be removed".__str__)
    if place.netns.exists():
        subprocess.run(["ip", "netns", "delete", place.name], check=True)
    place.forget()


def _kill(place: Place) -> list[int]:
    """Kills the processes in the node's network namespace and its cgroups; returns which there were."""
    found = []
    network = place.netns.stat() if place.netns.exists() else None
    for process in Path("/proc").glob("[0-9]*"):
        # Gone meanwhile; or guarded even from root, and so not ours.
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            namespace = (process / "ns" / "net").stat()
            in_network = network is not None and os.path.samestat(namespace, network)
            if in_network or _in_cgroup(process, place.name):
                found.append(int(process.name))
                os.kill(found[-1], signal.SIGKILL)
    return found


def _in_cgroup(process: Path, name: str) -> bool:
    lines = (process / "cgroup").read_text().splitlines()
    return any(line.split(":", 2)[2].startswith(f"/{name}/") for line in lines)


def _remove_cgroup(cgroup: Path) -> bool:
    with suppress(FileNotFoundError, OSError):
        for folder, _, _ in os.walk(cgroup, topdown=False):
            os.rmdir(folder)
    return not cgroup.exists()
