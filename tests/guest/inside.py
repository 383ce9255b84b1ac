"""This project's own tests, run in a guest."""

from pathlib import Path

from tests.guest.guest import Guest

ROOT = Path(__file__).parents[2]


def passes(guest: Guest, *arguments: str, probes: str, seconds: float, may_skip: bool = False) -> None:
    """Asserts that pytest with these arguments passes there, by `probes` (tests/support/recorder.py).

    `may_skip`: a kernel that may skip runs of a probe, and tells of it, is none that fails.
    """
    done = guest.run(
        [".venv/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        timeout=seconds,
        cwd=ROOT,
        env={
            "EBPFAUDIT_PROBES": probes,
            "EBPFAUDIT_TEST_SECONDS": "300",
            **({"EBPFAUDIT_MAY_SKIP": "1"} if may_skip else {}),
        },
    )
    assert done.returncode == 0, done.output.decode()
