"""Kprobes, of which this project's own kernel has none, and of whose returns it may miss some."""

from tests.guest import inside
from tests.guest.guest import Guest


def test_a_call_whose_return_no_kretprobe_sees_is_told(guest_newest: Guest) -> None:
    probes = "exec_failed=kprobe,tty=kprobe,stream=kprobe,warnings=none"
    inside.passes(guest_newest, "tests/kernel/test_missed.py", probes=probes, seconds=600)
