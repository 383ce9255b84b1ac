"""Keeps bcc from reading all symbols of the kernel, which takes longer than to start its compiler.

At the end of each compilation bcc looks in /proc/kallsyms whether the kernel has bpf_probe_read_kernel()
(DoMiscWorkAround() in its src/cc/frontends/clang/b_frontend_action.cc), and builds a table of all symbols for that. If
it has not, bcc says what else that name shall mean; the probes call the helper by its number (bpf/common.c).
"""

import ctypes

_CLONE_NEWNS = 0x00020000
_MS_BIND, _MS_REC, _MS_PRIVATE = 1 << 12, 1 << 14, 1 << 18  # include/uapi/linux/mount.h

_libc = ctypes.CDLL(None)


def hide() -> None:
    """Makes the file empty for this process, in a mount namespace of its own; does nothing where that may not be."""
    if _libc.unshare(_CLONE_NEWNS) == 0 and _libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None) == 0:
        _libc.mount(b"/dev/null", b"/proc/kallsyms", None, _MS_BIND, None)
