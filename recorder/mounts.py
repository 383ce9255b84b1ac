"""Tells the probes the mount namespace of each target, by which they know who enters it beside its cgroup.

That is nsenter on the node, and whatever else joins a container's namespaces by itself.
"""

import os
import struct
import time
from collections.abc import Mapping

from recorder import bpf, processes
from recorder.cgroups import Target
from recorder.loader import Probes
from recorder.processes import Process, mount_namespace
from recorder.scope import ON_ITS_WAY_SECONDS, Scope

_U32, _U64 = struct.Struct("=I"), struct.Struct("=Q")

AT_ONCE = 512
"""Of so many targets the namespaces are looked at each time; of more, of a part in turn."""


class Mounts:
    """The mount namespaces of the targets that are there."""

    def __init__(self, probes: Probes, scope: Scope) -> None:
        self._scope, self._sieve = scope, scope.sieve
        self._map = bpf.Map(probes.maps["mount_namespaces"], _U32.size)
        self._known: dict[int, tuple[int, int]] = {}
        """(ID of the first process, inode number of its namespace) of each target, by its number."""
        self._told: dict[int, int] = {}
        """The namespaces that the probes know, each with the number of its target."""
        self._not = {scope.home, mount_namespace(os.getpid())}
        self._turn = 0

    def follow(self, targets: Mapping[int, Target]) -> None:
        """Takes note of those that have come, by their numbers, and of those that are not there any more.

        Also of a first process that has gone to another namespace: soon the number of its old one is somebody else's.
        """
        for number in self._known.keys() - targets.keys():
            self._forget(number)
        self._turn += 1
        turns = 1 + len(targets) // AT_ONCE
        for number, target in targets.items():
            if number not in self._known or (number + self._turn) % turns == 0:
                self._look(number, target)

    def _look(self, number: int, target: Target) -> None:
        pid, known = self._known.get(number, (0, 0))
        if known and mount_namespace(pid) == known:
            return
        first = self._scope.first(number, target)
        found = mount_namespace(first.pid) if first else 0
        if not first or not found or _is_on_its_way(first):
            return
        if found != known:
            self._forget(number)
        if found == self._scope.home:
            self._scope.share_home()
        elif found not in self._told and found not in self._not and not self._tell(found, number, first):
            return
        self._known[number] = first.pid, found

    def _tell(self, found: int, number: int, first: Process) -> bool:
        """Tells the probes of a namespace. False if that process is not there any more."""
        try:
            self._sieve.add_mounts(found, first.pid)
        except FileNotFoundError:  # it has just ended
            return False
        if mount_namespace(first.pid) != found:  # the same: then it had none any more
            return False
        self._map.update(_U64.pack(found), _U32.pack(number))
        self._told[found] = number
        self._sieve.tell()
        return True

    def _forget(self, number: int) -> None:
        _, known = self._known.pop(number, (0, 0))
        if self._told.get(known) != number:
            return
        del self._told[known]
        self._map.delete(_U64.pack(known))
        self._sieve.remove_mounts(known)
        self._sieve.tell()
        # Another one that shares it is looked at anew.
        self._known = {other: of for other, of in self._known.items() if of[1] != known}


def _is_on_its_way(first: Process) -> bool:
    """Whether a target's first process is the runtime still. Anybody can look like that, the runtime not for long."""
    age = time.monotonic_ns() - first.start_time
    return age < ON_ITS_WAY_SECONDS * 1e9 and processes.is_on_its_way(first.pid)
