"""What `show` says first: the warnings of all sessions."""

from collections.abc import Callable, Iterable, Iterator

from replay.clock import to_second
from replay.escape import printable
from replay.model import Warned
from replay.session_report import SIGNALS, Shown
from replay.table import columns

_MOST = 50
"""So many are shown; all are in the JSON."""

_HEADERS = ("TIME", "SESSION", "PID", "WARNING")
_NAMESPACES = {
    0x00000080: "time", 0x00020000: "mount", 0x02000000: "cgroup", 0x04000000: "uts", 0x08000000: "ipc",
    0x10000000: "user", 0x20000000: "pid", 0x40000000: "network",
}  # fmt: skip


def words(of: Warned) -> str:
    """What it was, safe to print."""
    times = f" ({of.count} times)" if of.count > 1 else ""
    known = _WORDS.get(of.kind)
    return (known(of) if known else printable(of.kind).replace("_", " ")) + times


def _signal(of: Warned) -> str:
    name = f"SIG{SIGNALS[of.value]}" if of.value in SIGNALS else f"signal {of.value}"
    return f"sent {name} to the recorder"


def _hold(of: Warned) -> str:
    if not of.other:  # PTRACE_TRACEME, or one that had ended
        return "had itself traced, or took hold of a process that is not known"
    whose = f"of session {of.other_session}" if of.other_session else "of no session"
    return f"took hold of process {of.other} of the host, {whose}: to trace it, or for its memory"


def _namespaces(of: Warned) -> str:
    names = ", ".join(name for bit, name in _NAMESPACES.items() if of.value & bit)
    return f"moved to other namespaces ({names or 'which, is not known'})"


def _foreign(of: Warned) -> str:
    who = f"of session {of.other_session}" if of.other_session else "of no session"
    return f"process {of.host_pid} of the host ({printable(of.name)}), {who}, wrote to the session's terminal"


_WORDS: dict[str, Callable[[Warned], str]] = {
    "signal": _signal,
    "ptrace": _hold,
    "bpf": lambda of: f"called bpf (command {of.value})",
    "mount": lambda of: "mounted, moved or unmounted something, or tried to",
    "namespace": _namespaces,
    "typed": lambda of: "put input into a terminal as if it were typed (TIOCSTI)",
    "foreign_write": _foreign,
    "cgroup": lambda of: "moved a process to another cgroup",
    "ftrace": lambda of: "wrote to kernel.ftrace_enabled, which turns off and on what sessions are seen by",
    "clipboard": lambda of: "its output sets or reads the clipboard of whoever looks at it (OSC 52)",
    "answer_back": lambda of: "its output makes a terminal type an answer of its choice",
}


def _rows(shown: Iterable[Shown]) -> Iterator[tuple[int, list[str]]]:
    for one in shown:
        for of in one.session.warnings:
            yield of.time, [to_second(of.time), str(one.number), str(of.pid or "-"), words(of)]


def warnings(shown: Iterable[Shown]) -> list[str]:
    """The table of the warnings of these sessions, none if there are none."""
    rows = [row for _, row in sorted(_rows(shown), key=lambda row: row[0])]
    if not rows:
        return []
    more = f"and {len(rows) - _MOST} more: show -o json has them all\n" if len(rows) > _MOST else ""
    return [columns(_HEADERS, rows[:_MOST]) + more]
