"""Each way in and each trick again, where a kernel offers what this machine's lacks."""

from pathlib import Path

import pytest

from tests.guest.guest import Guest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("way", ["fentry", "kprobe"])
def test_what_is_seen_is_seen_here_too(guest_newest: Guest, way: str) -> None:
    terminals = "fexit" if way == "fentry" else way
    done = guest_newest.run(
        [".venv/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/kernel/test_coverage.py"],
        timeout=400,
        cwd=ROOT,
        env={"EBPFAUDIT_PROBES": f"warnings={way},tty={terminals},exec_failed={terminals}", "EBPFAUDIT_MAY_SKIP": "1"},
    )
    assert done.returncode == 0, done.output.decode()
