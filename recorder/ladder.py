"""What is watched, and the ways to watch each: a ladder, the best way first. Knows nothing of bcc."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recorder.btf import Btf

FENTRY, FEXIT, KPROBE, KRETPROBE, RAW_TRACEPOINT = "fentry", "fexit", "kprobe", "kretprobe", "raw tracepoint"
STEP = "step"
"""Not attached: the program of the kind `where` goes on with it, for what is recorded, by a tail call."""
_SYSCALL_FUNCTION = {"x86_64": "__x64_sys_", "aarch64": "__arm64_sys_"}.get(os.uname().machine, "sys_")

NONE = "none"
"""What is written for a kind that is not watched."""


@dataclass(frozen=True)
class Hook:
    """Where a program is attached: `how` and `where` in the kernel; `program` is its function in the C."""

    how: str
    where: str
    program: str


@dataclass(frozen=True)
class Way:
    """One way to watch something. `says` names it in a log's header; `sources` are the files of bpf/ that it needs.

    `define` is a macro: for C which several kinds share, that this kind takes part; or what differs between two ways.
    """

    name: str
    says: str
    sources: tuple[str, ...]
    hooks: tuple[Hook, ...]
    define: str = ""

    @property
    def by_kprobe(self) -> bool:
        """Whether it attaches a program where a function of the kernel begins."""
        return any(hook.how == KPROBE for hook in self.hooks)

    def missing(self, btf: Btf, off: Mapping[str, str]) -> str:
        """What of it this kernel obviously lacks, "" if nothing: a quick look that spares a compilation.

        `off` says why programs at some kinds of hooks are not run, recorder/switches.py.
        """
        traced = [hook.where for hook in self.hooks if hook.how in (FENTRY, FEXIT)]
        if absent := [function for function in traced if not btf.has_function(function)]:
            return f"the kernel's type information has no function {absent[0]}"
        if traced and not btf.allows_tracing():
            return "the kernel takes no programs of type tracing"
        if traced and not btf.attaches_tracing(traced[0]):
            return "the kernel attaches no programs of type tracing to its functions"
        if self.by_kprobe and not _KPROBES.exists():
            return "the kernel has no kprobes"
        return next((off[hook.how] for hook in self.hooks if hook.how in off), "")


_KPROBES = Path("/sys/bus/event_source/devices/kprobe")  # the PMU by which they are made


@dataclass(frozen=True)
class Kind:
    """Something that is watched, by the first of its `ways` that works.

    Without any that works nothing is recorded if it is `required`; else it is not watched.
    """

    name: str
    ways: tuple[Way, ...]
    required: bool = True

    def way(self, name: str) -> Way | None:
        """The way of that name, if it has one."""
        return next((way for way in self.ways if way.name == name), None)


def _of_processes(kind: str, tracepoint: str, function: str, program: str, *steps: str) -> Kind:
    """A kind that every kernel tells of that has ring buffers, and which costs others hardly anything.

    The function is called beside the tracepoint. One program is attached, since each costs a look at who it is: in that
    which others pay for, `steps` take no part.
    """
    after = tuple(Hook(STEP, kind, step) for step in steps)
    return Kind(
        kind,
        (
            Way("tracepoint", f"raw tracepoint {tracepoint}", (), (Hook(RAW_TRACEPOINT, tracepoint, program), *after)),
            Way(
                "kprobe",
                f"kprobe {function}",
                (),
                (Hook(KPROBE, function, program), *after),
                f"{kind.upper()}_AT_KPROBE",
            ),
        ),
    )


SYS_EXIT = "raw tracepoint sys_exit"
"""The last rung of what happens in system calls: it makes each one on the node slower."""

_SYS_EXIT_HOOKS = (Hook(RAW_TRACEPOINT, "sys_exit", "raw_sys_exit"),)
_PTY_FUNCTIONS = ("pty_write", "pty_close", "pty_resize", "tty_do_resize")
_EXECS = ("execve", "execveat")

_AT_EXEC = ("on_exec", "on_exec_process", "on_exec_streams", "on_exec_program", "on_exec_argv", "on_exec_file")
EXEC = _of_processes("exec", "sched_process_exec", "finalize_exec", *_AT_EXEC)
FORK = _of_processes("fork", "sched_process_fork", "wake_up_new_task", "on_fork", "on_fork_process")
EXIT = _of_processes("exit", "sched_process_exit", "exit_files", "on_exit", "on_exit_process")

EXEC_FAILED = Kind(
    "exec_failed",
    (
        Way(
            "fexit",
            "fexit sys_execve",
            ("exec_failed.c", "exec_failed_fexit.c"),
            tuple(Hook(FEXIT, _SYSCALL_FUNCTION + name, f"kretfunc__{_SYSCALL_FUNCTION}{name}") for name in _EXECS),
        ),
        Way(
            "kprobe",
            "kprobe sys_execve",
            ("exec_failed.c", "exec_failed_kprobe.c"),
            tuple(
                Hook(how, _SYSCALL_FUNCTION + name, f"{how}_{name}") for name in _EXECS for how in (KRETPROBE, KPROBE)
            ),
            "EXEC_FAILED_AT_KPROBE",
        ),
        Way("syscall", SYS_EXIT, ("exec_failed.c", "sys_exit.c"), _SYS_EXIT_HOOKS, "EXEC_FAILED_AT_SYS_EXIT"),
    ),
    required=False,
)

TTY = Kind(
    "tty",
    (
        Way(
            "fexit",
            "fexit pty_write",
            ("tty_bytes.c", "tty_pty_write.c", "tty_fexit.c"),
            (
                *(Hook(FEXIT, name, f"kretfunc__{name}") for name in _PTY_FUNCTIONS),
                Hook(FENTRY, "pty_write", "kfunc__pty_write"),
            ),
        ),
        Way(
            "kprobe",
            "kprobe pty_write",
            ("tty_bytes.c", "tty_pty_write.c", "tty_kprobe.c"),
            (
                Hook(KRETPROBE, "pty_write", "kretprobe_pty_write"),
                *(Hook(KPROBE, name, f"kprobe_{name}") for name in _PTY_FUNCTIONS),
            ),
            "TTY_AT_KPROBE",
        ),
        Way("syscall", SYS_EXIT, ("tty_bytes.c", "tty_syscall.c", "sys_exit.c"), _SYS_EXIT_HOOKS, "TTY_AT_SYS_EXIT"),
    ),
)

# fs/pipe.c: what reads and writes pipes has another name since Linux 6.15.
_PIPES = {"": "anon_", "-pipe": ""}


def _pipe_by_fexit(name: str, prefix: str) -> Way:
    functions = (f"{prefix}pipe_read", f"{prefix}pipe_write", "do_splice")
    hooks = tuple(Hook(FEXIT, function, f"kretfunc__{function}") for function in functions)
    sources = ("stream_pipe.c", "stream_fexit.c")
    return Way("fexit" + name, f"fexit {functions[0]}", sources, hooks, f"PIPE_PREFIX={prefix}")


def _pipe_by_kprobe(name: str, prefix: str) -> Way:
    hooks = (
        # First what a kernel may lack, last what is tried once all are there.
        Hook(KPROBE, f"{prefix}pipe_read", "kprobe_pipe_read"),
        Hook(KPROBE, f"{prefix}pipe_write", "kprobe_pipe_write"),
        Hook(KPROBE, "pipe_release", "kprobe_pipe_release"),
        Hook(KRETPROBE, "do_splice", "kretprobe_do_splice"),
        Hook(KPROBE, "do_splice", "kprobe_do_splice"),
        Hook(KPROBE, "kill_fasync", "kprobe_kill_fasync"),
    )
    sources = ("stream_pipe.c", "stream_kprobe.c")
    return Way("kprobe" + name, f"kprobe {prefix}pipe_read", sources, hooks, "STREAM_AT_KPROBE")


STREAM = Kind(
    "stream",
    (
        *(_pipe_by_fexit(*each) for each in _PIPES.items()),
        *(_pipe_by_kprobe(*each) for each in _PIPES.items()),
        Way("syscall", SYS_EXIT, ("stream_syscall.c",), (Hook(RAW_TRACEPOINT, "sys_exit", "raw_stream_sys_exit"),)),
    ),
    required=False,
)

_FORK_WARNS = Hook(STEP, "fork", "on_fork_warn")
_WARNING_HOOKS = (
    _FORK_WARNS,
    Hook(RAW_TRACEPOINT, "signal_generate", "on_signal"),
    Hook(RAW_TRACEPOINT, "cgroup_attach_task", "on_cgroup_change"),
)
_WARNING_FUNCTIONS = (
    "security_ptrace_access_check",
    "security_bpf",
    "security_sb_mount",
    "security_sb_umount",
    "security_move_mount",
    "switch_task_namespaces",
    "create_user_ns",
    "tty_ioctl",
    "proc_sys_write",
)

WARNINGS = Kind(
    "warnings",
    (
        Way(
            "fentry",
            "fentry",
            ("warn.c", "warn_fentry.c", "warn_functions.c"),
            (*_WARNING_HOOKS, *(Hook(FENTRY, name, f"kfunc__{name}") for name in _WARNING_FUNCTIONS)),
        ),
        Way(
            "kprobe",
            "kprobe",
            ("warn.c", "warn_kprobe.c", "warn_functions.c"),
            (*_WARNING_HOOKS, *(Hook(KPROBE, name, f"kprobe_{name}") for name in _WARNING_FUNCTIONS)),
        ),
        Way(
            "kprobes",
            "kprobes alone",
            ("warn.c", "warn_kprobe.c", "warn_functions.c"),
            (
                _FORK_WARNS,
                Hook(KPROBE, "send_signal_locked", "on_signal"),
                Hook(KPROBE, "cgroup_attach_task", "on_cgroup_change"),
                *(Hook(KPROBE, name, f"kprobe_{name}") for name in _WARNING_FUNCTIONS),
            ),
            "WARNINGS_AT_KPROBES",
        ),
        # It looks at system calls only where others do so anyway: what that costs is too much for warnings.
        Way("tracepoint", "raw tracepoints", ("warn.c", "warn_syscall.c"), _WARNING_HOOKS, "WARNINGS_AT_SYS_EXIT"),
    ),
    required=False,
)

KINDS = (EXEC, FORK, EXIT, EXEC_FAILED, TTY, STREAM, WARNINGS)
"""All kinds, in the order in which a log's header names them."""

STEPS = tuple(
    dict.fromkeys(hook.program for kind in KINDS for way in kind.ways for hook in way.hooks if hook.how == STEP)
)
"""The programs that others go on with, in the order of their numbers in the map `steps`: STEP_NAME in the C."""

RUN_BY_HAND = (
    "raw_pid",
    "raw_cgroup_bit",
    "raw_mounts_bit",
    "raw_has_reader",
    "raw_is_held",
    "raw_forget_terminal",
    "raw_adopt_stream",
    "raw_device",
    "raw_adopt",
)
"""The programs that the recorder itself runs, one call each (BPF_PROG_TEST_RUN), which are attached to nothing."""

SOURCES = (
    "common.c",
    "process.c",
    "tty.c",
    "session.c",
    "stream.c",
    "exec.c",
    "exec_file.c",
    "warn.c",
    "warn_fentry.c",
    "warn_kprobe.c",
    "warn_functions.c",
    "warn_syscall.c",
    "exec_failed.c",
    "exec_failed_fexit.c",
    "exec_failed_kprobe.c",
    "tty_bytes.c",
    "tty_pty_write.c",
    "tty_fexit.c",
    "tty_kprobe.c",
    "tty_syscall.c",
    "stream_pipe.c",
    "stream_fexit.c",
    "stream_kprobe.c",
    "stream_syscall.c",
    "sys_exit.c",
)
"""The files of bpf/ in the order in which they are compiled, as one text."""

_ALWAYS = frozenset(("common.c", "process.c", "tty.c", "session.c", "stream.c", "exec.c", "exec_file.c"))


def checked(kind: str, ways: Sequence[str]) -> tuple[str, ...]:
    """The names of these ways of a kind. Raises ValueError, which says what there is, if one does not exist."""
    known = {each.name: each for each in KINDS}
    if kind not in known:
        raise ValueError(f"there is no probe {kind!r}: there are {', '.join(known)}")
    names = [way.name for way in known[kind].ways] + ([] if known[kind].required else [NONE])
    if wrong := next((way for way in ways if way not in names), None):
        raise ValueError(f"the probe {kind} cannot be {wrong!r}: it can be {', '.join(names)}")
    return tuple(ways)


Choice = Mapping[str, Way | None]
"""A way for each kind that is watched, by name; None for one that is not."""


def sources(choice: Choice) -> list[str]:
    """The files that a choice needs, in order."""
    wanted = _ALWAYS.union(*(way.sources for way in choice.values() if way))
    return [name for name in SOURCES if name in wanted]


def hooks(choice: Choice) -> frozenset[str]:
    """The kinds of hooks that a choice has."""
    return frozenset(hook.how for way in choice.values() if way for hook in way.hooks)


def says(choice: Choice) -> dict[str, str]:
    """What a log's header says of a choice."""
    return {kind: way.says if way else NONE for kind, way in choice.items()}
