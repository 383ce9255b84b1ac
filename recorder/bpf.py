"""bpf(2) for what the recorder does once the programs are loaded, by then without bcc.

Structures and numbers: include/uapi/linux/bpf.h and bpf(2).
"""

import ctypes
import errno
import os
import struct
from collections.abc import Sequence

_SYSCALL = {"x86_64": 321, "aarch64": 280}.get(os.uname().machine, -1)  # -1: ENOSYS
_MAP_LOOKUP, _MAP_UPDATE, _MAP_DELETE, _MAP_NEXT_KEY = 1, 2, 3, 4
_PROG_LOAD, _TEST_RUN, _INFO_BY_FD, _RAW_TRACEPOINT_OPEN = 5, 10, 15, 17
_TYPE_RAW_TRACEPOINT, _TYPE_TRACING = 17, 26
_FEXIT = 25  # of enum bpf_attach_type
_ENOTSUPP = 524  # include/linux/errno.h, which no C library names
_INFO_BYTES = 256
_TEST_RUN_BYTES = 80
_RECURSION_MISSES_AT = 208  # of struct bpf_prog_info, since Linux 5.12

_scheduling: tuple[tuple[int, "os.sched_param"], tuple[int, "os.sched_param"]] | None = None
"""How this thread is scheduled while it works on a map, and otherwise; None before stay_on_cpu(), or if refused."""

_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command: int, attributes: bytes) -> int:
    return _call(command, ctypes.create_string_buffer(attributes, len(attributes)))


def _undisturbed(command: int, attributes: bytes) -> int:
    """The same on a map, after stay_on_cpu() without being preempted."""
    if not _scheduling:
        return _bpf(command, attributes)
    alone, usual = _scheduling
    os.sched_setscheduler(0, *alone)
    try:
        return _bpf(command, attributes)
    finally:
        os.sched_setscheduler(0, *usual)


def stay_on_cpu() -> None:
    """Has nobody preempt what works on a map from now on, as far as the recorder may ask for that.

    In the middle of such a call the kernel runs no kprobe's program on the CPU (bpf_disable_instrumentation() in
    include/linux/bpf.h): were it preempted there, what others do in its place would not be seen.
    """
    global _scheduling
    usual = os.sched_getscheduler(0), os.sched_getparam(0)
    alone = os.SCHED_FIFO, os.sched_param(os.sched_get_priority_min(os.SCHED_FIFO))
    try:
        os.sched_setscheduler(0, *alone)
    except PermissionError:  # without CAP_SYS_NICE, or where its cgroup has no share of real time
        return
    os.sched_setscheduler(0, *usual)
    _scheduling = alone, usual


def _call(command: int, attributes: "ctypes.Array[ctypes.c_char]") -> int:
    result: int = _libc.syscall(_SYSCALL, command, attributes, len(attributes))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def open_raw_tracepoint(name: str, program: int) -> int:
    """Attaches a program to a raw tracepoint until the descriptor that comes back is closed. Raises OSError."""
    text = ctypes.create_string_buffer(name.encode())
    return _bpf(_RAW_TRACEPOINT_OPEN, struct.pack("=QII", ctypes.addressof(text), program, 0))


def run(program: int, *arguments: int) -> int:
    """Runs a raw tracepoint's program once without an event; what it returns, 32 bits. Raises OSError.

    `arguments`, at most 12 of 64 bits, are its context. Since Linux 5.10 (bpf_prog_test_run_raw_tp in
    net/bpf/test_run.c, which wants all else to be 0).
    """
    context = ctypes.create_string_buffer(struct.pack(f"={len(arguments)}Q", *arguments), 8 * len(arguments))
    address = ctypes.addressof(context) if arguments else 0
    # prog_fd, retval, data sizes and addresses, repeat, duration, size and address of the context
    fixed = struct.pack("=IIIIQQIIIIQ", program, 0, 0, 0, 0, 0, 0, 0, len(context), 0, address)
    attributes = ctypes.create_string_buffer(fixed, _TEST_RUN_BYTES)
    _call(_TEST_RUN, attributes)
    returned: int = struct.unpack_from("=I", attributes, 4)[0]
    return returned


# Instructions as (code, registers, offset, number), Documentation/bpf/instruction-set.rst; each program returns 0.
_END = ((0xB7, 0, 0, 0), (0x95, 0, 0, 0))
FETCH = ((0xB7, 1, 0, 1), (0x7B, 0x1A, -8, 0), (0xDB, 0x1A, -8, 1), *_END)
"""Adds to a number on the stack and gets what it was in one step: since Linux 5.12, on arm64 5.18."""
TYPED_TASK = ((0x85, 0, 0, 158), (0x79, 0x01, 0, 0), (0xDC, 0, 0, 64), (0x67, 0, 0, 1), *_END)
"""Calls bpf_get_current_task_btf(), follows what it gives, computes with it turned round: since Linux 5.11."""
READ_KERNEL = (
    (0xBF, 0xA1, 0, 0), (0x07, 1, 0, -8), (0xB7, 2, 0, 8), (0xB7, 3, 0, 0), (0x85, 0, 0, 113), *_END
)  # fmt: skip
"""Calls bpf_probe_read_kernel(), which lockdown mode confidentiality forbids (bpf_tracing_func_proto())."""
NOTHING = _END
OWN_PID = ((0x85, 0, 0, 14), (0x77, 0, 0, 32), (0x95, 0, 0, 0))
"""Returns the upper half of what bpf_get_current_pid_tgid() gives: the ID of the process that runs it."""


Instructions = Sequence[tuple[int, int, int, int]]


def load(program: Instructions) -> int:
    """Loads these instructions as a raw tracepoint's program; its descriptor. Raises OSError."""
    return _load(_TYPE_RAW_TRACEPOINT, program)


def _load(kind: int, program: Instructions, attach_type: int = 0, function: int = 0) -> int:
    """Of union bpf_attr up to attach_btf_id: what lies between those that are given is 0."""
    text = b"".join(struct.pack("=BBhi", *instruction) for instruction in program)
    code, licence = (ctypes.create_string_buffer(data) for data in (text, b"GPL"))
    addresses = ctypes.addressof(code), ctypes.addressof(licence)
    return _bpf(_PROG_LOAD, struct.pack("=IIQQ44xI36xI", kind, len(program), *addresses, attach_type, function))


def takes(program: Instructions) -> bool:
    """Whether the kernel loads these instructions as a raw tracepoint's program."""
    try:
        os.close(load(program))
    except OSError:  # EINVAL by the verifier, or ENOTSUPP by the compiler of the machine's code
        return False
    return True


def attaches_fexit(function: int) -> bool:
    """Whether fexit on a function can be attached: tries it, by its ID in the kernel's BTF, with a program of no use.

    False if the kernel says that it cannot (register_fentry() in kernel/bpf/trampoline.c). Anything else is no answer
    to that: then the programs that are wanted will tell.
    """
    try:
        program = _load(_TYPE_TRACING, NOTHING, _FEXIT, function)
    except OSError:
        return True
    try:
        os.close(_bpf(_RAW_TRACEPOINT_OPEN, struct.pack("=QII", 0, program, 0)))
    except OSError as error:
        return error.errno != _ENOTSUPP
    finally:
        os.close(program)
    return True


class Map:
    """A BPF map by its descriptor, with keys and values as bytes. Raises OSError as bpf(2) does."""

    def __init__(self, fd: int, value_size: int) -> None:
        self._fd = fd
        self._value_size = value_size

    def update(self, key: bytes, value: bytes) -> None:
        """Sets the value of a key."""
        k, v = ctypes.create_string_buffer(key, len(key)), ctypes.create_string_buffer(value, len(value))
        attributes = struct.pack("=IIQQQ", self._fd, 0, ctypes.addressof(k), ctypes.addressof(v), 0)
        _undisturbed(_MAP_UPDATE, attributes)

    def lookup(self, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        k = ctypes.create_string_buffer(key, len(key))
        v = ctypes.create_string_buffer(self._value_size)
        attributes = struct.pack("=IIQQQ", self._fd, 0, ctypes.addressof(k), ctypes.addressof(v), 0)
        try:
            _undisturbed(_MAP_LOOKUP, attributes)
        except FileNotFoundError:
            return None
        return v.raw

    def delete(self, key: bytes) -> bool:
        """Removes a key; False if it was not there. Of several that try, one gets True."""
        k = ctypes.create_string_buffer(key, len(key))
        try:
            _undisturbed(_MAP_DELETE, struct.pack("=IIQQQ", self._fd, 0, ctypes.addressof(k), 0, 0))
        except FileNotFoundError:
            return False
        return True

    def keys(self, key_size: int) -> list[bytes]:
        """The keys there are; one that comes or goes meanwhile may be in the list or not."""
        found: list[bytes] = []
        key, after = None, ctypes.create_string_buffer(key_size)
        while True:
            at = ctypes.addressof(key) if key else 0
            try:
                _bpf(_MAP_NEXT_KEY, struct.pack("=IIQQQ", self._fd, 0, at, ctypes.addressof(after), 0))
            except OSError as error:
                if error.errno == errno.ENOENT:
                    return found
                raise
            found.append(after.raw)
            key = ctypes.create_string_buffer(after.raw, key_size)


def missed_runs(program: int) -> int:
    """How often the kernel skipped a run of the program, since it was running on that CPU already."""
    info = ctypes.create_string_buffer(_INFO_BYTES)
    _bpf(_INFO_BY_FD, struct.pack("=IIQ", program, _INFO_BYTES, ctypes.addressof(info)))
    missed: int = struct.unpack_from("=Q", info, _RECURSION_MISSES_AT)[0]
    return missed
