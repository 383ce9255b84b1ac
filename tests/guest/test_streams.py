"""The way to watch pipes that this project's own kernel lacks: the same goes through them, the same is recorded."""

from pathlib import Path

from tests.guest.guest import Guest

ROOT = Path(__file__).parents[2]


def test_fexit_on_the_functions_of_pipes_records_the_same(guest_6_1: Guest) -> None:
    done = guest_6_1.run(
        [
            ".venv/bin/python",
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-k",
            "byte_for_byte",
            "tests/kernel/test_streams.py",
        ],
        timeout=280,
        cwd=ROOT,
        env={"EBPFAUDIT_PROBES": "stream=fexit-pipe"},
    )
    assert done.returncode == 0, done.output.decode()
