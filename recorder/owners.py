"""Whether somebody still holds the other end of a terminal or pipe, from /proc."""

import os
from collections.abc import Iterable
from pathlib import Path


def holds_master(pid: int, index: int) -> bool:
    """Whether a process has an open ptmx for /dev/pts/`index`.

    The `tty-index` line of /proc/PID/fdinfo/FD is there for a ptmx only (drivers/tty/pty.c,
    ptm_open_peer's neighbour pty_show_fdinfo, since Linux 4.14).
    """
    try:
        fds = os.listdir(f"/proc/{pid}/fd")
    except OSError:  # the process is gone
        return False
    line = f"tty-index:\t{index}\n"
    for fd in fds:
        try:
            if not os.readlink(f"/proc/{pid}/fd/{fd}").endswith("ptmx"):
                continue
            if line in Path(f"/proc/{pid}/fdinfo/{fd}").read_text():
                return True
        except OSError:  # closed meanwhile
            continue
    return False


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
