"""Tells the probes, and the log, who is in a target when it comes under watch.

Whoever runs is made known before the probes look for newcomers: else a workload's next command would be taken
for a session. What starts meanwhile has a parent that is known, or is found by the next look.
"""

from collections.abc import Callable
from typing import NamedTuple

from recorder import events, processes
from recorder.cgroups import Target
from recorder.events import Event
from recorder.loss import gap
from recorder.processes import Details, Process

_TYPES = {layout.name: number for number, layout in events.layouts().items()}
_FLAGS = events.enums()


class Adopted(NamedTuple):
    """Whose a process is. `start_time` is ns of CLOCK_MONOTONIC."""

    session: int
    start_time: int
    was_known: bool
    """Whether the probes had seen it before: then they tell of it."""
    is_at_home: bool = False
    """Whether it is in the node's mount namespace."""


Adopt = Callable[[int, int, int | None, bool], Adopted | None]
"""Of (process ID, target, session; None: a new one), whose the process is from now on. None: it has ended.

The last: also if it is known as the container's own workload.
"""

TerminalOf = Callable[[int, int], int]
"""Of (session, process ID of the leader), the number of the terminal; 0 if there is none."""

TakePipes = Callable[[int, int, int], None]
"""Of (process ID of the first process of a session, target, session), takes its pipes into the session.

With session 0: those of the container's own program, which are one's once somebody attaches.
"""


OnHost = Callable[[int], int]
"""Of a process ID in /proc, that on the host; 0 if it has ended."""


_SHORT_ARGV, _ARGV_BYTES = 4 << 10, 16 << 20
"""Bytes of arguments that are told of any process, and of all that a look finds, of thousands of 1 MiB each perhaps."""


class UnderWay:
    """Looks at targets, some of them again and again."""

    def __init__(self, adopt: Adopt, terminal_of: TerminalOf, take_pipes: TakePipes, on_host: OnHost) -> None:
        self._adopt, self._terminal_of, self._take_pipes, self._on_host = adopt, terminal_of, take_pipes, on_host
        self._seen: dict[int, Process] = {}
        self._argv_left = _ARGV_BYTES
        self.known: dict[int, int] = {}
        """Sessions of processes."""
        self.first: dict[int, Process] = {}
        """The first process of each target, by its number: the container's init, if it is there yet."""
        self.passed_by: dict[int, list[Process]] = {}
        """Those that look like the runtime on its way in, by the numbers of their targets; see `look_again`."""
        self._stayed: set[int] = set()
        self.at_home = False
        """Whether one of the processes is in the node's mount namespace."""

    def look(self, number: int, target: Target, now: int) -> list[Event]:
        """The events (of time `now`, ns) that tell what runs in a target and was not known before."""
        members = target.members()
        for pid in members:
            if pid not in self._seen and (process := processes.quick(pid)):
                self._seen[pid] = process
        if all(pid in self.known for pid in members):
            return []  # as the second look mostly finds it
        told: list[Event] = []
        running = processes.trees(self._seen[pid] for pid in members if pid in self._seen)
        if running:
            self.first[number] = running[0][0]
        being_made = bool(running) and processes.is_on_its_way(running[0][0].pid)
        for i, tree in enumerate(running):
            root = tree[0]
            session = self.known.get(root.pid)
            own = i == 0 or (being_made and processes.is_on_its_way(root.pid))
            if session is None and ((own and not target.is_entered) or (not own and _is_orphan(root))):
                session = 0  # the container's own workload
            if session is None and root.pid not in self._stayed and processes.is_on_its_way(root.pid):
                # On its way in for a session, which begins, for the probes, with what it runs in the end.
                self.passed_by.setdefault(number, []).append(root)
                continue
            is_new = root.pid not in self.known
            told += self._take(number, session, tree, members, now)
            if i == 0 and session == 0 and is_new:
                self._take_pipes(root.pid, number, 0)
        return told

    def look_again(self, number: int, target: Target, now: int) -> list[Event]:
        """The same some time later: who was passed by, and is there still, is a session.

        Anybody can look like the runtime (`exec -a runc sh init`); the runtime itself is on its way for moments only.
        """
        passed = self.passed_by.pop(number, [])
        self._stayed |= {of.pid for of in passed if processes.is_alive(of.pid, of.start_time)}
        self._seen = {pid: self._seen[pid] for pid in self.known}
        return self.look(number, target, now)

    def enter(self, number: int, target: Target, now: int) -> list[Event]:
        """Makes a session of the workload of a target. The events of that."""
        told: list[Event] = []
        for _ in range(2):  # what starts meanwhile is found by the second look
            members = target.members()
            running = processes.trees(process for process in map(processes.quick, members) if process)
            for tree in running[:1]:
                session = self.known.get(tree[0].pid)
                told += self._take(number, session, tree, members, now, workload_too=True)
        return told

    def attached(self, number: int, target: Target, session: int, root: int, now: int) -> list[Event]:
        """Takes into a session that has begun with `root`, a host PID, what runs on its terminal; its events."""
        told = [gap(now, number, "GAP_BEFORE_RECORDING", session=session)]
        for _ in range(2):
            members = target.members()
            first = next((pid for pid in members if self._on_host(pid) == root), root)
            running = [of for of in map(processes.quick, members) if of and of.sid == first]
            tree = sorted(running, key=lambda of: (of.pid != first, of.start_time, of.pid))
            told += self._take(number, session, tree, members, now, workload_too=True, begun_with=first)
        return told

    @property
    def own_terminal(self) -> bool:
        """Whether what is the container's own has a terminal."""
        return any(self._seen[pid].has_terminal for pid, session in self.known.items() if not session)

    def _take(
        self,
        target: int,
        session: int | None,
        tree: list[Process],
        cgroups: dict[int, int],
        now: int,
        workload_too: bool = False,
        begun_with: int = 0,
    ) -> list[Event]:
        """Takes the processes of a tree that nobody knows into the session; None: into a new one.

        Of the process `begun_with` is told, too, though the probes know it.
        """
        told: list[Event] = []
        ns_pids: dict[int, int] = {}
        for process in tree:
            if process.pid in self.known:
                continue
            known = None if session == 0 else processes.details(process.pid)
            pid = self._on_host(process.pid)
            if (session != 0 and not known) or not pid:
                continue
            adopted = self._adopt(process.pid, target, session, workload_too)
            if not adopted:
                continue
            self.known[process.pid] = adopted.session
            # The runtime is at home, too, while it makes a container: what it is there for will not be.
            self.at_home = self.at_home or (adopted.is_at_home and not processes.is_on_its_way(process.pid))
            starts, session = session is None, adopted.session
            if (adopted.was_known and process.pid != begun_with) or not known:
                continue
            if starts:
                told.append(_session_start(pid, known, adopted, target, now))
                told.append(gap(now, target, "GAP_BEFORE_RECORDING", session=session))
                self._take_pipes(process.pid, target, session)
            ns_pids[process.pid] = known.ns_pids[-1]
            leader = self._on_host(process.sid) if process.has_terminal else 0
            tty = self._terminal_of(session, leader) if leader else 0
            pids = pid, self._on_host(process.ppid)
            ns_ppid = ns_pids.get(process.ppid, 0)
            argv = self._affordable(known.argv)
            told.append(_exec(pids, known, argv, adopted, target, now, cgroups[process.pid], ns_ppid, tty))
        return told

    def _affordable(self, argv: bytes) -> bytes:
        kept = argv[: max(self._argv_left, _SHORT_ARGV)]
        self._argv_left -= len(kept)
        return kept


def _is_orphan(root: Process) -> bool:
    """Whether a process that nobody in its target has started was handed on to an init when its parent ended.

    Nobody can tell then whether a session or the workload has started it. What comes in from outside has its parent
    there: in an outer PID namespace, or, in a container without one of its own, is the leader of a session or has one
    that lives (the runtime, nsenter).
    """
    known, parent = processes.details(root.pid), processes.details(root.ppid)
    if not known or not parent or len(known.ns_pids) != len(parent.ns_pids):
        return False
    return len(known.ns_pids) > 1 or not (root.sid == root.pid or processes.quick(root.sid))


def _session_start(root: int, known: Details, adopted: Adopted, target: int, now: int) -> Event:
    flags = _FLAGS["session_flag"]["SESSION_UNDER_WAY"]
    return [
        _TYPES["session_start"], now, None, target, adopted.session, root,
        adopted.start_time, known.ns_pids[-1], flags,
    ]  # fmt: skip


def _exec(
    pids: tuple[int, int],
    known: Details,
    argv: bytes,
    adopted: Adopted,
    target: int,
    now: int,
    cgroup: int,
    ns_ppid: int,
    tty: int,
) -> Event:
    """Of a process by its ID and its parent's on the host, with as much of its arguments."""
    flags = _FLAGS["exec_flag"]["EXEC_UNDER_WAY"]
    pid, ppid = pids
    if known.argv_total > len(argv):
        flags |= _FLAGS["exec_flag"]["EXEC_ARGV_CUT"]
    return [
        _TYPES["exec"], now, None, target, adopted.session, pid, adopted.start_time, cgroup, known.argv_total,
        known.capabilities, ppid, known.ns_pids[-1], ns_ppid, known.uid, known.gid, known.euid, known.egid,
        known.no_new_privs, tty, flags,
        known.filename, b"", known.cwd, argv,
    ]  # fmt: skip
