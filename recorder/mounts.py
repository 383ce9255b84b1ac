"""Tells the probes the mount namespace of each target, by which they know who enters it beside its cgroup.

That is nsenter on the node, and whatever else joins a container's namespaces by itself.
"""

import os
import struct
from collections.abc import Mapping

from recorder import bpf, processes
from recorder.cgroups import Target
from recorder.loader import Probes
from recorder.processes import Process, mount_namespace
from recorder.scope import Scope

_U32, _U64 = struct.Struct("=I"), struct.Struct("=Q")


class Mounts:
    """The mount namespaces of the targets that are there."""

    def __init__(self, probes: Probes, scope: Scope) -> None:
        self._scope, self._sieve = scope, scope.sieve
        self._map = bpf.Map(probes.maps["mount_namespaces"], _U32.size)
        self._known: dict[int, int] = {}
        self._not = {mount_namespace(1), mount_namespace(os.getpid())}

    def follow(self, targets: Mapping[int, Target]) -> None:
        """Takes note of those that have come, by their numbers, and of those that are not there any more."""
        for number in self._known.keys() - targets.keys():
            if found := self._known.pop(number):
                self._map.delete(_U64.pack(found))
                self._sieve.remove_mounts(found)
                self._sieve.tell()
        for number in targets.keys() - self._known.keys():
            first = _first(targets[number], self._scope.first.get(number))
            found = mount_namespace(first.pid) if first else 0
            if not first or not found:
                continue
            if found in self._not or found in self._known.values():
                self._known[number] = 0
                continue
            try:
                self._sieve.add_mounts(found, first.pid)
            except FileNotFoundError:  # it has just ended
                continue
            if mount_namespace(first.pid) != found:  # the same: then it had none any more
                continue
            self._map.update(_U64.pack(found), _U32.pack(number))
            self._known[number] = found
            self._sieve.tell()


def _first(target: Target, first: Process | None) -> Process | None:
    """A target's first process; None if it has not got there yet."""
    if not first or not processes.is_alive(first.pid, first.start_time) or processes.is_on_its_way(first.pid):
        running = processes.trees(process for process in map(processes.quick, target.pids()) if process)
        first = running[0][0] if running else None
    return None if not first or processes.is_on_its_way(first.pid) else first
