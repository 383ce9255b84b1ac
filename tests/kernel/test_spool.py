"""A spool that fills up, clients that fetch it, and a recorder that is killed."""

import io
import json
import os
import subprocess
import threading
from pathlib import Path

import pytest

from recorder import events
from recorder.log.closing import close_log
from recorder.log.reader import open_log
from recorder.log.stream import Stream, resume
from recorder.spool import segment, segments
from replay.verify import LOSSY, verify
from tests.kernel.test_life import SECONDS, agent, eventually, serve
from tests.support.container import Container
from tests.support.recorder import recorder_argv, recording
from tests.support.terminal import Terminal

SPOOL_FULL = events.enums()["gap_reason"]["GAP_SPOOL_FULL"]
MIB = 1 << 20
_FLOOD_SECONDS = 600
_RING = 64 << 20
"""Bytes of a ring that holds all of a flood, should nobody get to it: then only the spool can be full."""


def flood(victim: Container, count: int, then: str = "") -> bytes:
    """What a terminal shows of a session that prints so many lines, none of which compresses to nothing."""
    line = f"s=1; for ((i=0;i<{count};i++)); do ((s=s*1103515245+12345)); echo $s $i; done; {then}"
    with Terminal(victim.exec_argv("/bin/bash", "--norc", "-c", line)) as terminal:
        assert terminal.wait(_FLOOD_SECONDS) == 0
        return terminal.output


def status(spool: Path) -> dict[str, int]:
    done = subprocess.run(recorder_argv("status", "--spool", str(spool)), capture_output=True, check=True)
    answer: dict[str, int] = json.loads(done.stdout)
    return answer


def test_a_spool_that_nobody_empties_keeps_every_command_and_says_what_output_gave_way(
    victim: Container, tmp_path: Path
) -> None:
    then = "for i in {1..20}; do /bin/true $i; done"
    with recording({"container_id": victim.id}, spool_bytes=MIB, byte_ring_bytes=_RING, sessions=1) as live:
        shown = flood(victim, 400_000, then)
        end = live.end()
    assert [argv[1] for argv in live.commands()[1:]] == [str(i) for i in range(1, 21)]
    gaps = live.of("gap")
    assert {e.fields["reason"] for e in gaps} == {SPOOL_FULL}
    at, missing = 0, 0
    for e in sorted(live.of("tty_out", "gap"), key=lambda e: e.fields["offset"]):
        if e.type == "gap" and not e.fields["bytes"]:
            continue
        assert e.fields["offset"] == at
        if e.type == "gap":
            at, missing = at + e.fields["bytes"], missing + e.fields["bytes"]
        else:
            assert e.fields["data"] == shown[at : at + len(e.fields["data"])]
            at += len(e.fields["data"])
    assert (at, missing > 0) == (len(shown), True)
    assert end.totals["lost_bytes"] == missing
    assert end.totals["output_bytes"] + missing == len(shown)
    path = tmp_path / "x.ebpfaudit"
    path.write_bytes(live.log)
    with open_log(path) as log:
        verdict = verify(log)
    assert verdict.state == LOSSY
    assert sum(gap.bytes for s in verdict.timeline.sessions for gap in s.gaps) == missing


@pytest.mark.slow
def test_a_client_that_acknowledges_loses_nothing_of_a_flood_many_times_the_spool(
    victim: Container, tmp_path: Path
) -> None:
    stream, received = Stream(), bytearray()
    out: dict[int, bytes] = {}
    config = {"spool_bytes": 4 * MIB, "byte_ring_bytes": _RING, "sessions": 1}
    with agent(tmp_path, victim, **config) as running, serve(tmp_path) as client:
        assert client.stdin
        assert client.stdout
        with Terminal(victim.exec_argv("/bin/bash", "--norc", "-c", "/bin/seq 1 4000000")) as terminal:

            def fetch() -> None:
                assert client.stdin
                assert client.stdout
                while data := os.read(client.stdout.fileno(), 1 << 18):
                    for raw, _ in stream.feed(data):
                        received.extend(raw)
                    client.stdin.write(b"ack %d\n" % len(received))
                    client.stdin.flush()

            fetching = threading.Thread(target=fetch)
            fetching.start()
            while len(terminal.output) < 3 * MIB:
                terminal.read(SECONDS)
            # Nobody reads the terminal now, so the session can neither go on nor end; what it has printed is fetched.
            eventually("acknowledged", lambda: status(tmp_path)["acknowledged_bytes"] > 200_000)
            half_way = status(tmp_path)
            assert terminal.wait(_FLOOD_SECONDS) == 0
            fetching.join(_FLOOD_SECONDS)
        assert running.wait(SECONDS) == 0
    assert stream.end
    assert not stream.end.lost
    assert (half_way["clients"], half_way["open_sessions"]) == (1, 1)
    assert half_way["log_bytes"] >= half_way["acknowledged_bytes"] > 0
    path = tmp_path / "x.ebpfaudit"
    path.write_bytes(received)
    with open_log(path) as log:
        for event in log.events():
            if event.type == "tty_out":
                out[event.fields["offset"]] = event.fields["data"]
    assert b"".join(out[at] for at in sorted(out)) == terminal.output
    assert len(terminal.output) > 30_000_000
    assert segments(tmp_path)[0] > 0


def test_two_clients_at_once_get_the_same_bytes(victim: Container, tmp_path: Path) -> None:
    with agent(tmp_path, victim, sessions=1) as running, serve(tmp_path) as one, serve(tmp_path) as two:
        eventually("connected", lambda: status(tmp_path)["clients"] == 2)
        flood(victim, 20_000)
        assert one.stdout
        assert two.stdout
        logs = [one.stdout.read(), two.stdout.read()]
        assert (one.wait(SECONDS), two.wait(SECONDS), running.wait(SECONDS)) == (0, 0, 0)
    assert logs[0] == logs[1] == segment(tmp_path, 0).read_bytes()


def test_a_recorder_without_a_client_takes_its_own_spool_away(victim: Container, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    with agent(spool, victim, idle_client_seconds=0.3, linger_seconds=0.3, own_spool=True) as running:
        assert running.wait(SECONDS) == 0
    assert not spool.exists()


def test_the_log_of_a_recorder_that_was_killed_is_closed_as_lossy(victim: Container, tmp_path: Path) -> None:
    with agent(tmp_path, victim) as running, serve(tmp_path) as client:
        assert client.stdout
        received = os.read(client.stdout.fileno(), 1 << 16)
        flood(victim, 20_000)
        eventually("written", lambda: segment(tmp_path, 0).stat().st_size > 50_000)
        running.kill()
        received += client.stdout.read()
        assert client.wait(SECONDS) == 1
    stream, size = resume(io.BytesIO(received), lambda parsed: None)
    path = tmp_path / "x.ebpfaudit"
    path.write_bytes(received[:size] + b"".join(close_log(stream)))
    with open_log(path) as log:
        assert log.damage is None
        assert verify(log).state == LOSSY
