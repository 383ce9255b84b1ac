"""The switches by which root stops, for the whole node, the programs that are attached to functions of the kernel.

Attaching one still works then, and what is attached stays: it is only not run, and nothing counts that. With 0 in
kernel.ftrace_enabled each place where a function begins is a nop again, where programs of type tracing and, on x86,
kprobes are called from (ftrace_shutdown_sysctl() in kernel/trace/ftrace.c). Seen on Linux 6.1 and newer; Linux 5.10
refuses it while a program of type tracing is attached (FTRACE_OPS_FL_PERMANENT). With 0 in kprobes/enabled of debugfs
no kprobe is hit (disarm_all_kprobes() in kernel/kprobes.c).
"""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from recorder import loss
from recorder.events import Event
from recorder.ladder import FENTRY, FEXIT, KPROBE, KRETPROBE

_TRACING, _KPROBES = frozenset((FENTRY, FEXIT)), frozenset((KPROBE, KRETPROBE))
_FTRACE = Path("/proc/sys/kernel/ftrace_enabled")
_BY_FTRACE = _TRACING | (_KPROBES if os.uname().machine == "x86_64" else frozenset())
"""On arm64 a kprobe is a breakpoint, which is no matter of ftrace (HAVE_KPROBES_ON_FTRACE in arch/*/Kconfig)."""


@dataclass(frozen=True)
class _Switch:
    """The kinds of hooks whose programs are not run while the file says 0, and what to say then."""

    file: Path
    hooks: frozenset[str]
    says: str

    def is_off(self) -> bool:
        """False as well where the file cannot be read: there is no such switch, or lockdown lets nobody at it."""
        try:
            return self.file.read_text().strip() == "0"
        except OSError:
            return False


def _switches(sysfs: Path, ftrace: Path) -> tuple[_Switch, ...]:
    return (
        _Switch(ftrace, _BY_FTRACE, "somebody has turned ftrace off on this node (sysctl kernel.ftrace_enabled is 0)"),
        _Switch(
            sysfs / "kernel/debug/kprobes/enabled",
            _KPROBES,
            "somebody has turned kprobes off on this node (0 in /sys/kernel/debug/kprobes/enabled)",
        ),
    )


def off(sysfs: Path, ftrace: Path = _FTRACE) -> dict[str, str]:
    """Why programs are not run now, in words, by their kinds of hooks (FEXIT and others of recorder/ladder.py)."""
    return {hook: switch.says for switch in _switches(sysfs, ftrace) if switch.is_off() for hook in switch.hooks}


class Switches:
    """Those that a recording with these kinds of hooks depends on, in the node's `sysfs`."""

    def __init__(self, hooks: Collection[str], sysfs: Path, ftrace: Path = _FTRACE) -> None:
        self._switches = [switch for switch in _switches(sysfs, ftrace) if switch.hooks.intersection(hooks)]
        self._off = False

    def look(self, now: int) -> list[Event]:
        """The gap event, of time `now` in ns, that tells that one is off, or that all are on again; each once."""
        before, self._off = self._off, any(switch.is_off() for switch in self._switches)
        if self._off == before:
            return []
        # Nobody knows how much is missing; but that something is has to count.
        return [loss.gap(now, 0, "GAP_PROBES_OFF", count=1) if self._off else loss.gap(now, 0, "GAP_PROBES_ON")]
