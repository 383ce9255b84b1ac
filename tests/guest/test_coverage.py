"""Each way in and each trick again, where a kernel offers what this machine lacks, by ways that miss nothing there."""

from pathlib import Path

import pytest

from tests.guest.guest import Guest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("kernel", "warnings", "terminals"), [("guest_6_12", "fentry", "fexit"), ("guest_newest", "kprobes", "kprobe")]
)
def test_what_is_seen_is_seen_here_too(
    kernel: str, warnings: str, terminals: str, request: pytest.FixtureRequest
) -> None:
    guest: Guest = request.getfixturevalue(kernel)
    done = guest.run(
        [".venv/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/kernel/test_coverage.py"],
        timeout=400,
        cwd=ROOT,
        env={
            "EBPFAUDIT_PROBES": f"warnings={warnings},tty={terminals},exec_failed={terminals}",
            "EBPFAUDIT_MAY_SKIP": "1",
        },
    )
    assert done.returncode == 0, done.output.decode()
