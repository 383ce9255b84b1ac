"""What already runs in a target when recording starts, from /proc (proc(5))."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

MAX_ARGV_BYTES = 1 << 20
"""As much of argv is kept, as in bpf/exec.c: a process may say that its argv is terabytes of its memory."""

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


class Process(NamedTuple):
    """A process as a quick look at /proc shows it.

    `start_time` is ns of CLOCK_MONOTONIC, to a clock tick; of one that has lived through a suspend of the machine,
    earlier by how long that took.
    """

    pid: int
    ppid: int
    sid: int
    """Process ID of the leader of its session, in the sense of setsid(2)."""
    has_terminal: bool
    """Whether it has a controlling terminal."""
    start_time: int


@dataclass(frozen=True)
class Details:
    """More of a process. `ns_pids` are its IDs from the outermost PID namespace that is seen to its own."""

    ns_pids: tuple[int, ...]
    uid: int
    gid: int
    euid: int
    egid: int
    capabilities: int
    no_new_privs: int
    filename: bytes
    cwd: bytes
    argv: bytes
    argv_total: int

    @property
    def is_runtime(self) -> bool:
        """Whether it is a helper of runc, on its way into a container, that has not run what it is there for.

        runc makes a container, and a session in it, with several processes in turn, none a parent of the next
        (libcontainer/nsenter/nsexec.c). One that is about to run a program or to end shows no argv.
        """
        return self.argv == b"runc\0init\0" or not (self.argv or (self.filename and b"runc" not in self.filename))


def _link(path: str) -> bytes:
    try:
        return os.readlink(path.encode())
    except OSError:  # a kernel thread, or gone
        return b""


def _read(path: str, limit: int = 1 << 20) -> bytes:
    """What is in a file, at most `limit` bytes. Raises OSError. The short way: a target may have 20,000."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.read(fd, min(limit, 1 << 16))
        while data and len(data) < limit and (more := os.read(fd, limit - len(data))):
            data += more
    finally:
        os.close(fd)
    return data


def _stat(folder: str) -> list[bytes] | None:
    """Fields of /proc/PID/stat, or of a thread's, from the third on; None if it has ended."""
    try:
        text = _read(f"{folder}/stat")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(b")") + 2 :].split()
    # A process lives on after its first thread.
    return None if fields[0] in (b"Z", b"X") and fields[17] in (b"0", b"1") else fields


def _suspended() -> int:
    """For how long the machine was suspended since it was started, ns."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def quick(pid: int) -> Process | None:
    """The process with that ID; None if it has ended."""
    fields = _stat(f"/proc/{pid}")
    if fields is None:
        return None
    started = int(fields[19]) * _TICK_NS - _suspended()
    return Process(pid, int(fields[1]), int(fields[3]), fields[4] != b"0", started)


def is_alive(pid: int, started: int) -> bool:
    """Whether the process that was created at `started` (ns of CLOCK_MONOTONIC) still has that ID.

    /proc has the times of CLOCK_BOOTTIME, which goes on in a suspend, and nobody knows for how long the machine had
    been suspended by then: so where it was, one that got the ID within so long may be taken for that process.
    """
    found = quick(pid)
    return found is not None and -2 * _TICK_NS <= started - found.start_time <= _suspended() + 2 * _TICK_NS


def mount_namespace(pid: int) -> int:
    """Inode number of a process's mount namespace; 0 if it is gone, or nobody may look at it."""
    try:
        return os.stat(f"/proc/{pid}/ns/mnt").st_ino
    except OSError:
        return 0


def details(pid: int) -> Details | None:
    """More of that process; None if it has ended."""
    folder = f"/proc/{pid}"
    found = _details(folder)
    if not found or found.filename:
        return found
    # Of one whose first thread has ended only the others know.
    try:
        threads = os.listdir(f"{folder}/task")
    except FileNotFoundError:
        return found
    others = (_details(f"{folder}/task/{thread}") for thread in threads if thread != str(pid))
    return next((other for other in others if other), found)


def _details(folder: str) -> Details | None:
    """The same, as this folder has it."""
    try:
        status = _read(f"{folder}/status").decode(errors="replace")
        argv = _read(f"{folder}/cmdline", MAX_ARGV_BYTES)
    except (FileNotFoundError, ProcessLookupError):
        return None
    if not (fields := _stat(folder)):
        return None
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return Details(
        ns_pids=tuple(map(int, lines["NStgid"].split())),
        uid=int(lines["Uid"].split()[0]),
        gid=int(lines["Gid"].split()[0]),
        euid=int(lines["Uid"].split()[1]),
        egid=int(lines["Gid"].split()[1]),
        capabilities=int(lines["CapEff"], 16),
        no_new_privs=int(lines["NoNewPrivs"]),
        filename=_link(f"{folder}/exe"),
        cwd=_link(f"{folder}/cwd"),
        argv=argv,
        argv_total=max(len(argv), int(fields[46]) - int(fields[45])) if len(argv) == MAX_ARGV_BYTES else len(argv),
    )


def is_on_its_way(pid: int) -> bool:
    """Whether that process is the runtime on its way into a container, or has ended, as its helpers soon do."""
    known = details(pid)
    return known is None or known.is_runtime


def trees(processes: Iterable[Process]) -> list[list[Process]]:
    """The processes as trees, each with its root first, in the order in which the roots started.

    The first tree is the container's own: its init is the first process that came in from outside.
    """
    known = {p.pid: p for p in processes}
    roots: dict[int, int] = {}

    def root(process: Process) -> int:
        way = []
        while process.pid not in roots:
            roots[process.pid] = process.pid  # where parents go in a circle
            way.append(process.pid)
            if process.ppid not in known:
                break
            process = known[process.ppid]
        found = roots[process.pid]
        roots.update(dict.fromkeys(way, found))
        return found

    members: dict[int, list[Process]] = {}
    for process in sorted(known.values(), key=lambda p: p.pid):
        members.setdefault(root(process), []).append(process)
    ordered = sorted(members, key=lambda pid: (known[pid].start_time, pid))
    return [sorted(members[pid], key=lambda p: (p.pid != pid, p.start_time, p.pid)) for pid in ordered]
