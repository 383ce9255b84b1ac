"""What recording costs those who are not recorded, by the kernel's own count of what its BPF programs take."""

import ctypes
import os
import platform
import struct
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.row import Row
from tests.bench.session import record
from tests.support.container import Container, container

_ENABLE_STATS = 32  # of bpf(2), since Linux 5.8
_SYSCALL = {"x86_64": 321, "aarch64": 280}
_COMMANDS = 2000


@contextmanager
def stats() -> Iterator[None]:
    """The kernel counts how often and how long BPF programs run, as long as this lasts. Raises OSError."""
    attributes = ctypes.create_string_buffer(struct.pack("=I", 0), 4)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(_SYSCALL[platform.machine()], _ENABLE_STATS, attributes, 4)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "BPF statistics cannot be switched on")
    try:
        yield
    finally:
        os.close(fd)


def taken(pid: int) -> dict[str, tuple[int, int]]:
    """(ns, runs) of the programs that a process holds, by the raw tracepoint that they are attached to."""
    programs: dict[str, tuple[int, int]] = {}
    places: dict[str, str] = {}
    for path in Path(f"/proc/{pid}/fdinfo").iterdir():
        fields = dict(line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
        number = fields.get("prog_id", "").strip()
        if "run_time_ns" in fields:
            programs[number] = int(fields["run_time_ns"]), int(fields["run_cnt"])
        elif "tp_name" in fields:
            places[number] = fields["tp_name"].strip()
    found: defaultdict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for number, place in places.items():
        ns, runs = programs.get(number, (0, 0))
        found[place] = found[place][0] + ns, found[place][1] + runs
    return found


def per(pid: int, count: int, work: Callable[[], object]) -> dict[str, float]:
    """ns that each tracepoint's programs take for one of `count` things that `work` does."""
    with stats():
        before = taken(pid)
        work()
        after = taken(pid)
    return {place: (after[place][0] - before[place][0]) / count for place in after}


def elsewhere(victim: Container, folder: Path) -> list[Row]:
    """Commands of a container that is not recorded, while another is, with a session open in that."""
    script = f"i=0; while [ $i -lt {_COMMANDS} ]; do /bin/true $i; i=$((i+1)); done"
    with container() as other, record(victim, folder / "elsewhere.ebpfaudit") as live:
        with subprocess.Popen(
            victim.exec_argv("/bin/sleep", "1000", tty=False), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        ) as session:
            found = per(live.agent(), _COMMANDS, lambda: other.exec("/bin/bash", "-c", script))
            session.terminate()
    names = {"sched_process_exec": "exec", "sched_process_fork": "fork", "sched_process_exit": "exit"}
    parts = ", ".join(f"{names[place]} {ns:.0f}" for place, ns in sorted(found.items()) if place in names)
    ns = found["sched_process_exec"]
    return [
        Row("one exec of a container that is not recorded, in BPF", f"{ns:.0f} ns", "<= 300 ns", ns <= 300),
        Row("a whole command of it, by tracepoint", f"{parts} ns", "", True),
    ]
