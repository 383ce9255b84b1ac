"""Somebody turns ftrace off while a recorder depends on it, or before: its programs are not run, and no call fails."""

import json
from typing import Any

from recorder import events, ladder
from tests.guest import inside
from tests.guest.guest import Guest

_ENUMS = events.enums()
_OFF, _ON = (_ENUMS["gap_reason"][f"GAP_PROBES_{name}"] for name in ("OFF", "ON"))


def test_ftrace_that_is_turned_off_is_told_and_one_that_is_off_is_not_relied_on(guest_6_1: Guest) -> None:
    done = guest_6_1.run(["/usr/bin/python3", "-m", "tests.support.switched"], timeout=600, cwd=inside.ROOT)
    assert done.returncode == 0, done.output.decode()
    told: dict[str, Any] = json.loads(done.output.splitlines()[-1])
    assert told["taken"]["tty"] == "fexit pty_write"
    assert told["seen"] == ["on", "again"]
    # The session itself turns it off for a moment only: that is a warning, whether the recorder looks meanwhile or not.
    assert told["reasons"][:2] == [_OFF, _ON]
    assert _ENUMS["warning_kind"]["WARNING_FTRACE"] in told["kinds"]
    assert (told["taken_off"]["tty"], told["seen_off"]) == (ladder.SYS_EXIT, ["off"])
