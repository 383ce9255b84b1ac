"""Passwords by the best way to watch a terminal, which this project's own kernel may lack."""

from pathlib import Path

from tests.guest.guest import Guest

ROOT = Path(__file__).parents[2]


def test_a_pasted_password_is_hidden_by_fexit_however_fast_it_is_read(guest_6_12: Guest) -> None:
    done = guest_6_12.run(
        [".venv/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/kernel/test_typed_secrets.py"],
        timeout=900,
        cwd=ROOT,
        env={"EBPFAUDIT_PROBES": "tty=fexit,warnings=none"},
    )
    assert done.returncode == 0, done.output.decode()
