"""Whether a task may be preempted in the kernel, and so in the middle of a program of type tracing.

Such a program runs with preemption on. While one is preempted the kernel skips the same program of all other tasks on
that CPU (__bpf_prog_enter_recur() in kernel/bpf/trampoline.c), and what they did is not seen: on Linux 7.2 that cost
bytes of a terminal within a few lines. It is counted, so a recording tells of it. A kprobe's program runs with
preemption off.
"""

import os
import re
from functools import cache
from pathlib import Path

_MODE = Path("/sys/kernel/debug/sched/preempt")


@cache
def possible() -> bool:
    """Whether it is so on this kernel."""
    try:
        mode = _MODE.read_text()
    except OSError:
        mode = ""
    return preempts(os.uname().version, mode)


def preempts(version: str, mode: str) -> bool:
    """The same from what `uname -v` says and, of a kernel that can change it, the file that shows its mode, or "".

    kernel/sched/core.c: none and voluntary do not preempt, full and lazy do. A mode that nobody tells may.
    """
    if "PREEMPT_DYNAMIC" in version and (chosen := re.search(r"\((\w+)\)", mode)):
        return chosen[1] in ("full", "lazy")
    return "PREEMPT" in version
