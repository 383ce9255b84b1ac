"""Each way in and each trick again, where a kernel offers what this machine lacks, by ways that miss nothing there."""

import pytest

from tests.guest import inside
from tests.guest.guest import Guest


@pytest.mark.parametrize(
    ("kernel", "warnings", "terminals"), [("guest_6_12", "fentry", "fexit"), ("guest_newest", "kprobes", "kprobe")]
)
def test_what_is_seen_is_seen_here_too(
    kernel: str, warnings: str, terminals: str, request: pytest.FixtureRequest
) -> None:
    guest: Guest = request.getfixturevalue(kernel)
    probes = f"warnings={warnings},tty={terminals},exec_failed={terminals}"
    inside.passes(guest, "tests/kernel/test_coverage.py", probes=probes, seconds=400, may_skip=True)
