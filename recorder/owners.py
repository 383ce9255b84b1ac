"""The pipes that a process has, from /proc."""

import os
from collections.abc import Iterable


def pipes(pid: int, fds: Iterable[int]) -> dict[int, int]:
    """Which of these file descriptors of a process are anonymous pipes: {descriptor: number of the inode}.

    None of a process that is gone.
    """
    found: dict[int, int] = {}
    for fd in fds:
        try:
            link = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:  # closed, or gone
            continue
        if link.startswith("pipe:["):
            found[fd] = int(link[6:-1])
    return found
