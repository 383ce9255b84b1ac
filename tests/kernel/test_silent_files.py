"""A file system of which nobody answers, as a session may mount one over the folder of what it has run."""

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_libc = ctypes.CDLL(None, use_errno=True)
_MNT_DETACH = 2  # include/uapi/linux/fs.h


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Path]:
    """The folder of a FUSE file system whose requests nobody reads."""
    if not Path("/dev/fuse").exists():
        pytest.skip("needs: FUSE in this machine's kernel")
    where = os.fsencode(tmp_path)
    fuse = os.open("/dev/fuse", os.O_RDWR)
    options = b"fd=%d,rootmode=40000,user_id=0,group_id=0" % fuse
    assert _libc.mount(b"silent", where, b"fuse", 0, options) == 0, os.strerror(ctypes.get_errno())
    yield tmp_path
    _libc.umount2(where, _MNT_DETACH)
    os.close(fuse)


def test_a_program_whose_folder_never_answers_is_not_waited_for(silent: Path) -> None:
    code = "import os, sys; from recorder import running_file as run; print(run.by_path(os.getpid(), %r))"
    argv = [sys.executable, "-c", code % os.fsencode(silent / "program")]
    done = subprocess.run(argv, capture_output=True, timeout=60, check=True)
    assert done.stdout == b"None\n"
