"""Fills the maps that tell the probes what to look at, and reads back what they count."""

import mmap
import os
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass

from recorder import bpf, owners, pids, processes
from recorder.cgroups import Target
from recorder.events import Event
from recorder.loader import Probes
from recorder.processes import Process
from recorder.sieve import Sieve
from recorder.under_way import Adopted, UnderWay

# Values of the maps in bpf/common.c; tests/kernel/test_layout.py holds them against the compiler.
_STATE = struct.Struct("=QQQQ")
_NUMBERS = struct.Struct("=QQ")
_PROCESS = struct.Struct("=IIIIQ")
_TERMINAL = struct.Struct("=QQQIIIIIIHHHH")
_U32, _U64 = struct.Struct("=I"), struct.Struct("=Q")

MAX_TARGETS = 4096
ON_ITS_WAY_SECONDS = 1.0
"""For so long the runtime is believed to be on its way into a container."""
PROCESS, BYTES = 0, 1
"""Numbers of the lanes, as in bpf/common.c."""

_STANDARD = (0, 1, 2)
_NEW_SESSION = _GONE = (1 << 32) - 1  # bpf/session.c
_WAS_KNOWN, _IS_AT_HOME = 1 << 31, 1 << 30


@dataclass(frozen=True)
class Terminal:
    """An open terminal of a session. `key` names it in the kernel's map; offsets are bytes so far."""

    key: bytes
    out_bytes: int
    in_bytes: int
    target: int
    session: int
    number: int
    leader: int
    owner: int
    closed: bool
    """Whether the kernel has seen its end and could not tell."""


class Full(Exception):
    """More targets than the probes can look for."""


class Scope:
    """What the probes look at."""

    def __init__(self, probes: Probes) -> None:
        maps = probes.maps
        self._probes = probes
        self._pids_are_of_host = pids.are_of_host()
        states = mmap.mmap(
            maps["target_states"],
            -(-_STATE.size * MAX_TARGETS // mmap.PAGESIZE) * mmap.PAGESIZE,
            mmap.MAP_SHARED,
            mmap.PROT_READ,
        )
        self._states = memoryview(states).cast("Q")  # whole words, see recorder/ring.py
        self._targets = bpf.Map(maps["targets"], _U32.size)
        self.sieve = Sieve(probes)
        # Some machines let nobody look at init; a pod's own namespace is nobody else's, so it does no harm.
        self.home = processes.mount_namespace(1) or processes.mount_namespace(os.getpid())
        """Inode number of the node's mount namespace."""
        self.sieve.host_mounts = self.home
        self._first: dict[int, Process] = {}
        """The first process of each target, by its number; it may have ended since."""
        self._passed_by: list[tuple[float, int, Target, UnderWay]] = []
        self._numbers = bpf.Map(maps["numbers"], _NUMBERS.size)
        self._processes = bpf.Map(maps["processes"], _PROCESS.size)
        self._terminals = bpf.Map(maps["terminals"], _TERMINAL.size)

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
        self._numbers.update(_U32.pack(0), _NUMBERS.pack(1, 1))
        told: list[Event] = []
        under_way = self._under_way()
        for number, target in targets:
            told += under_way.look(number, target, now)
        self._tell_found(under_way)
        for number, target in targets:
            self._watch(number, target)
        for number, target in targets:
            told += under_way.look(number, target, now)
        self._tell_found(under_way)
        self._come_back(under_way, targets)
        return told

    def add(self, number: int, target: Target, now: int) -> list[Event]:
        """Lets the probes see one more target. Returns what `open` does. Raises Full."""
        _check_room(number)  # before anything is told of it
        under_way = self._under_way()
        told = under_way.look(number, target, now)
        self._tell_found(under_way)
        self._watch(number, target)
        told += under_way.look(number, target, now)
        self._tell_found(under_way)
        self._come_back(under_way, [(number, target)])
        return told

    def _come_back(self, under_way: UnderWay, targets: Sequence[tuple[int, Target]]) -> None:
        due = time.monotonic() + ON_ITS_WAY_SECONDS
        self._passed_by += (
            (due, number, target, under_way) for number, target in targets if number in under_way.passed_by
        )

    def look_again(self, now: int) -> list[Event]:
        """The events (of time `now`, ns) that tell of those that only looked like the runtime on its way in."""
        told: list[Event] = []
        while self._passed_by and self._passed_by[0][0] <= time.monotonic():
            _, number, target, under_way = self._passed_by.pop(0)
            told += under_way.look_again(number, target, now)
            self._tell_found(under_way)
        return told

    def first(self, number: int, target: Target) -> Process | None:
        """The first process of a target: the container's own, wherever that is now; None if nobody is there.

        Found anew if it has ended: while a container is made, it is a helper of the runtime.
        """
        if not self._has_first(number):
            running = processes.trees(of for of in map(processes.quick, target.pids()) if of)
            if not running:
                return None
            self._first[number] = running[0][0]
        return self._first[number]

    def _has_first(self, number: int) -> bool:
        known = self._first.get(number)
        return known is not None and processes.is_alive(known.pid, known.start_time)

    def lives_on(self, number: int) -> bool:
        """Whether a target's first process lives, in whatever cgroup: then the container does, and can be entered."""
        known = self._first.get(number)
        # One that is about to end, and may wait long for others of its PID namespace, has no mount namespace any more.
        return known is not None and processes.mount_namespace(known.pid) != 0 and self._has_first(number)

    def share_home(self) -> None:
        """Lets the probes know that a container is in the node's mount namespace, so that who enters it is, too."""
        self.sieve.host_mounts = 0
        self.sieve.tell()

    def remove(self, target: Target) -> None:
        """Lets the probes see newcomers in the target no more. What they know of its sessions stays."""
        self._targets.delete(_U64.pack(target.cgroup_id))
        self.sieve.remove_cgroup(target.cgroup_id)
        self.sieve.tell()

    def _under_way(self) -> UnderWay:
        return UnderWay(self._adopt, self._terminal_of, self._take_pipes, self._on_host)

    def _on_host(self, pid: int) -> int:
        return pid if self._pids_are_of_host else pids.on_host(pid, self._probes.run)

    def _adopt(self, pid: int, target: int, session: int | None, workload_too: bool) -> Adopted | None:
        """Takes a process that runs already into a session, its terminal with it; recorder.under_way.Adopt."""
        try:
            folder = os.open(f"/proc/{pid}", os.O_PATH | os.O_CLOEXEC)
        except OSError:  # gone
            return None
        try:
            wanted = _NEW_SESSION if session is None else session
            found = self._probes.run("raw_adopt", folder, target, wanted, workload_too, self.home)
        finally:
            os.close(folder)
        if found == _GONE:
            return None
        of_session = found & ~(_WAS_KNOWN | _IS_AT_HOME)
        # Nothing is told of the workload.
        started = (self._started(self._on_host(pid)) if of_session else None) or 0
        return Adopted(of_session, started, bool(found & _WAS_KNOWN), bool(found & _IS_AT_HOME))

    def _take_pipes(self, pid: int, target: int, session: int) -> None:
        """Takes the pipes that are input, output and errors of a session's first process into the session."""
        pipes = owners.pipes(pid, _STANDARD)
        known = None if session or 0 not in pipes else processes.details(pid)
        if not session and not known:
            return  # nobody can attach to it
        host_pid, ns_pid = self._on_host(pid), known.ns_pids[-1] if known else 0
        for fd in sorted(pipes):
            try:
                pipe = os.open(f"/proc/{pid}/fd/{fd}", os.O_PATH | os.O_CLOEXEC)
            except OSError:  # closed meanwhile
                continue
            try:
                self._probes.run("raw_adopt_stream", pipe, fd, target, session, host_pid, ns_pid)
            finally:
                os.close(pipe)

    def enter(self, number: int, target: Target, now: int) -> list[Event]:
        """Makes a session of the workload of a target that was not known to be `is_entered` yet; its events."""
        return self._under_way().enter(number, target, now)

    def attached(self, number: int, target: Target, session: int, root: int, now: int) -> list[Event]:
        """Takes into a session of kubectl attach what runs on the terminal of its first process; the events of that."""
        return self._under_way().attached(number, target, session, root, now)

    def _terminal_of(self, session: int, leader: int) -> int:
        found = (t.number for t in self.terminals() if (t.session, t.leader) == (session, leader))
        return next(found, 0)

    def _tell_found(self, under_way: UnderWay) -> None:
        """Tells the probes what they may not pass by, by what was found to run."""
        # One that was found before may have left the cgroup since, and is no less the first.
        self._first |= {number: of for number, of in under_way.first.items() if not self._has_first(number)}
        if under_way.at_home:
            self.sieve.host_mounts = 0
        if under_way.own_terminal:
            self.sieve.own_terminals = True
        self.sieve.tell()

    def _watch(self, number: int, target: Target) -> None:
        _check_room(number)
        self._targets.update(_U64.pack(target.cgroup_id), _U32.pack(number))
        try:
            self.sieve.add_cgroup(target.cgroup_id, target.path)
        except FileNotFoundError:  # gone meanwhile, and whoever was there with it
            return
        self.sieve.lowest = min(self.sieve.lowest, target.depth)
        self.sieve.tell()

    def terminals(self) -> list[Terminal]:
        """The terminals that are open."""
        found = []
        for key in self._terminals.keys(_U64.size):
            value = self._terminals.lookup(key)
            if value:
                out, typed, _, target, session, number, leader, owner, _, _, _, closed, _ = _TERMINAL.unpack(value)
                found.append(Terminal(key, out, typed, target, session, number, leader, owner, bool(closed)))
        return found

    def knows(self, pid: int, started: int) -> bool:
        """Whether the probes know that process, by its ID on the host, still: they forget it when it ends."""
        return self._started(pid) == started

    def _started(self, pid: int) -> int | None:
        """When the process that the probes know by this ID was created (ns of CLOCK_MONOTONIC), or None."""
        entry = self._processes.lookup(_U32.pack(pid))
        return int(_PROCESS.unpack(entry)[4]) if entry else None

    def is_held(self, terminal: Terminal) -> bool:
        """Whether anybody has the other end of a terminal open still."""
        return bool(self._probes.run("raw_is_held", *_U64.unpack(terminal.key)))

    def forget(self, terminal: Terminal) -> bool:
        """Takes a terminal out of the map; False if the kernel has done so already."""
        return bool(self._probes.run("raw_forget_terminal", *_U64.unpack(terminal.key), terminal.number))


def _check_room(number: int) -> None:
    if number >= MAX_TARGETS:
        raise Full
