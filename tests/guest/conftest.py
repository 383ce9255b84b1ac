"""Fixtures: a guest for each kernel version, booted once. One that a single test has ends with it.

The others are shared by all tests of a run: also a guest that does nothing keeps a processor busy for up to a third.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.guest.guest import Guest
from tests.guest.machine import QEMU, QEMU_ARM64, find_virtiofsd
from tests.kernels import Kernel

REPOSITORY = Path(__file__).parents[2]
_FETCH_SECONDS = 600
"""Deadline for fetching a kernel: 10 s with a fast mirror, and no time at all once it is in the cache."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of two processes that share the tests, one has all those of a guest."""
    for item in items:
        if guest := _guest_of(item):
            item.add_marker(pytest.mark.xdist_group(guest))


def _guest_of(item: pytest.Item) -> str | None:
    parameters: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    if isinstance(kernel := parameters.get("kernel"), Kernel):
        return kernel.guest
    return next((name for name in getattr(item, "fixturenames", ()) if name.startswith("guest_")), None)


def _fetch_kernel(suite: str, directory: Path, arch: str = "amd64") -> Path:
    """The directory with `suite`'s kernel and initrd; skips the test when this machine can have no guest."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        pytest.skip("needs: an x86-64 Linux machine")
    if os.geteuid() != 0:
        pytest.skip("needs: root (virtiofsd serves this machine's files)")
    command = [str(REPOSITORY / "scripts" / "fetch-guest-kernel"), suite, str(directory), arch]
    fetch = subprocess.run(command, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False)
    if fetch.returncode != 0:
        reason = fetch.stderr.strip().splitlines() or [f"exit code {fetch.returncode}"]
        pytest.skip(f"needs: the cloud kernel ({arch}) of Debian {suite} ({reason[-1]})")
    for program in (QEMU if arch == "amd64" else QEMU_ARM64, "setpriv", "setsid"):
        if shutil.which(program) is None:
            pytest.skip(f"needs: {program}")
    if find_virtiofsd() is None:
        pytest.skip("needs: virtiofsd")
    return directory


def _guest(suite: str, tmp_path_factory: pytest.TempPathFactory, arch: str = "amd64") -> Iterator[Guest]:
    kernel = _fetch_kernel(suite, tmp_path_factory.mktemp(f"kernel-{suite}-{arch}"), arch)
    with Guest(kernel) as guest:
        yield guest


@pytest.fixture
def guest_5_10(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """Linux 5.10, of Debian 11."""
    yield from _guest("bullseye", tmp_path_factory)


@pytest.fixture(scope="session")
def guest_6_1(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """Linux 6.1, of Debian 12."""
    yield from _guest("bookworm", tmp_path_factory)


@pytest.fixture(scope="session")
def guest_6_12(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """Linux 6.12, of Debian 13."""
    yield from _guest("trixie", tmp_path_factory)


@pytest.fixture(scope="session")
def guest_newest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """The newest Linux that Debian has, at the time its kernel came into the cache."""
    yield from _guest("sid", tmp_path_factory)


@pytest.fixture
def guest_6_1_arm64(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """Linux 6.1 on arm64, of Debian 12."""
    yield from _guest("bookworm", tmp_path_factory, "arm64")


@pytest.fixture
def guest_6_12_arm64(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """Linux 6.12 on arm64, of Debian 13."""
    yield from _guest("trixie", tmp_path_factory, "arm64")
