"""The pipes that a process has, from /proc."""

import os
from collections.abc import Iterable


def pipes(pid: int, only: Iterable[int] | None = None) -> dict[int, int]:
    """The anonymous pipes that a process has open: {file descriptor: number of the inode}; none if it is gone.

    With `only`, of these file descriptors.
    """
    found: dict[int, int] = {}
    try:
        fds = os.listdir(f"/proc/{pid}/fd") if only is None else only
    except OSError:
        return found
    for fd in fds:
        try:
            link = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:  # closed meanwhile
            continue
        if link.startswith("pipe:["):
            found[int(fd)] = int(link[6:-1])
    return found
