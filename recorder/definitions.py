"""What the C of the probes needs to know of this kernel and machine, as -D flags for the compiler.

`OFF_x_y` in the C is the byte offset of field y in struct x, `SIZE_x` the size of struct x: both come from
the kernel's own BTF, so that no kernel header is needed. `ENUM_x__Y` is
constant Y of enum x, -1 if the kernel has none.
"""

import os
import re

from recorder.btf import Btf
from recorder.log.errors import KernelRefused, NoBtf

_NAME = re.compile(r"\b(OFF|SIZE)_([a-z]\w*)")
_CONSTANT = re.compile(r"\bENUM_([a-z]\w*)__(\w+)")

# Fields that have moved: where each is, the newest kernels' place first.
_MOVED = {
    "tty_struct_session": ("tty_struct.ctrl.session", "tty_struct.session"),  # since 5.16
    "tty_struct_packet": ("tty_struct.ctrl.packet", "tty_struct.packet"),  # since 5.16; before, one bit in its byte
    "dentry_d_name": ("dentry.d_name", "dentry.__d_name"),  # since 6.17
    "iov_iter_type": ("iov_iter.iter_type", "iov_iter.type"),  # since 5.14
    "iov_iter_segments": ("iov_iter.__iov", "iov_iter.iov"),  # since 6.4
    "iov_iter_ubuf": ("iov_iter.ubuf", "iov_iter.iov"),  # since 6.0; before that no iterator is of this type
}

# Registers of a probed function as words of struct pt_regs, and system calls, by machine.
# x86: arch/x86/include/asm/ptrace.h, entry/syscalls/syscall_64.tbl; arm64: asm/ptrace.h, asm-generic/unistd.h.
_MACHINES: dict[str, dict[str, int | str]] = {
    "x86_64": {
        "ARG0": 14,
        "ARG1": 13,
        "ARG2": 12,
        "RESULT": 10,
        "SYS_READ": 0,
        "SYS_WRITE": 1,
        "SYS_READV": 19,
        "SYS_WRITEV": 20,
        "SYS_PREADV2": 327,
        "SYS_PWRITEV2": 328,
        "SYS_SENDFILE": 40,
        "SYS_SPLICE": 275,
        "SYS_IOCTL": 16,
        "SYS_OPEN": 2,
        "SYS_CREAT": 85,
        "SYS_OPENAT": 257,
        "SYS_OPENAT2": 437,
        "SYS_EXECVE": 59,
        "SYS_EXECVEAT": 322,
        "SYS_PTRACE": 101,
        "SYS_PROCESS_VM_READV": 310,
        "SYS_PROCESS_VM_WRITEV": 311,
        "SYS_BPF": 321,
        "SYS_MOUNT": 165,
        "SYS_UMOUNT2": 166,
        "SYS_MOVE_MOUNT": 429,
        "SYS_UNSHARE": 272,
        "SYS_SETNS": 308,
        "SYSCALL_NR_TYPE": "u64",
        "SYSCALL_NR": "pt_regs.orig_ax",
        "SYSCALL_ARG0": "pt_regs.di",
        "SYSCALL_ARG1": "pt_regs.si",
        "FEXIT_EXECVE": "kretfunc____x64_sys_execve",
        "FEXIT_EXECVEAT": "kretfunc____x64_sys_execveat",
        "SYSCALL_ARG2": "pt_regs.dx",
        "COMPAT_STATUS": "thread_info.status",
        "COMPAT": 2,  # TS_COMPAT, arch/x86/include/asm/thread_info.h
    },
    "aarch64": {
        "ARG0": 0,
        "ARG1": 1,
        "ARG2": 2,
        "RESULT": 0,
        "SYS_READ": 63,
        "SYS_WRITE": 64,
        "SYS_READV": 65,
        "SYS_WRITEV": 66,
        "SYS_PREADV2": 286,
        "SYS_PWRITEV2": 287,
        "SYS_SENDFILE": 71,
        "SYS_SPLICE": 76,
        "SYS_IOCTL": 29,
        "SYS_OPEN": -2,  # there is none; a call that was skipped, and rt_sigreturn, have the number -1
        "SYS_CREAT": -3,
        "SYS_OPENAT": 56,
        "SYS_OPENAT2": 437,
        "SYS_EXECVE": 221,
        "SYS_EXECVEAT": 281,
        "SYS_PTRACE": 117,
        "SYS_PROCESS_VM_READV": 270,
        "SYS_PROCESS_VM_WRITEV": 271,
        "SYS_BPF": 280,
        "SYS_MOUNT": 40,
        "SYS_UMOUNT2": 39,
        "SYS_MOVE_MOUNT": 429,
        "SYS_UNSHARE": 97,
        "SYS_SETNS": 268,
        "SYSCALL_NR_TYPE": "s32",
        "SYSCALL_NR": "pt_regs.syscallno",
        "SYSCALL_ARG0": "pt_regs.orig_x0",
        "SYSCALL_ARG1": 8,
        "FEXIT_EXECVE": "kretfunc____arm64_sys_execve",
        "FEXIT_EXECVEAT": "kretfunc____arm64_sys_execveat",
        "SYSCALL_ARG2": 16,
        "COMPAT_REGISTER": "pt_regs.pstate",
        "COMPAT": 0x10,  # PSR_MODE32_BIT, arch/arm64/include/uapi/asm/ptrace.h
    },
}


def definitions(btf: Btf, source: str) -> list[str]:
    """The flags for every name in the C `source` that depends on the kernel or the machine.

    Raises NoBtf if the kernel lacks a struct or field, KernelRefused on a machine that is not known.
    """
    flags = []
    for kind, name in sorted(set(_NAME.findall(source))):
        found = btf.size(name) if kind == "SIZE" else _offset(btf, name)
        if found is None:
            raise NoBtf(f"this kernel has no {name}: please report it with the output of uname -a")
        flags.append(f"-D{kind}_{name}={found}")
    for enum, name in sorted(set(_CONSTANT.findall(source))):
        constant = btf.constant(enum, name)
        flags.append(f"-DENUM_{enum}__{name}={-1 if constant is None else constant}")
    machine = os.uname().machine
    if machine not in _MACHINES:
        raise KernelRefused(f"recording is not possible on {machine}: only on x86_64 and aarch64")
    for name, value in _MACHINES[machine].items():
        known = btf.offset(value) if isinstance(value, str) and "." in value else value
        flags.append(f"-D{name}={known}")
    return flags


def _offset(btf: Btf, name: str) -> int | None:
    """Offset of the field that OFF_`name` stands for: struct and field may both have underscores."""
    words = name.split("_")
    places = _MOVED.get(name) or [f"{'_'.join(words[:i])}.{'_'.join(words[i:])}" for i in range(1, len(words))]
    return next((offset for offset in map(btf.offset, places) if offset is not None), None)
