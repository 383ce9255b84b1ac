"""The ways to watch a terminal that this project's own kernel lacks: same session in, same events out."""

from pathlib import Path

import pytest

from kubectl_ebpfaudit.cluster.pod import CAPABILITIES
from tests.guest.guest import Guest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("way", ["fexit", "kprobe"])
def test_every_way_records_the_same(guest_6_1: Guest, way: str) -> None:
    _assert_records(guest_6_1, way)


def test_a_recorder_without_most_of_roots_power_records_the_same(guest_6_1: Guest) -> None:
    _assert_records(guest_6_1, "fexit", EBPFAUDIT_CAPABILITIES=",".join(CAPABILITIES))


def _assert_records(guest: Guest, way: str, **env: str) -> None:
    done = guest.run(
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
        env={"EBPFAUDIT_PROBES": f"tty={way},exec_failed={way}", **env},
    )
    assert done.returncode == 0, done.output.decode()
