"""The file that a process runs, opened so that it is surely that file."""

import ctypes
import errno
import os
import struct
from pathlib import Path

from recorder.processes import is_alive

_SYS_OPENAT2 = 437  # on every machine, since Linux 5.6
# include/uapi/linux/openat2.h; that of what is cached since Linux 5.12
_NO_MAGICLINKS, _NO_SYMLINKS, _IN_ROOT, _CACHED = 0x02, 0x04, 0x10, 0x20
_TRIES = 10
_HOW = struct.Struct("=QQQ")

_libc = ctypes.CDLL(None, use_errno=True)


def of_process(pid: int, started: int) -> int | None:
    """A descriptor (O_PATH) of what the process runs; None if the process is gone. Raises OSError.

    O_PATH asks nothing of the file system, which may be one that never answers.
    """
    try:
        fd = os.open(f"/proc/{pid}/exe", os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        return None
    if is_alive(pid, started):  # looked at afterwards: then it was that process before, too
        return fd
    os.close(fd)
    return None


def by_path(pid: int, path: bytes) -> int | None:
    """A descriptor (O_PATH) of the file at `path` as the process with that ID sees it; None if there is none.

    No symbolic link is followed, nor any way out of the container's root. What the kernel does not know of by heart, as
    it does of what has just run, is not looked for: a folder may be one of a file system that never answers (FUSE).
    """
    try:
        root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        text = ctypes.create_string_buffer(path)
        for _ in range(_TRIES):  # whoever mounts something anywhere meanwhile makes it start anew
            fd = _open(root, text, _CACHED)
            if fd >= 0 or ctypes.get_errno() != errno.EAGAIN:
                break
        if fd < 0 and ctypes.get_errno() == errno.EINVAL:
            fd = _open(root, text)
        return fd if fd >= 0 else None
    finally:
        os.close(root)


def _open(root: int, path: "ctypes.Array[ctypes.c_char]", resolve: int = 0) -> int:
    resolve |= _IN_ROOT | _NO_SYMLINKS | _NO_MAGICLINKS
    how = ctypes.create_string_buffer(_HOW.pack(os.O_PATH | os.O_CLOEXEC, 0, resolve), _HOW.size)
    return int(_libc.syscall(_SYS_OPENAT2, root, path, how, _HOW.size))


def readable(fd: int) -> int:
    """A descriptor to read what an O_PATH descriptor stands for. Raises OSError."""
    return os.open(Path("/proc/self/fd", str(fd)), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
