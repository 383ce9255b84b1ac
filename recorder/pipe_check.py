"""Whether this kernel calls kill_fasync() whenever something has gone through a pipe, as bpf/stream_kprobe.c needs.

Before Linux 5.14, and 5.10.61, it did so only if the pipe had been empty or full (the change is called "pipe: do FASYNC
notifications for every pipe IO, not just state changes"). uname does not tell which kernels have it, so it is tried.
"""

import os
from collections.abc import Callable


class NotTold(Exception):
    """It does not, so a kprobe on that function would miss bytes."""


def check(told: Callable[[], int]) -> None:
    """Reads one of two bytes from a pipe of this process. `told` says how many of its calls the probe has seen.

    Raises NotTold.
    """
    read, write = os.pipe()
    try:
        os.write(write, b"xx")
        written = told()
        os.read(read, 1)
        if not told() > written > 0:
            raise NotTold("this kernel does not call kill_fasync() for all that goes through a pipe")
    finally:
        os.close(read)
        os.close(write)
