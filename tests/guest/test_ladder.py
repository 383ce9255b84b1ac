"""The ways to watch a terminal that this project's own kernel lacks: same session in, same events out."""

from pathlib import Path

import pytest

from tests.guest.guest import Guest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("way", ["fexit", "kprobe"])
def test_every_way_records_the_same(guest_6_1: Guest, way: str) -> None:
    done = guest_6_1.run(
        [
            ".venv/bin/python",
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-k",
            "whole_session or header",
            "tests/kernel/test_capture.py",
        ],
        timeout=400,
        cwd=ROOT,
        env={"EBPFAUDIT_TTY_WAYS": way, "EBPFAUDIT_EXPECTED_WAY": f"{way} pty_write"},
    )
    assert done.returncode == 0, done.output.decode()
