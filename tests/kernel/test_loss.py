"""Real loss: a recorder that is stopped while events go on. What is missing is told to the byte."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from recorder import events
from recorder.log.events import Event
from recorder.log.format import BYTE_LANE, PROCESS_LANE
from tests.support.container import Container
from tests.support.recorder import Recording, recording
from tests.support.terminal import Terminal

RING_FULL = events.enums()["gap_reason"]["GAP_RING_FULL"]
OUT = events.enums()["tty_direction"]["TTY_DIRECTION_OUT"]
IN = events.enums()["tty_direction"]["TTY_DIRECTION_IN"]


# A shell may keep the terminal's ONLCR, if it starts before runc has cleared it: hence each \r?


@contextmanager
def stopped(live: Recording) -> Iterator[None]:
    """The recorder stands still in here; its probes do not."""
    live.agent.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        live.agent.send_signal(signal.SIGCONT)


def numbers(live: Recording, lane: str) -> list[int]:
    """Every number of a lane that an event has or a gap declares missing."""
    found = []
    for e in live.events:
        if e.lane != lane:
            continue
        if e.seq is not None:
            found.append(e.seq)
        elif e.type == "gap" and e.fields["events"]:
            found += range(e.fields["first_seq"], e.fields["first_seq"] + e.fields["events"])
    return sorted(found)


def gaps(live: Recording, lane: str) -> list[Event]:
    return [e for e in live.of("gap") if e.lane == lane]


def prompt(terminal: Terminal) -> None:
    terminal.expect(b"# ")
    terminal.send(b"PS1='@''> '\r")
    terminal.expect(b"@> ")


def assert_tiles(live: Recording, tty: int, session: int, direction: int, kind: str, true: bytes) -> None:
    """What was recorded of a stream is what it truly was, and its gaps are the rest, in order."""
    at = 0
    for e in live.of(kind, "gap", session=session):
        if e.type == "gap" and (e.fields["tty"], e.fields["direction"]) != (tty, direction):
            continue
        assert e.fields["offset"] == at
        if e.type == "gap":
            at += e.fields["bytes"]
        else:
            data = e.fields["data"]
            assert data == true[at : at + len(data)]
            at += len(data)
    assert at == len(true)


def test_a_flood_that_the_recorder_cannot_take_loses_bytes_and_no_command_and_says_which(victim: Container) -> None:
    argv = victim.exec_argv("/bin/bash", "--norc", "-i")
    with recording({"container_id": victim.id}, sessions=2, byte_ring_bytes=64 << 10) as live:
        with Terminal(argv) as flood:
            prompt(flood)
            with Terminal(argv) as other:
                prompt(other)
                with stopped(live):
                    flood.send(b"seq 1 100000\r")
                    flood.expect(re.compile(rb"\n100000\r?\n"))
                    other.send(b"for i in {1..200}; do /bin/true $i; done; echo do''ne\r")
                    other.expect(re.compile(rb"done\r?\n"))
                flood.expect(b"@> ")
                while not re.search(
                    rb"\n1000\r?\n", live.output()
                ):  # printed while it stood still: it has emptied its rings
                    assert live._read()
                flood.send(b"echo aft''er; exit\r")
                flood.expect(re.compile(rb"after\r?\n"))
                flood.wait()
                other.send(b"exit\r")
                other.wait()
        end = live.end()
    terminals = {e.fields["tty"]: e.session for e in live.of("tty_open")}
    shown = dict(zip(sorted(terminals.values()), (flood.output, other.output), strict=True))
    typed = dict(zip(sorted(terminals.values()), (flood.sent, other.sent), strict=True))
    assert len(terminals) == 2

    lost = [e for e in gaps(live, BYTE_LANE) if e.fields["bytes"]]
    assert lost
    assert {e.fields["reason"] for e in lost} == {RING_FULL}
    for tty, session in terminals.items():
        assert_tiles(live, tty, session, OUT, "tty_out", shown[session])
        assert_tiles(live, tty, session, IN, "tty_in", typed[session])
    assert re.search(rb"after\r?\n", live.output())

    found = [argv for argv in live.commands() if argv[0] == "/bin/true"]
    assert found == [["/bin/true", str(i)] for i in range(1, 201)]
    assert not gaps(live, PROCESS_LANE)
    for lane in (PROCESS_LANE, BYTE_LANE):
        counted = numbers(live, lane)
        assert counted == list(range(len(counted)))
    assert end.totals["lost_bytes"] == sum(e.fields["bytes"] for e in lost)
    whole = sum(map(len, (*shown.values(), *typed.values())))
    assert end.totals["output_bytes"] + end.totals["input_bytes"] + end.totals["lost_bytes"] == whole
    assert end.totals["lost_events"] == sum(e.fields["events"] for e in live.of("gap"))
    assert end.lost


def test_processes_that_the_recorder_cannot_take_are_a_gap_with_their_numbers(victim: Container) -> None:
    with recording({"container_id": victim.id}, process_ring_bytes=32 << 10) as live:
        victim.exec("/bin/true", "before")
        with stopped(live):
            victim.exec("/bin/bash", "-c", "for i in {1..500}; do /bin/true $i; done")
        # Its events are in the ring, or lost; the recorder must take them before the next session comes.
        while not gaps(live, PROCESS_LANE) and len(live.of("exec")) < 2:
            assert live._read()
        victim.exec("/bin/true", "after")
        live.stop()
        end = live.end()
    (lost,) = gaps(live, PROCESS_LANE)
    assert lost.fields["reason"] == RING_FULL
    counted = numbers(live, PROCESS_LANE)
    assert counted == list(range(len(counted)))
    assert end.totals["lost_events"] == lost.fields["events"] > 500
    found = [argv for argv in live.commands() if argv[0] == "/bin/true"]
    kept = len(found) - 2
    assert found == [
        ["/bin/true", "before"],
        *(["/bin/true", str(i)] for i in range(1, kept + 1)),
        ["/bin/true", "after"],
    ]
    # Where the gap is, in time: after what was kept and before what came later.
    times = [e.time for e in live.of("exec")]
    assert times[-2] < lost.time <= times[-1]


FAILS = """
import os
for _ in range(10000):
    try:
        os.execv("/no/such/program", ["x"])
    except OSError:
        pass
for word in ("1", "2", "3"):
    os.spawnv(os.P_WAIT, "/bin/true", ["/bin/true", word])
"""


def test_a_flood_of_programs_that_cannot_be_run_hides_none_that_is(programs: Container) -> None:
    with recording({"container_id": programs.id}, sessions=1, process_ring_bytes=256 << 10) as live:
        if live.header.raw["probes"]["exec_failed"] == "none":
            pytest.skip("needs: a way to see failed execs")
        with stopped(live):
            programs.exec("/usr/bin/python3", "-c", FAILS)
        end = live.end()
    assert live.commands()[1:] == [["/bin/true", word] for word in "123"]
    assert not gaps(live, PROCESS_LANE)
    failed = [e.fields["filename"] for e in live.of("exec_failed")]
    assert set(failed) == {b"/no/such/program"}
    assert len(failed) + sum(e.fields["events"] for e in gaps(live, BYTE_LANE)) == 10000
    assert end.lost


def test_a_hole_after_which_nothing_comes_is_told_while_the_recording_goes_on(programs: Container) -> None:
    fails = FAILS.partition("for word")[0]
    with recording({"container_id": programs.id}, sessions=2, process_ring_bytes=256 << 10) as live:
        if live.header.raw["probes"]["exec_failed"] == "none":
            pytest.skip("needs: a way to see failed execs")
        programs.exec("/usr/bin/python3", "-c", fails)
        told = live.wait_for("gap")
        assert told.fields["events"] > 1000
        programs.exec("/bin/true")
        live.end()
    failed = live.of("exec_failed")
    assert len(failed) + sum(e.fields["events"] for e in gaps(live, BYTE_LANE)) == 10000


def test_nothing_is_lost_when_the_recorder_stands_still_for_a_moment(victim: Container) -> None:
    with recording({"container_id": victim.id}, sessions=1) as live:
        with stopped(live):
            victim.exec("/bin/bash", "-c", "for i in {1..500}; do /bin/true $i; done")
        end = live.end()
    assert [argv[1] for argv in live.commands()[1:]] == [str(i) for i in range(1, 501)]
    assert not end.lost


def test_bytes_that_are_lost_before_the_end_of_a_recording_are_told_of_pipes_that_stay_open(victim: Container) -> None:
    # Large pieces fill the ring, and small ones what is left of it, so that the last ones find no room.
    script = "head -c 3000000 /dev/zero; for i in {1..20000}; do echo; done; echo >&2 all; cat"
    true = bytes(3_000_000) + b"\n" * 20_000
    argv = victim.exec_argv("/bin/bash", "-c", script, tty=False)
    limits = {"byte_ring_bytes": 64 << 10, "stream_limit": 1000}
    with (
        recording({"container_id": victim.id}, **limits) as live,
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program,
    ):
        assert program.stdin
        assert program.stdout
        assert program.stderr
        with stopped(live):
            assert program.stdout.read(len(true)) == true
            assert program.stderr.readline() == b"all\n"
            live.stop()
        end = live.end()
        program.stdin.close()
    (number,) = (e.fields["stream"] for e in live.of("stream_open") if e.fields["fd"] == 1)
    lost = [e for e in gaps(live, BYTE_LANE) if e.fields["tty"] == number]
    told = [e.fields["left_out"] + len(e.fields["data"]) for e in live.of("stream_data") if e.fields["fd"] == 1]
    assert not live.of("stream_close")
    assert sum(told) + sum(e.fields["bytes"] for e in lost) == len(true)
    assert lost
    assert lost[-1].fields["offset"] + lost[-1].fields["bytes"] == len(true)
    assert end.lost
