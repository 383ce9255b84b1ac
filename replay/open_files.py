"""The limit on open files: many systems begin with 1024, some with 256."""

import os
import resource

_OTHERS = 64


def make_room(files: int) -> None:
    """Raises the limit so that so many files can be opened besides those that are open, as far as it may be raised."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = files + len(os.listdir("/dev/fd")) + _OTHERS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(allowed, soft), hard))
