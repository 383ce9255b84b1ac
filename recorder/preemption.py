"""Which programs a kernel may preempt in their middle, where its own code may be preempted.

While a program is preempted the kernel skips it for all other tasks on that CPU (__bpf_prog_enter_recur() in
kernel/bpf/trampoline.c, __bpf_trace_run() in kernel/trace/bpf_trace.c), and what they did is not seen: on Linux 7.2,
with one CPU, that cost bytes of a terminal within a few lines, and of six sessions that began at once up to five. It is
counted, so a recording tells of it. Programs of type tracing have run with preemption on since there were any, those
at tracepoints since Linux 7.0 (commit a46023d5616e, "tracing: Guard __DECLARE_TRACE() use of __DO_TRACE_CALL() with
SRCU-fast"). A kprobe's program runs with preemption off (kprobe_ftrace_handler() in arch/x86/kernel/kprobes/ftrace.c).
"""

import os
import re
from pathlib import Path

from recorder.ladder import FENTRY, FEXIT, RAW_TRACEPOINT

_TRACEPOINTS_SINCE = 7


def preempted(sysfs: Path) -> frozenset[str]:
    """The kinds of hooks, FEXIT and others of recorder/ladder.py, whose programs this kernel may preempt."""
    try:
        mode = (sysfs / "kernel/debug/sched/preempt").read_text()
    except OSError:
        mode = ""
    uname = os.uname()
    return hooks(uname.release, uname.version, mode)


def hooks(release: str, version: str, mode: str) -> frozenset[str]:
    """The same from what `uname -r` and `uname -v` say, and the file that shows a kernel's mode, or ""."""
    if not _preempts(version, mode):
        return frozenset()
    major = re.match(r"\d+", release)
    at_tracepoints = major and int(major[0]) >= _TRACEPOINTS_SINCE
    return frozenset((FENTRY, FEXIT, *((RAW_TRACEPOINT,) if at_tracepoints else ())))


def _preempts(version: str, mode: str) -> bool:
    """kernel/sched/core.c: none and voluntary do not preempt, full and lazy do. A mode that nobody tells may."""
    if "PREEMPT_DYNAMIC" in version and (chosen := re.search(r"\((\w+)\)", mode)):
        return chosen[1] in ("full", "lazy")
    return "PREEMPT" in version
