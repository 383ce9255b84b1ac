"""Sessions whose first process has ended without an event."""

import os
from typing import Any

import pytest

from recorder import events, processes, roots
from recorder.processes import Process
from recorder.sessions import Sessions

TYPES = {layout.name: number for number, layout in events.layouts().items()}
UNSEEN = events.enums()["session_end_flag"]["SESSION_END_UNSEEN"]
START = 5_000_000_000


class Kernel:
    """What the probes know, and what /proc shows."""

    def __init__(self, known: bool, process: Process | None) -> None:
        self._known, self.process = known, process

    def knows(self, pid: int, started: int) -> bool:
        return self._known


def begun() -> Sessions:
    sessions = Sessions()
    sessions.see([[TYPES["session_start"], 1, 0, 1, 1, 7, START, 3, 0]])
    return sessions


def ends(monkeypatch: pytest.MonkeyPatch, kernel: Kernel, sessions: Sessions, *times: float) -> list[Any]:
    """What `finish` tells after a look at each of these times."""
    monkeypatch.setattr(processes, "quick", lambda pid: kernel.process)
    looked = roots.Roots(kernel, sessions)  # type: ignore[arg-type]
    told = []
    for time in times:
        monkeypatch.setattr("time.monotonic", lambda time=time: time)
        looked.look()
        told.append(sessions.finish(9))
    return told


ALIVE = Process(7, 1, 7, False, START - 9_000_000)
ANOTHER = Process(7, 1, 7, False, START + 100_000_000)
LOST = [[TYPES["session_end"], 9, None, 1, 1, 7, 0, 0, UNSEEN]]


@pytest.mark.parametrize(("known", "process"), [(False, None), (True, None), (True, ANOTHER)])
def test_a_session_whose_first_process_is_gone_ends_after_a_while(
    monkeypatch: pytest.MonkeyPatch, known: bool, process: Process | None
) -> None:
    if known and os.stat("/proc/self/ns/pid").st_ino != 0xEFFFFFFC:
        pytest.skip("needs: the machine's own PID namespace")
    assert ends(monkeypatch, Kernel(known, process), begun(), 100.0, 101.2, 102.3) == [[], [], LOST]


def test_a_session_whose_first_process_lives_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ends(monkeypatch, Kernel(True, ALIVE), begun(), 100.0, 102.0, 200.0) == [[], [], []]


def test_an_exit_that_comes_late_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = begun()
    assert ends(monkeypatch, Kernel(False, None), sessions, 100.0) == [[]]
    sessions.see([[TYPES["exit"], 2, 0, 1, 1, 7, START, 4, 0]])
    assert ends(monkeypatch, Kernel(False, None), sessions, 200.0) == [
        [[TYPES["session_end"], 9, None, 1, 1, 7, 4, 0, 0]]
    ]
