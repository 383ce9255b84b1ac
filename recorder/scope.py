"""Fills the maps that tell the probes what to look at, and reads back what they count."""

import mmap
import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recorder import bpf, events
from recorder.cgroups import Target
from recorder.events import Event
from recorder.loader import Probes
from recorder.processes import Process, read, trees

# Values of the maps in bpf/common.c; tests/kernel/test_layout.py holds them against the compiler.
_STATE = struct.Struct("=QQQQ")
_NUMBERS = struct.Struct("=QQQ")
_PROCESS = struct.Struct("=IIII")
_TERMINAL = struct.Struct("=QQQIIIIIIHHHH")
_U32, _U64 = struct.Struct("=I"), struct.Struct("=Q")

MAX_TARGETS, MAX_LEVELS = 4096, 8
PROCESS, BYTES = 0, 1
"""Numbers of the lanes, as in bpf/common.c."""

_TYPES = {layout.name: number for number, layout in events.layouts().items()}
_FLAGS = events.enums()


@dataclass(frozen=True)
class Terminal:
    """An open terminal of a session. `key` names it in the kernel's map; offsets are bytes so far."""

    key: bytes
    out_bytes: int
    in_bytes: int
    target: int
    session: int
    number: int
    owner: int
    index: int
    closed: bool
    """Whether the kernel has seen its end and could not tell."""


class Full(Exception):
    """More targets, or targets at more depths, than the probes can look for."""


class Scope:
    """What the probes look at."""

    def __init__(self, probes: Probes) -> None:
        maps = probes.maps
        self._probes = probes
        states = mmap.mmap(
            maps["target_states"],
            -(-_STATE.size * MAX_TARGETS // mmap.PAGESIZE) * mmap.PAGESIZE,
            mmap.MAP_SHARED,
            mmap.PROT_READ,
        )
        self._states = memoryview(states).cast("Q")  # whole words, see recorder/ring.py
        self._targets = bpf.Map(maps["targets"], _U32.size)
        self._levels = bpf.Map(maps["levels"], _U32.size)
        self._numbers = bpf.Map(maps["numbers"], _NUMBERS.size)
        self._processes = bpf.Map(maps["processes"], _PROCESS.size)
        self._terminals = bpf.Map(maps["terminals"], _TERMINAL.size)
        self._known_levels: list[int] = []

    def state(self, target: int) -> tuple[int, int, int, int]:
        """(next number of the process lane, of the byte lane, events lost of each), as of now."""
        process, byte, lost_process, lost_byte = self._states[4 * target : 4 * target + 4]
        return process, byte, lost_process, lost_byte

    def lost(self, target: int, lane: int) -> int:
        """Events of a lane that found no room in its ring so far."""
        return self.state(target)[2 + lane]

    def open(self, targets: Sequence[tuple[int, Target]], now: int) -> list[Event]:
        """Lets the probes see the first targets, each with its number.

        Returns the events (of time `now`, ns) that tell what already runs. Raises Full.
        """
        self._numbers.update(_U32.pack(0), _NUMBERS.pack(1, 1, 0))
        told: list[Event] = []
        known: dict[int, int] = {}
        for number, target in targets:
            told += self._look(number, target, known, now)
        self._tell_mounts(known)
        for number, target in targets:
            self._watch(number, target)
        for number, target in targets:
            told += self._look(number, target, known, now)
        return told

    def add(self, number: int, target: Target, now: int) -> list[Event]:
        """Lets the probes see one more target. Returns what `open` does. Raises Full."""
        self._check_room(number, target)  # before anything is told of it
        known: dict[int, int] = {}
        told = self._look(number, target, known, now)
        self._watch(number, target)
        return told + self._look(number, target, known, now)

    def remove(self, target: Target) -> None:
        """Lets the probes see newcomers in the target no more. What they know of its sessions stays."""
        self._targets.delete(_U64.pack(target.cgroup_id))

    def _look(self, number: int, target: Target, known: dict[int, int], now: int) -> list[Event]:
        """Tells the probes, and the log, who is in a target.

        Whoever runs is known before the probes look for newcomers: else a workload's next command
        would be taken for a session. What starts meanwhile has a parent that is known, or is found
        by the second look.
        """
        told: list[Event] = []
        running = trees(target.pids())
        being_made = bool(running) and running[0][0].is_runtime
        for i, tree in enumerate(running):
            session = known.get(tree[0].pid)
            if session is None and not target.is_entered and (i == 0 or (being_made and tree[0].is_runtime)):
                session = 0  # the container's own workload
            if session is None and tree[0].is_runtime:
                continue  # on its way in for a session, which begins, for the probes, with what it runs in the end
            told += self._adopt(number, session, tree, known, now)
        return told

    def enter(self, number: int, target: Target, now: int) -> list[Event]:
        """Makes a session of the workload of a target that was not known to be `is_entered` yet; its events."""
        known: dict[int, int] = {}
        told: list[Event] = []
        for _ in range(2):  # what starts meanwhile is found by the second look
            for tree in trees(target.pids())[:1]:
                told += self._adopt(number, known.get(tree[0].pid), tree, known, now, workload_too=True)
        return told

    def _adopt(
        self,
        target: int,
        session: int | None,
        tree: list[Process],
        known: dict[int, int],
        now: int,
        workload_too: bool = False,
    ) -> list[Event]:
        """Takes the processes of a tree that nobody knows into the session; None: into a new one.

        `workload_too`: also those that are known as the container's own workload.
        """
        told: list[Event] = []
        for process in tree:
            key = _U32.pack(process.pid)
            if process.pid in known:
                continue
            found = self._processes.lookup(key)
            if found and not (workload_too and _PROCESS.unpack(found)[1] == 0):  # by the kernel, meanwhile
                if session is None:
                    session = _PROCESS.unpack(found)[1]
                continue
            starts = session is None
            if session is None:
                session = bpf.run(self._probes.new_session)
            self._processes.update(key, _PROCESS.pack(target, session, 1, 0))
            if not read(process.pid):
                # Ended before the probes knew it: they would take its ID's next holder for it.
                self._processes.delete(key)
                session = None if starts else session
                continue
            if starts:
                told.append(_session_start(process, target, session, now))
            known[process.pid] = session
            if session:
                told.append(_exec(process, target, session, now))
        return told

    def _tell_mounts(self, known: Iterable[int]) -> None:
        """Tells the probes which mount namespace is the node's, unless a process of a target is in it."""
        # Some machines let nobody look at init; a pod's own namespace is nobody else's, so it does no harm.
        host = _mount_ns(1) or _mount_ns(os.getpid())
        if any(_mount_ns(pid) == host for pid in known):
            return
        session, tty, _ = _NUMBERS.unpack(self._numbers.lookup(_U32.pack(0)) or _NUMBERS.pack(1, 1, 0))
        self._numbers.update(_U32.pack(0), _NUMBERS.pack(session, tty, host))

    def _check_room(self, number: int, target: Target) -> list[int]:
        """The levels of the target that are new. Raises Full."""
        levels = [level for level in target.levels if level not in self._known_levels]
        if number >= MAX_TARGETS or len(self._known_levels) + len(levels) > MAX_LEVELS:
            raise Full
        return levels

    def _watch(self, number: int, target: Target) -> None:
        levels = self._check_room(number, target)
        self._targets.update(_U64.pack(target.cgroup_id), _U32.pack(number))
        for level in levels:
            self._levels.update(_U32.pack(len(self._known_levels)), _U32.pack(level))
            self._known_levels.append(level)

    def terminals(self) -> list[Terminal]:
        """The terminals that are open."""
        found = []
        for key in self._terminals.keys(_U64.size):
            value = self._terminals.lookup(key)
            if value:
                out, typed, _, target, session, number, _, owner, index, _, _, closed, _ = _TERMINAL.unpack(value)
                found.append(Terminal(key, out, typed, target, session, number, owner, index, bool(closed)))
        return found

    def forget(self, terminal: Terminal) -> bool:
        """Takes a terminal out of the map; False if the kernel has done so already."""
        return self._terminals.delete(terminal.key)


def _mount_ns(pid: int) -> int:
    """Inode number of a process's mount namespace; 0 if it is gone."""
    try:
        return os.stat(f"/proc/{pid}/ns/mnt").st_ino
    except OSError:
        return 0


def _session_start(root: Process, target: int, session: int, now: int) -> Event:
    flags = _FLAGS["session_flag"]["SESSION_UNDER_WAY"]
    return [
        _TYPES["session_start"], now, None, target, session, root.pid, root.start_time, root.ns_pids[-1], flags,
    ]  # fmt: skip


def _exec(process: Process, target: int, session: int, now: int) -> Event:
    flags = _FLAGS["exec_flag"]["EXEC_UNDER_WAY"]
    if process.argv_total > len(process.argv):
        flags |= _FLAGS["exec_flag"]["EXEC_ARGV_CUT"]
    return [
        _TYPES["exec"], now, None, target, session, process.pid, process.start_time, 0, process.argv_total,
        process.capabilities, process.ppid, process.ns_pids[-1], 0, process.uid, process.gid, process.euid,
        process.egid, process.no_new_privs, 0, flags,
        process.filename, b"", process.cwd, process.argv,
    ]  # fmt: skip
