"""What tests that run in a guest rely on: a real kernel, its file systems, runc, and a way back for files."""

from __future__ import annotations

import hashlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import PIPE

import pytest

from tests.cluster.node.wait import until
from tests.guest.guest import SHARED, Guest, GuestError, GuestTimeout
from tests.guest.machine import Machine

pytestmark = pytest.mark.guest

REPOSITORY = Path(__file__).parents[2]

_SECONDS = 60.0
"""Deadline for a small command in a guest; it takes less than a second on an idle machine."""

_RUNC = r"""
set -eu
bundle=/run/bundle
mkdir -p $bundle/rootfs
mount --bind / $bundle/rootfs
cp /run/guest/files/config.json $bundle/
runc run -d -b $bundle smoke </dev/null >/run/smoke.log 2>&1 || { cat /run/smoke.log; exit 1; }
runc exec smoke bash -c 'echo "bash in $(cat /proc/self/cgroup)"; exit 7'
"""


def _runc_config() -> dict[str, object]:
    mounts = [{"destination": "/proc", "type": "proc", "source": "proc"}]
    process = {
        "args": ["sleep", "600"],
        "cwd": "/",
        "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
        "user": {"uid": 0, "gid": 0},
    }
    return {
        "ociVersion": "1.0.2",
        "process": process,
        "root": {"path": "rootfs"},
        "mounts": mounts,
        "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}]},
    }


def test_kernel_is_the_suites(guest_6_1: Guest) -> None:
    result = guest_6_1.run(["uname", "-r"], timeout=_SECONDS)
    assert result.returncode == 0
    assert result.output.startswith(b"6.1.")


def test_kernel_file_systems_are_mounted(guest_6_1: Guest) -> None:
    mounts = guest_6_1.run(["cat", "/proc/mounts"], timeout=_SECONDS).output.decode()
    types = {fields[1]: fields[2] for fields in map(str.split, mounts.splitlines())}
    assert types["/sys/fs/cgroup"] == "cgroup2"
    assert types["/sys/fs/bpf"] == "bpf"
    assert types["/sys/kernel/tracing"] == "tracefs"
    assert types["/sys/kernel/debug"] == "debugfs"
    assert types["/dev/pts"] == "devpts"
    assert guest_6_1.run(["test", "-s", "/sys/kernel/btf/vmlinux"], timeout=_SECONDS).returncode == 0


def test_command_gets_its_arguments_directory_and_environment(guest_6_1: Guest) -> None:
    argv = ["sh", "-c", 'pwd; echo "$ODD"; printf "<%s>" "$@"', "sh", "a b", "'\"$x\n", ""]
    cwd = Path(__file__).parent
    result = guest_6_1.run(argv, timeout=_SECONDS, cwd=cwd, env={"ODD": "two\nlines 'n $quotes"})
    assert result.output.decode() == f"{cwd}\ntwo\nlines 'n $quotes\n<a b><'\"$x\n><>"


def test_exit_code_passes_through(guest_6_1: Guest) -> None:
    assert guest_6_1.run(["sh", "-c", "exit 42"], timeout=_SECONDS).returncode == 42
    assert guest_6_1.run(["sh", "-c", "kill -TERM $$"], timeout=_SECONDS).returncode == 128 + signal.SIGTERM


def test_files_cross_byte_exact_in_both_directions(guest_6_1: Guest) -> None:
    data = os.urandom(5_000_000)
    (guest_6_1.files / "in").write_bytes(data)
    result = guest_6_1.run(["sh", "-c", "sha256sum <in; cat in in >out"], timeout=_SECONDS, cwd=Path(SHARED))
    assert result.output.split()[0].decode() == hashlib.sha256(data).hexdigest()
    assert (guest_6_1.files / "out").read_bytes() == data + data


def test_what_the_guest_writes_stays_in_the_guest(guest_6_1: Guest, tmp_path: Path) -> None:
    for directory in (tmp_path, Path("/usr"), Path("/run")):
        path = directory / "ebpfaudit-guest-wrote-this"
        result = guest_6_1.run(["sh", "-c", 'mkdir -p "${1%/*}"; echo x >"$1"', "sh", str(path)], timeout=_SECONDS)
        assert result == (0, b"")
        assert not path.exists()


def test_container_runs_under_runc(guest_6_1: Guest) -> None:
    (guest_6_1.files / "config.json").write_text(json.dumps(_runc_config()))
    result = guest_6_1.run(["sh", "-c", _RUNC], timeout=_SECONDS)
    assert result == (7, b"bash in 0::/smoke\n")
    assert guest_6_1.run(["runc", "delete", "--force", "smoke"], timeout=_SECONDS).returncode == 0


@pytest.fixture(scope="module")
def fragile_guest(guest_6_1: Guest) -> Iterator[Guest]:
    """A guest to lose, so that the shared one keeps its state."""
    with Guest(guest_6_1.kernel_dir, memory_mb=512) as guest:
        yield guest


def test_death_of_the_guest_is_told_with_its_console(fragile_guest: Guest) -> None:
    with pytest.raises(GuestError, match=r"(?s)echo before.*sysrq triggered crash.*before"):
        fragile_guest.run(["sh", "-c", "echo before; echo c >/proc/sysrq-trigger"], timeout=_SECONDS)


def test_timeout_is_told_with_the_output_so_far(fragile_guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    shared, read_line = fragile_guest.files.parent, Machine.read_line

    def wait_for_output_first(self: Machine, timeout: float) -> bytes:
        until(lambda: any(path.read_bytes() for path in shared.glob("*/output")), _SECONDS, lambda: "no output")
        return read_line(self, timeout)

    monkeypatch.setattr(Machine, "read_line", wait_for_output_first)
    with pytest.raises(GuestTimeout, match=r"(?s)no answer from the guest in 0\.1 s.*--- its output\nso far"):
        fragile_guest.run(["sh", "-c", "echo so far; sleep 600"], timeout=0.1)


_PARENT = """
import sys
from pathlib import Path
from tests.guest.guest import Guest
guest = Guest(Path(sys.argv[1]), memory_mb=512)
print(guest.files, flush=True)
sys.stdin.read()
"""


def test_killed_test_run_leaves_no_process(guest_6_1: Guest) -> None:
    command = [sys.executable, "-c", _PARENT, str(guest_6_1.kernel_dir)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=PIPE, stdout=PIPE) as parent, ExitStack() as undo:
        assert parent.stdout is not None
        files = Path(os.fsdecode(parent.stdout.readline().rstrip()))
        undo.callback(shutil.rmtree, files.parents[1])  # what a killed process cannot do itself
        undo.callback(parent.kill)
        pids = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        assert len(pids) == 3  # QEMU and two virtiofsd
        exits = select.poll()
        for pid in pids:
            fd = os.pidfd_open(int(pid))
            undo.callback(os.close, fd)
            exits.register(fd, select.POLLIN)
        parent.kill()
        deadline = time.monotonic() + _SECONDS
        ended: set[int] = set()
        while len(ended) < len(pids) and time.monotonic() < deadline:
            ended |= {fd for fd, _ in exits.poll(1000)}
        assert len(ended) == len(pids)
