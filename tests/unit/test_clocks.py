"""What the verbs say of times where the wall clock was set, or stood still for CLOCK_MONOTONIC: a node that slept."""

import json
import re
from pathlib import Path

import pytest

from recorder.log.reader import open_log
from replay.clock import rfc3339
from replay.clocks import Clocks
from replay.player.state import Player, Request
from replay.player.story import Story
from replay.terminals import with_terminals
from tests.support.cli import Cli
from tests.support.logs import MONOTONIC, MS, REALTIME, SECOND, LogBuilder, run, start_shell

HOUR = 3600 * SECOND


def step(log: LogBuilder, at: int, by: int) -> LogBuilder:
    """Adds that the wall clock is `by` ns further on from there than it was at the beginning."""
    return log.add("clock", at, 0, 0, seq=None, realtime=REALTIME + at + by)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The node sleeps for an hour, and then a session begins: at 04:04:15, ten seconds after the recording."""
    log = start_shell(step(LogBuilder(), 5 * SECOND, HOUR), at=10 * SECOND)
    log.add("tty_out", 11 * SECOND, data=b"needle one\r\n")
    run(log, 12 * SECOND, 101, "needle-cmd", tty=1)
    log.add("exec_failed", 12 * SECOND, error=2, filename=b"/bin/nosuch")
    log.add("gap", 13 * SECOND, seq=None, reason=1, events=1)
    log.add("tty_out", 14 * SECOND, data=b"after\r\n")
    log.add("exit", 15 * SECOND, start_time=MONOTONIC + 10 * SECOND - MS)
    return log.add("session_end", 15 * SECOND).save(tmp_path / "s.ebpfaudit")


def hits(cli: Cli, log: Path, *options: str) -> list[tuple[str, str, float]]:
    found = json.loads(cli("search", "needle", log, "-o", "json", *options).out)
    return [(hit["in"], hit["time"], hit["seconds"]) for hit in found]


def test_hits_have_the_time_that_the_node_showed_and_lead_to_their_moment(cli: Cli, log: Path) -> None:
    first, second = rfc3339(REALTIME + HOUR + 11 * SECOND), rfc3339(REALTIME + HOUR + 12 * SECOND + MS)
    assert hits(cli, log) == [("output", first, 1.0), ("argv", second, 2.001)]
    assert len(hits(cli, log, "--in", "output", "--since", "2026-01-02T04:00:00Z")) == 1
    assert not hits(cli, log, "--until", "2026-01-02T04:00:00Z")


def test_times_of_the_wall_clock_are_found_in_a_replay(cli: Cli, log: Path) -> None:
    assert cli("replay", log, "--to", "2026-01-02T04:04:16.5Z").text == "needle one\n"
    assert cli("replay", log, "--from", "2026-01-02T04:04:16.5Z").text == "after\n"
    assert cli("replay", log, "--at", "2026-01-02T04:04:17Z").text == "needle one\n"
    assert "is before the session's start" in cli("replay", log, "--at", "2026-01-02T03:04:17Z").err


def test_the_player_goes_to_a_time_of_the_wall_clock(log: Path) -> None:
    with open_log(log) as opened:
        session = with_terminals(opened).sessions[0]
        player = Player(Story(opened, session, session.terminals[0], 1))
        for key in ":04:04:17Z":
            player.key(key)
        assert player.key("enter") == Request("seek", 2 * SECOND)


def test_casts_and_reports_begin_when_the_session_did(cli: Cli, log: Path) -> None:
    cast = cli("export", log, "--format", "asciicast").text.splitlines()
    assert json.loads(cast[0])["timestamp"] == (REALTIME + HOUR) // SECOND + 10
    page = cli("export", log, "--format", "html").text
    assert f'data-began="{REALTIME + HOUR + 10 * SECOND}"' in page
    assert re.findall(r'data-at="(\d+)"', page) == ["1", "2000", "2001", "3000"]


def test_a_clock_that_is_set_while_a_session_lasts_makes_it_neither_longer_nor_shorter(
    cli: Cli, tmp_path: Path
) -> None:
    log = start_shell(LogBuilder()).add("tty_out", SECOND, data=b"one\r\n")
    step(log, 2 * SECOND, -HOUR)
    run(log, 3 * SECOND, 101, "true", tty=1).add("exec_failed", 4 * SECOND, error=2, filename=b"/bin/nosuch")
    log.add("exit", 5 * SECOND, start_time=MONOTONIC - MS).add("session_end", 5 * SECOND)
    path = log.save(tmp_path / "s.ebpfaudit")
    cast = cli("export", path, "--format", "asciicast-v3").text.splitlines()
    assert sum(json.loads(line)[0] for line in cast[1:]) == 5
    assert re.findall(r'data-at="(\d+)"', cli("export", path, "--format", "html").text) == ["1", "3001", "4000"]


def test_a_time_that_no_clock_showed_is_the_moment_at_which_it_was_passed(tmp_path: Path) -> None:
    log = step(step(LogBuilder(), 10 * SECOND, HOUR), 20 * SECOND, -HOUR).save(tmp_path / "s.ebpfaudit")
    with open_log(log) as opened:
        clocks = Clocks(opened)
    for at, by in ((0, 0), (9, 0), (10, HOUR), (19, HOUR), (20, -HOUR), (30, -HOUR)):
        assert clocks.wall(MONOTONIC + at * SECOND) == REALTIME + at * SECOND + by
    for shown, at in ((5, 5), (15, 10), (3600, 10), (3615, 15), (3700, 20 + 3680 + 3600)):
        assert clocks.monotonic(REALTIME + shown * SECOND) == MONOTONIC + at * SECOND
