"""Kubernetes itself on another kernel than this machine's: a real exec is recorded there by the best way."""

import errno
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recorder.log.reader import open_log
from tests.cluster.node import Missing, requirements
from tests.guest.guest import SHARED, Guest
from tests.guest.machine import GuestError

ROOT = Path(__file__).parents[2]
_SECONDS = 2400.0
"""Deadline for all of it, which takes three minutes on two idle CPUs."""

_BOOTS = 5
_FAILED = ("/no/such/program", errno.ENOENT)


@pytest.fixture
def big_guest(guest_6_12: Guest) -> Iterator[Guest]:
    """A guest with room for a Kubernetes, which is gone with it."""
    with Guest(guest_6_12.kernel_dir, memory_mb=4096, cpus=2) as guest:
        for _ in range(_BOOTS):
            try:
                guest.run(["true"], timeout=60)
                break
            except GuestError as error:
                # Emulated CPUs may run code that another is patching, in 1 boot of 6. The next run boots anew.
                if "int3: 0000" not in str(error):
                    raise
        yield guest


@pytest.mark.slow
def test_kubectl_exec_is_recorded_by_fexit_byte_for_byte(big_guest: Guest) -> None:
    try:
        requirements.check()
        built = [requirements.testnode(), requirements.app_image(), requirements.recorder_image()[0]]
    except Missing as missing:
        pytest.skip(f"needs: {missing}")
    command = [".venv/bin/python", "-m", "tests.guest.kubernetes", str(SHARED), *map(str, built)]
    done = big_guest.run(command, timeout=_SECONDS, cwd=ROOT)
    print(done.output.decode(errors="replace"))  # should anything below fail, it says how far it came, and when
    assert done.returncode == 0
    told = json.loads(done.output.splitlines()[-1])
    log = big_guest.files / "session.ebpfaudit"
    with open_log(log) as opened:
        probes: dict[str, str] = opened.header.raw["probes"]
    ways = {kind: probes[kind] for kind in ("tty", "exec_failed", "stream")}
    assert ways == {"tty": "fexit pty_write", "exec_failed": "fexit sys_execve", "stream": "fexit pipe_read"}
    printed = (big_guest.files / "printed").read_bytes()
    assert len(printed) > 45_000
    assert _cli("export", log, "--format", "raw") == printed
    assert _cli("export", log, "--format", "raw", "--direction", "in") == (big_guest.files / "typed").read_bytes()
    session = _only_session(log)
    commands = [run["argv"] for run in session["execs"]]
    assert commands[0] == ["bash", "--norc"]
    assert ["seq", "1", "4000"] in commands
    assert [(failed["filename"], failed["error"]) for failed in session["failed_execs"]] == [_FAILED]
    assert "nothing was lost" in told["said"]
    assert told["left"] == []


def _cli(*arguments: str | Path) -> bytes:
    done = subprocess.run([sys.executable, "-m", "kubectl_ebpfaudit", *map(str, arguments)], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def _only_session(log: Path) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(_cli("show", log, "-o", "json"))
    [session] = shown["sessions"]
    found: dict[str, Any] = session
    return found
