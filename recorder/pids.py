"""Process IDs on the host, where /proc may have others: on a node that is itself a container (kind, k3d).

The probes, their maps and the log have those of the host, which are the kernel's.
"""

import os
from collections.abc import Callable

from recorder import bpf

_INIT_PID_NS = 0xEFFFFFFC  # PROC_PID_INIT_INO, include/linux/proc_ns.h


def are_of_host() -> bool:
    """Whether those in /proc are the host's."""
    return os.stat("/proc/self/ns/pid").st_ino == _INIT_PID_NS


def own() -> int:
    """The ID of this process; as in /proc if the kernel does not tell, which then loads no probes either."""
    if are_of_host():
        return os.getpid()
    try:
        program = bpf.load(bpf.OWN_PID)
    except OSError:
        return os.getpid()
    try:
        return bpf.run(program)
    finally:
        os.close(program)


def on_host(pid: int, run: Callable[..., int]) -> int:
    """The ID of the process that /proc has as `pid`; 0 if it has ended. `run` is Probes.run of recorder/loader.py."""
    try:
        folder = os.open(f"/proc/{pid}", os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        return run("raw_pid", folder)
    finally:
        os.close(folder)
