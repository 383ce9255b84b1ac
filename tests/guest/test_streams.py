"""Pipes by a way that this project's own kernel lacks; that all bytes are there by every way is in test_kernels.py."""

from pathlib import Path

from tests.guest.guest import Guest

ROOT = Path(__file__).parents[2]


def test_kprobes_on_the_functions_of_pipes_tell_of_what_splice_moved(guest_newest: Guest) -> None:
    done = guest_newest.run(
        [
            ".venv/bin/python",
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-k",
            "splice",
            "tests/kernel/test_streams.py",
        ],
        timeout=600,
        cwd=ROOT,
        env={"EBPFAUDIT_PROBES": "stream=kprobe,warnings=none"},
    )
    assert done.returncode == 0, done.output.decode()
