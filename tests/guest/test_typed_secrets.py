"""Passwords by the best way to watch a terminal, which this project's own kernel may lack."""

from tests.guest import inside
from tests.guest.guest import Guest


def test_a_pasted_password_is_hidden_by_fexit_however_fast_it_is_read(guest_6_12: Guest) -> None:
    inside.passes(guest_6_12, "tests/kernel/test_typed_secrets.py", probes="tty=fexit,warnings=none", seconds=900)
