"""Compiles, loads and attaches the programs of a choice of ways. The only importer of bcc.

bcc brings LLVM: 120 MB that nobody needs once the programs are in the kernel. So the process that uses this one is
short (recorder/loader.py); the file descriptors alone keep maps, programs and attachments alive.
"""

import os
import resource
import struct
import sys
from pathlib import Path
from typing import Any

from recorder import bpf, pids, pipe_check, privileges
from recorder.btf import Btf
from recorder.climb import Refused
from recorder.definitions import definitions
from recorder.ladder import (
    FENTRY,
    FEXIT,
    KRETPROBE,
    RAW_TRACEPOINT,
    RUN_BY_HAND,
    STEP,
    STEPS,
    Choice,
    Hook,
    sources,
)
from recorder.log.errors import KernelRefused, NoBcc

BPF_DIR = Path(__file__).parent.parent / "bpf"
MAPS = (
    "target_states",
    "targets",
    "mount_namespaces",
    "sieve",
    "exec_steps",
    "fork_steps",
    "exit_steps",
    "numbers",
    "processes",
    "terminals",
    "streams",
    "stream_numbers",
    "process_ring",
    "byte_ring",
)
"""Those that are there whatever is watched. The kernel empties steps if nobody holds them open."""

_U32 = struct.Struct("=I")


def source(choice: Choice) -> str:
    """The text that is compiled for a choice."""
    return "\n".join((BPF_DIR / name).read_text() for name in sources(choice))


def flags(btf: Btf, choice: Choice, text: str, keep_input: bool, rings: tuple[int, int], recorder: int) -> list[str]:
    """What the compiler is told for a source text, with the sizes of process ring and byte ring in bytes.

    `recorder` is the ID of the recorder on the host.
    """
    return [
        *definitions(btf, text),
        *(f"-D{way.define}" for way in choice.values() if way and way.define),
        *(f"-DSTEP_{step}={number}" for number, step in enumerate(STEPS)),
        f"-DSTEPS={len(STEPS)}",
        *_differs(),
        f"-DPAGE_SIZE={resource.getpagesize()}UL",
        f"-DPROCESS_RING_BYTES={rings[0]}",
        f"-DBYTE_RING_BYTES={rings[1]}",
        f"-DNO_INPUT={int(not keep_input)}",
        f"-DRECORDER={recorder}",
        f"-DLOADER={pids.own()}",
        f"-I{BPF_DIR}",
        "-Wno-everything",
        "-g0",  # bcc asks for debug information, which takes a quarter of the compiler's time and is read by nobody
    ]


def _differs() -> list[str]:
    """What the C has to do in another way on some kernels (bpf/common.c)."""
    differs = [] if bpf.takes(bpf.FETCH) else ["-DNO_ATOMIC_FETCH"]
    if bpf.takes(bpf.TYPED_TASK):
        differs.append("-DHAS_TYPED_TASK")
    return differs


def compiler() -> Any:
    """bcc's class BPF, but that it attaches nothing by itself, as it would by a function's name. Raises NoBcc."""
    os.environ["BCC_KERNEL_SOURCE"] = str(BPF_DIR)
    try:
        from bcc import BPF
    except ImportError as error:
        raise NoBcc(
            f"{sys.executable} cannot import bcc ({error}): install the package python3-bpfcc "
            "(bcc on PyPI is something else)"
        ) from error

    class Module(BPF):  # type: ignore[misc]
        def _trace_autoload(self) -> None:
            pass

    return Module


class Programs:
    """The programs of a choice, compiled, loaded and attached: file descriptors of programs and of what holds them.

    Raises NoBcc, NoBtf, KernelRefused, or Refused for a hook that the kernel does not take. What was attached before
    that, to maps that stay empty, goes with the process.
    """

    def __init__(self, btf: Btf, choice: Choice, keep_input: bool, rings: tuple[int, int], recorder: int) -> None:
        self._bcc = compiler()
        self.links: list[int] = []
        self.programs: list[int] = []
        self._choice = choice
        text = source(choice)
        options = flags(btf, choice, text, keep_input, rings, recorder)
        try:
            self.module = self._bcc(text=text, cflags=options)
        except Exception as error:
            raise KernelRefused(privileges.refused(str(error))) from error
        # Those that kernels refuse first: then the rest need not be loaded twice.
        ways = [way for way in reversed(tuple(choice.values())) if way]
        for hook in dict.fromkeys(hook for way in ways for hook in way.hooks):
            self._take(hook)
        for function in RUN_BY_HAND:
            self._load(function, self._bcc.RAW_TRACEPOINT)

    def maps(self) -> dict[str, int]:
        """The file descriptors of the maps."""
        return {name: self.module[name].map_fd for name in MAPS}

    def _take(self, hook: Hook) -> None:
        try:
            self._attach(hook)
            if hook.program == "kprobe_kill_fasync":
                pipe_check.check(lambda: int(self.module["pipe_calls_told"][0].value))
        except Exception as error:
            raise Refused(hook, str(error)) from error

    def _attach(self, hook: Hook) -> None:
        if hook.how == RAW_TRACEPOINT:
            program = self._load(hook.program, self._bcc.RAW_TRACEPOINT)
            # Not by bcc's attach_raw_tracepoint(), which takes one program a tracepoint.
            self.links.append(bpf.open_raw_tracepoint(hook.where, program))
        elif hook.how == STEP:
            steps = bpf.Map(self.module[f"{hook.where}_steps"].map_fd, _U32.size)
            program = self._load(hook.program, self._type_of(hook.where))
            steps.update(_U32.pack(STEPS.index(hook.program)), _U32.pack(program))
        elif hook.how == FEXIT:
            self._load(hook.program, self._bcc.TRACING)
            self.module.attach_kretfunc(fn_name=hook.program.encode())
            self.links.append(self.module.kfunc_exit_fds[hook.program.encode()])
        elif hook.how == FENTRY:
            self._load(hook.program, self._bcc.TRACING)
            self.module.attach_kfunc(fn_name=hook.program.encode())
            self.links.append(self.module.kfunc_entry_fds[hook.program.encode()])
        else:
            self._load(hook.program, self._bcc.KPROBE)
            attach = self.module.attach_kretprobe if hook.how == KRETPROBE else self.module.attach_kprobe
            name = hook.program.encode()
            attach(event=hook.where.encode(), fn_name=name)
            self.links.append(next(fds[name] for fds in self.module.kprobe_fds.values() if name in fds))

    def _type_of(self, kind: str) -> int:
        """The type of the program of a kind that goes on with others: theirs has to be the same."""
        way = self._choice[kind]
        assert way
        return int(self._bcc.KPROBE if way.by_kprobe else self._bcc.RAW_TRACEPOINT)

    def _load(self, function: str, kind: int) -> int:
        program: int = self.module.load_func(function.encode(), kind).fd
        self.programs.append(program)
        return program
