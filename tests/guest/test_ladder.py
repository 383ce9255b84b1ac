"""A recorder with few privileges, on a kernel that offers the best ways; test_kernels.py tries every way."""

from pathlib import Path

from kubectl_ebpfaudit.cluster.pod import CAPABILITIES
from tests.guest.guest import Guest

ROOT = Path(__file__).parents[2]


def test_a_recorder_without_most_of_roots_power_records_the_same(guest_6_1: Guest) -> None:
    chosen = ["-k", "whole_session or header", "tests/kernel/test_capture.py"]
    done = guest_6_1.run(
        [".venv/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen],
        timeout=400,
        cwd=ROOT,
        env={
            "EBPFAUDIT_PROBES": "tty=fexit,exec_failed=fexit",
            "EBPFAUDIT_CAPABILITIES": ",".join(CAPABILITIES),
        },
    )
    assert done.returncode == 0, done.output.decode()
