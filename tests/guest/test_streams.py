"""Pipes by a way that this project's own kernel lacks; that all bytes are there by every way is in test_kernels.py."""

import json
from typing import Any

from recorder import events
from tests.guest import inside
from tests.guest.guest import Guest

_SKIPPED = events.enums()["gap_reason"]["GAP_PROBE_MISSED"]


def test_kprobes_on_the_functions_of_pipes_tell_of_what_splice_moved(guest_newest: Guest) -> None:
    probes = "stream=kprobe,warnings=none"
    inside.passes(guest_newest, "-k", "splice or parts", "tests/kernel/test_streams.py", probes=probes, seconds=600)


def _crowd(guest: Guest, size: int, probes: str) -> dict[str, Any]:
    done = guest.run(
        ["/usr/bin/python3", "-m", "tests.support.crowd", str(size)],
        timeout=600,
        cwd=inside.ROOT,
        env={"EBPFAUDIT_PROBES": probes},
    )
    assert done.returncode == 0, done.output.decode()
    told: dict[str, Any] = json.loads(done.output.splitlines()[-1])
    return told


def test_sessions_that_begin_at_once_are_whole_where_programs_may_be_preempted(guest_newest: Guest) -> None:
    told = _crowd(guest_newest, 200_000, "")
    assert told["taken"]["exec"] == "kprobe finalize_exec"
    assert (told["begun"], told["exact"], told["whole"]) == (told["sessions"], True, True), told
    assert set(told["gaps"]) <= {_SKIPPED}


def test_programs_that_preempt_each_other_leave_each_other_s_bytes_alone(guest_newest: Guest) -> None:
    told = _crowd(guest_newest, 2_000_000, "stream=fexit,warnings=none")
    assert told["exact"]
    assert told["begun"] == told["sessions"]
    assert set(told["gaps"]) <= {_SKIPPED}
