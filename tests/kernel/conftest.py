"""What these tests need: root, BTF, runc and the system's bcc."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.container import Container
from tests.support.container import container as run_container


@pytest.fixture(scope="session")
def node() -> None:
    """A machine that can record; skips where it is none."""
    if os.geteuid() != 0:
        pytest.skip("needs: root")
    if not Path("/sys/kernel/btf/vmlinux").exists():
        pytest.skip("needs: a kernel with BTF")
    for program in ("runc", "/bin/bash-static", "/bin/busybox"):
        if not shutil.which(program):
            pytest.skip(f"needs: {program}")
    if subprocess.run(["/usr/bin/python3", "-I", "-c", "import bcc, msgpack, zstandard"], check=False).returncode:
        pytest.skip("needs: bcc, msgpack and zstandard for /usr/bin/python3")


@pytest.fixture(scope="session")
def programs(node: None) -> Iterator[Container]:
    """A container with this machine's programs, for all tests."""
    for program in ("tmux", "screen", "script", "/usr/bin/python3"):
        if not shutil.which(program):
            pytest.skip(f"needs: {program}")
    with run_container(programs=True) as running:
        yield running


@pytest.fixture
def victim(node: None) -> Iterator[Container]:
    """A running container."""
    with run_container() as running:
        yield running
