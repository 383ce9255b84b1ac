"""What recording costs those who are not recorded, by the kernel's own count of what its BPF programs take."""

import ctypes
import os
import platform
import struct
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recorder import bpf
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


_NAMES = {"sched_process_exec": "exec", "sched_process_fork": "fork", "sched_process_exit": "exit"}


@contextmanager
def empty_programs() -> Iterator[None]:
    """A program that does nothing at each of these tracepoints, held by this process."""
    programs = {place: bpf.load(bpf.NOTHING) for place in _NAMES}
    links = [bpf.open_raw_tracepoint(place, program) for place, program in programs.items()]
    try:
        yield
    finally:
        for fd in (*links, *programs.values()):
            os.close(fd)


Taken = dict[tuple[str, str], tuple[int, int]]
"""(ns, runs) of programs, by the raw tracepoint that they are attached to and their number."""


def taken(pid: int) -> Taken:
    """What the programs that a process holds have taken so far."""
    programs: dict[str, tuple[int, int]] = {}
    places: dict[str, str] = {}
    for path in Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            text = path.read_text()
        except FileNotFoundError:  # of this process: that of the folder itself
            continue
        fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        number = fields.get("prog_id", "").strip()
        if "run_time_ns" in fields:
            programs[number] = int(fields["run_time_ns"]), int(fields["run_cnt"])
        elif "tp_name" in fields:
            places[number] = fields["tp_name"].strip()
    return {(place, number): programs.get(number, (0, 0)) for number, place in places.items()}


def each(before: Taken, after: Taken) -> dict[str, float]:
    """ns that all programs of a tracepoint together take each time, whoever on the machine got there."""
    found: defaultdict[str, float] = defaultdict(float)
    for at, (ns, runs) in after.items():
        earlier = before.get(at, (0, 0))
        if runs > earlier[1]:
            found[at[0]] += (ns - earlier[0]) / (runs - earlier[1])
    return found


def elsewhere(victim: Container, folder: Path) -> list[Row]:
    """Commands of a container that is not recorded, while another is, with a session open in that.

    What the kernel's clock takes, and a cold cache, count as well: an empty program beside them says how much that is.
    """
    script = f"i=0; while [ $i -lt {_COMMANDS} ]; do /bin/true $i; i=$((i+1)); done"
    with container() as other, record(victim, folder / "elsewhere.ebpfaudit") as live, empty_programs():
        agent, own = live.agent(), os.getpid()
        with subprocess.Popen(
            victim.exec_argv("/bin/sleep", "1000", tty=False), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        ) as session:
            try:
                with stats():
                    before = taken(agent), taken(own)
                    other.exec("/bin/bash", "-c", script)
                    found, empty = each(before[0], taken(agent)), each(before[1], taken(own))
            finally:
                session.terminate()
    ns = found["sched_process_exec"]
    parts = [f"{_NAMES[place]} {ns:.0f} ns, {ns / empty[place]:.1f}" for place, ns in found.items() if place in _NAMES]
    return [
        Row("one exec of a container that is not recorded, in BPF", f"{ns:.0f} ns", "<= 300 ns", ns <= 300),
        Row("a whole command of it, and times an empty program", "; ".join(sorted(parts)), "", True),
    ]
