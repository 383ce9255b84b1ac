"""The processes of sessions, and the programs that they run: from their events."""

from collections.abc import Callable
from dataclasses import dataclass

from recorder.log.events import Event
from replay import exec_file
from replay.clock import Clock
from replay.fields import Enums, data, number
from replay.model import Survivor
from replay.programs import CUT, EXEC_CWD_CUT, Exec

_MAX_ARGV = 8 << 20
"""Bytes; Linux takes no more than 6 MiB (fs/exec.c, three quarters of _STK_LIM)."""


@dataclass(slots=True)
class _Process:
    """A process that lives; `inherited` is the program that its parent ran when it started this one."""

    session: int
    start_time: int
    inherited: Exec | None
    exec: Exec | None = None
    ns_pid: int = 0
    survivor: Survivor | None = None

    @property
    def program(self) -> Exec | None:
        """What it runs."""
        return self.exec or self.inherited


class Processes:
    """Those of a recording's sessions; methods take the events of their names.

    `keep` takes the memory for one more thing, and so many bytes besides, or raises TooMuch; `free` gives that for
    one thing back.
    """

    def __init__(self, clock: Clock, enums: Enums, keep: Callable[[int], None], free: Callable[[], None]) -> None:
        self._clock, self._keep, self._free = clock, keep, free
        self._processes: dict[int, _Process] = {}
        self._members: dict[int, dict[int, _Process]] = {}
        """Those of `_processes` by session, until that ends, and process ID."""
        self._last_exec: dict[tuple[int, int], Exec] = {}
        self._files = exec_file.Files(enums)
        self.exec_hash = self._files.hash

    def left(self, session: int, first: int) -> list[Survivor]:
        """A session ends: those of its processes that live on, but for its `first`."""
        members = self._members.pop(session, {})
        return [self._survivor(pid, process) for pid, process in members.items() if pid != first]

    def _survivor(self, pid: int, process: _Process) -> Survivor:
        self._keep(0)
        started = self._clock.wall(process.start_time) if process.start_time else None
        process.survivor = Survivor(pid, process.ns_pid, process.program, started)
        return process.survivor

    def fork(self, event: Event) -> None:
        child = _Process(event.session, number(event, "child_start_time"), self._program(event.pid))
        child.ns_pid = number(event, "child_ns_pid")
        self._begin(number(event, "child"), child)

    def _begin(self, pid: int, process: _Process) -> None:
        self._forget(pid)  # its end was not seen
        self._keep(0)
        self._processes[pid] = self._members.setdefault(process.session, {})[pid] = process

    def _forget(self, pid: int) -> _Process | None:
        """Gives back what is kept of a process that lives no longer."""
        process = self._processes.pop(pid, None)
        if not process:
            return None
        members = self._members.get(process.session, {})
        if members.pop(pid, None) and not members:
            del self._members[process.session]
        self._free()
        return process

    def exec(self, event: Event) -> Exec:
        """The program that runs from here on."""
        argv = data(event, "argv")[:_MAX_ARGV]
        self._keep(len(argv) + len(data(event, "filename")) + len(data(event, "cwd")))
        ran = Exec(
            time=self._clock.wall(event.time),
            session=event.session,
            host_pid=event.pid,
            host_ppid=number(event, "ppid"),
            pid=number(event, "ns_pid"),
            ppid=number(event, "ns_ppid"),
            filename=data(event, "filename"),
            interpreter=data(event, "interpreter"),
            cwd=(CUT if number(event, "flags") & EXEC_CWD_CUT else b"") + data(event, "cwd"),
            argv_bytes=argv,
            argv_total=number(event, "argv_total"),
            uid=number(event, "uid"),
            gid=number(event, "gid"),
            tty=number(event, "tty"),
            flags=number(event, "flags"),
            monotonic=event.time,
            rights=exec_file.rights(event),
        )
        process = self._process(event, ran.host_ppid)
        before = process.exec
        if before:
            before.ended = ran.time
            ran.parent = before.parent
        else:
            ran.parent = process.inherited
        process.exec, process.ns_pid = ran, ran.pid
        if process.survivor:
            process.survivor.ran = ran
        self._last_exec[event.session, event.pid] = ran
        return ran

    def _process(self, event: Event, ppid: int) -> _Process:
        process, start_time = self._processes.get(event.pid), number(event, "start_time")
        if not process or (process.start_time and start_time and process.start_time != start_time):
            process = _Process(event.session, start_time, self._program(ppid))
            self._begin(event.pid, process)
        return process

    def _program(self, pid: int) -> Exec | None:
        process = self._processes.get(pid)
        return process.program if process else None

    def exec_argv(self, event: Event) -> None:
        ran = self._last_exec.get((event.session, event.pid))
        more = data(event, "argv")
        if ran and number(event, "offset") == len(ran.argv_bytes) and len(ran.argv_bytes) < _MAX_ARGV:
            self._keep(len(more))
            ran.argv_bytes += more

    def exec_file(self, event: Event) -> None:
        if ran := self._last_exec.get((event.session, event.pid)):
            self._keep(len(data(event, "path")))
            ran.file = self._files.file(event)

    def inner_pid(self, pid: int) -> int:
        """The ID in the container of a process that lives, 0 if it is not known."""
        process = self._processes.get(pid)
        return process.ns_pid if process else 0

    def exit(self, event: Event) -> None:
        process = self._forget(event.pid)
        started = number(event, "start_time")
        same = process and not (process.start_time and started and process.start_time != started)
        if process and same and process.exec:
            process.exec.ended = self._clock.wall(event.time)
            process.exec.exit_code, process.exec.signal = status(event)
        if process and same and process.survivor:
            process.survivor.ended = self._clock.wall(event.time)
            process.survivor.exit_code, process.survivor.signal = status(event)


def status(event: Event) -> tuple[int, int]:
    """(exit code as a shell shows it: 128 + N after signal N; the signal or 0)."""
    signal = number(event, "signal")
    return (128 + signal, signal) if signal else (number(event, "exit_code"), 0)
