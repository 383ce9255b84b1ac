"""Compiles, loads and attaches the probes. The only importer of bcc.

bcc brings LLVM: 120 MB that nobody needs once the programs are in the kernel. So all this happens
in a child process that hands its file descriptors to the recorder and ends; the descriptors alone
keep maps, programs and attachments alive. The probes see nothing until the maps are filled.
"""

import json
import os
import re
import resource
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from recorder import bpf, privileges
from recorder.btf import Btf
from recorder.definitions import definitions
from recorder.log.errors import AuditError, KernelRefused, NoBcc, NoBtf

BPF_DIR = Path(__file__).parent.parent / "bpf"
SOURCES = ("common.c", "process.c", "tty.c", "session.c", "exec.c", "tty_bytes.c")
MAPS = (
    "target_states",
    "targets",
    "levels",
    "numbers",
    "processes",
    "terminals",
    "process_ring",
    "byte_ring",
)
PROCESS_RING_BYTES = 4 << 20
BYTE_RING_BYTES = 8 << 20

FEXIT, KPROBE, SYSCALL = "fexit", "kprobe", "syscall"
TTY_WAYS = (FEXIT, KPROBE, SYSCALL)
"""The ways to watch terminals, the best first."""

TTY_SOURCES = {
    FEXIT: ("tty_pty_write.c", "tty_fexit.c"),
    KPROBE: ("tty_pty_write.c", "tty_kprobe.c"),
    SYSCALL: ("tty_syscall.c",),
}
TTY_NAMES = {
    FEXIT: "fexit pty_write",
    KPROBE: "kprobe pty_write",
    SYSCALL: "raw tracepoint sys_exit",
}


def flags(btf: Btf, text: str, keep_input: bool, rings: tuple[int, int]) -> list[str]:
    """What the compiler is told for a source text, with the sizes of process ring and byte ring in bytes."""
    return [
        *definitions(btf, text),
        f"-DPAGE_SIZE={resource.getpagesize()}UL",
        f"-DPROCESS_RING_BYTES={rings[0]}",
        f"-DBYTE_RING_BYTES={rings[1]}",
        f"-DNO_INPUT={int(not keep_input)}",
        f"-I{BPF_DIR}",
        "-Wno-everything",
    ]


def source(way: str) -> str:
    """The text that is compiled to watch terminals in that way."""
    return "\n".join((BPF_DIR / name).read_text() for name in (*SOURCES, *TTY_SOURCES[way]))


def possible(btf: Btf, way: str) -> bool:
    """Whether a kernel may offer a way to watch terminals: a quick look that spares a compilation.

    fexit needs programs of type tracing and pty_write in BTF; a kprobe needs the PMU of that name.
    """
    if way == FEXIT:
        return btf.has_function("pty_write") and btf.allows_tracing()
    if way == KPROBE:
        return Path("/sys/bus/event_source/devices/kprobe").exists()
    return True


class _Programs:
    """The programs for one way to watch terminals, compiled, loaded and attached by bcc."""

    def __init__(self, way: str, text: str, cflags: list[str]) -> None:
        try:
            from bcc import BPF
        except ImportError as error:
            raise NoBcc(
                f"{sys.executable} cannot import bcc ({error}): install the package python3-bpfcc "
                "(bcc on PyPI is something else)"
            ) from error
        self._bcc = BPF

        class Module(BPF):  # type: ignore[misc]
            """bcc attaches by a function's name by itself; here each is attached by hand."""

            def _trace_autoload(self) -> None:
                pass

        self.links: list[int] = []
        self.programs: list[int] = []
        self.module = Module(text=text, cflags=cflags)
        if way == FEXIT:
            for function in ("pty_close", "pty_resize", "tty_do_resize", "pty_write"):
                self._fexit(function)
        elif way == KPROBE:
            self._kprobe("pty_close")
            self._kprobe("pty_resize")
            self._kprobe("tty_do_resize")
            self._kprobe("pty_write", on_return=True)
            self._kprobe("pty_write")
        else:
            self._raw_tracepoint("sys_exit", "raw_sys_exit")
        self._raw_tracepoint("sched_process_fork", "raw_fork")
        self._raw_tracepoint("sched_process_exit", "raw_exit")
        # Programs on one tracepoint run in the order in which they were attached.
        self._raw_tracepoint("sched_process_exec", "raw_exec_session")
        self._raw_tracepoint("sched_process_exec", "raw_exec")
        self._raw_tracepoint("sched_process_exec", "raw_exec_argv")
        self._load("raw_new_session", self._bcc.RAW_TRACEPOINT)

    def maps(self) -> list[int]:
        return [self.module[name].map_fd for name in MAPS]

    def _load(self, function: str, kind: int) -> int:
        program: int = self.module.load_func(function.encode(), kind).fd
        self.programs.append(program)
        return program

    def _raw_tracepoint(self, tracepoint: str, function: str) -> None:
        program = self._load(function, self._bcc.RAW_TRACEPOINT)
        # Not by bcc's attach_raw_tracepoint(), which takes one program a tracepoint.
        self.links.append(bpf.open_raw_tracepoint(tracepoint, program))

    def _fexit(self, function: str) -> None:
        name = f"kretfunc__{function}".encode()
        self._load(name.decode(), self._bcc.TRACING)
        self.module.attach_kretfunc(fn_name=name)
        self.links.append(self.module.kfunc_exit_fds[name])

    def _kprobe(self, function: str, on_return: bool = False) -> None:
        name = f"{'kretprobe' if on_return else 'kprobe'}_{function}".encode()
        self._load(name.decode(), self._bcc.KPROBE)
        attach = self.module.attach_kretprobe if on_return else self.module.attach_kprobe
        attach(event=function.encode(), fn_name=name)
        self.links.append(next(fds[name] for fds in self.module.kprobe_fds.values() if name in fds))


def _climb(ways: Sequence[str], keep_input: bool, rings: tuple[int, int]) -> tuple[str, _Programs]:
    """The best way that this kernel takes, with its programs attached."""
    os.environ["BCC_KERNEL_SOURCE"] = str(BPF_DIR)
    btf = Btf()
    refused = []
    for way in ways:
        if not possible(btf, way):
            refused.append(f"{TTY_NAMES[way]}: not offered")
            continue
        try:
            text = source(way)
            return way, _Programs(way, text, flags(btf, text, keep_input, rings))
        except AuditError:
            raise
        except Exception as error:  # noqa: BLE001 - bcc raises nothing more specific
            refused.append(f"{TTY_NAMES[way]}: {error}")
    release = os.uname().release
    if tuple(map(int, re.findall(r"\d+", release)[:2])) < (5, 12):
        raise KernelRefused(
            f"this kernel is Linux {release}: recording needs 5.12 or newer, for atomic counters in BPF"
        )
    why = "; ".join(refused)
    if privileges.few():
        who = "a recorder with few privileges"
        raise KernelRefused(f"the kernel refuses the probes to {who} ({why}): {privileges.REMEDY}")
    raise KernelRefused(f"the kernel refuses the probes ({why}); -v shows what its verifier said")


def _child(channel: socket.socket, keep_input: bool, ways: Sequence[str], rings: tuple[int, int]) -> None:
    way, programs = _climb(ways, keep_input, rings)
    taken = {
        "exec": "raw tracepoint sched_process_exec",
        "fork": "raw tracepoint sched_process_fork",
        "exit": "raw tracepoint sched_process_exit",
        "exec_failed": TTY_NAMES[SYSCALL] if way == SYSCALL else "none",
        "tty": TTY_NAMES[way],
    }
    answer = {"probes": taken, "programs": len(programs.programs)}
    fds = [*programs.maps(), *programs.programs, *programs.links]
    socket.send_fds(channel, [json.dumps(answer).encode()], fds)


def _run_child(channel: socket.socket, log: int, body: Callable[[], None]) -> NoReturn:
    """Runs `body` as the loader process and ends it without bcc's clean-up, which would detach."""
    os.dup2(log, 1)
    os.dup2(log, 2)
    status = 1
    try:
        body()
        status = 0
    except AuditError as error:
        channel.sendall(json.dumps({"error": type(error).__name__, "message": str(error)}).encode())
    except BaseException:  # noqa: BLE001 - the process ends here, whatever it is
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


_ERRORS = {kind.__name__: kind for kind in (NoBcc, NoBtf, KernelRefused)}


@dataclass(frozen=True)
class Probes:
    """Live probes: file descriptors of the maps by name, of the programs, and of what holds them attached.

    The last program is the one that gives a session number. `taken` names the way taken for each kind of probe.
    As long as the maps are empty, nothing is recorded.
    """

    maps: dict[str, int]
    programs: list[int]
    links: list[int]
    taken: dict[str, str]

    @property
    def new_session(self) -> int:
        """The program that takes the next session number and returns it."""
        return self.programs[-1]


def load(
    keep_input: bool = True,
    ways: Sequence[str] = TTY_WAYS,
    rings: tuple[int, int] = (PROCESS_RING_BYTES, BYTE_RING_BYTES),
) -> Probes:
    """Compiles, loads and attaches the probes in a child process that has ended afterwards.

    Raises NoBcc, NoBtf or KernelRefused; what compiler and verifier said is in `details`.
    """
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryFile() as log, ours:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            ours.close()
            _run_child(theirs, log.fileno(), lambda: _child(theirs, keep_input, ways, rings))
        theirs.close()
        data, fds, _, _ = socket.recv_fds(ours, 1 << 16, 64)
        os.waitpid(pid, 0)
        answer: dict[str, Any] = json.loads(data or b'{"error": "KernelRefused", "message": "the loader died"}')
        if "error" in answer:
            log.seek(0)
            said = log.read().decode(errors="replace").strip()
            raise _ERRORS[answer["error"]](answer["message"], details=said)
    programs = len(MAPS) + answer["programs"]
    maps = dict(zip(MAPS, fds[: len(MAPS)], strict=True))
    return Probes(maps, fds[len(MAPS) : programs], fds[programs:], answer["probes"])
