"""The wall clock of a node is set by an hour while it is recorded: times that are shown follow it."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.guest.guest import Guest
from tests.reliability import Outcome

ROOT = Path(__file__).parents[2]
_TICK_SECONDS = 5.0
"""How late the recorder may learn of it: it looks ten times a second, but the guest is slow."""


def _seconds(shown: str) -> float:
    return datetime.fromisoformat(shown[:26] + "+00:00").timestamp()


@pytest.mark.slow
@pytest.mark.fault("the node's clock is set by an hour")
def test_times_follow_a_clock_that_is_set_by_an_hour(guest_6_1: Guest, outcome: Outcome) -> None:
    done = guest_6_1.run([".venv/bin/python", "-m", "tests.guest.clock_step"], timeout=200, cwd=ROOT)
    assert done.returncode == 0, done.output.decode()
    found: dict[str, Any] = json.loads(done.output)
    begun, before, after, ended = found["bounds"]
    assert after - before > 3500
    assert found["exact"]
    [session] = found["shown"]["sessions"]
    times = [_seconds(run["time"]) for run in session["execs"]]
    old = [time for time in times if begun <= time <= before + _TICK_SECONDS]
    new = [time for time in times if after <= time <= ended]
    # What is shown is in its order, jumps once, and by the hour.
    assert times == old + new == sorted(times)
    assert len(old) >= 10
    assert len(new) >= 5
    assert found["shown"]["recording"]["state"] == "complete"
    assert _seconds(session["started"]) <= before
    assert after <= _seconds(session["ended"]) <= ended
    outcome.lost = "nothing"
    outcome.sees = "times jump where the clock did; a tenth of a second around it may still be in the old time"
