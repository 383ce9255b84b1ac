"""Real `runc exec` sessions without a terminal: what went through their pipes, held against what their user saw."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import IO

from recorder.log.events import Event
from tests.support import crowd
from tests.support.container import Container
from tests.support.recorder import Recording, recording

STDIN, STDOUT, STDERR = 0, 1, 2
UNDER_WAY = 1


def run(victim: Container, *argv: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Runs a command as `kubectl exec` (with stdin: `exec -i`) does."""
    command = victim.exec_argv(*argv, tty=False)
    if stdin is None:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)


@contextmanager
def reader(victim: Container) -> Iterator[tuple["subprocess.Popen[bytes]", IO[bytes], IO[bytes]]]:
    """A session, its stdin and stdout, that prints what it reads, and has begun to."""
    argv = victim.exec_argv("/bin/sh", "-c", "echo ready; cat", tty=False)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdin
        assert program.stdout
        assert program.stdout.readline() == b"ready\n"
        yield program, program.stdin, program.stdout


def stream(live: Recording, fd: int) -> bytes:
    """What was kept of a pipe."""
    return b"".join(e.fields["data"] for e in live.of("stream_data") if e.fields["fd"] == fd)


def close(live: Recording, fd: int) -> Event:
    return next(e for e in live.of("stream_close") if e.fields["fd"] == fd)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def test_output_and_errors_are_recorded_byte_for_byte_and_apart(victim: Container) -> None:
    script = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; head -c 300000 /dev/urandom; echo bad >&2"
    with recording({"container_id": victim.id}, sessions=1) as live:
        seen = run(victim, "/bin/sh", "-c", script)
        end = live.end()
    assert len(seen.stdout) > 300_000
    assert stream(live, STDOUT) == seen.stdout
    assert stream(live, STDERR) == seen.stderr == b"bad\n"
    assert close(live, STDOUT).fields["bytes"] == len(seen.stdout)
    assert close(live, STDOUT).fields["sha256"] == sha256(seen.stdout)
    assert end.totals["output_bytes"] == len(seen.stdout) + len(seen.stderr)
    assert (end.totals["lost_events"], end.totals["lost_bytes"]) == (0, 0)


def test_input_is_recorded_byte_for_byte(victim: Container) -> None:
    sent = os.urandom(1_000_003)
    with recording({"container_id": victim.id}, sessions=1) as live:
        seen = run(victim, "/bin/cat", stdin=sent)
        end = live.end()
    assert seen.stdout == sent
    assert stream(live, STDIN) == sent
    assert stream(live, STDOUT) == sent
    assert close(live, STDIN).fields["sha256"] == sha256(sent)
    assert end.totals["input_bytes"] == len(sent)
    assert (end.totals["lost_events"], end.totals["lost_bytes"]) == (0, 0)


def test_input_that_a_program_reads_by_preadv2_is_recorded(programs: Container) -> None:
    script = "import os; parts = bytearray(2), bytearray(98); print(os.preadv(0, parts, -1))"
    with recording({"container_id": programs.id}, sessions=1) as live:
        seen = run(programs, "/usr/bin/python3", "-c", script, stdin=b"hello\n")
        live.end()
    assert (seen.stdout, stream(live, STDIN)) == (b"6\n", b"hello\n")


def test_input_that_comes_while_the_program_runs_counts_as_its_owner_writes_it(victim: Container) -> None:
    with recording({"container_id": victim.id}, sessions=1) as live:
        with reader(victim) as (program, stdin, stdout):
            stdin.write(b"one\n")
            stdin.flush()
            assert stdout.readline() == b"one\n"
            stdin.write(b"two\n")
            stdin.close()
            assert stdout.read() == b"two\n"
        live.end()
    assert stream(live, STDIN) == b"one\ntwo\n"
    assert {e.fields["fd"]: e.fields["flags"] for e in live.of("stream_open")} == {STDIN: 0, STDOUT: 0, STDERR: 0}
    first = live.of("stream_data")[1]
    assert (first.fields["fd"], first.pid) == (STDIN, program.pid)


def test_input_that_is_written_in_parts_larger_than_the_pipe_is_never_taken_for_other_bytes(victim: Container) -> None:
    parts = os.urandom(100_003), os.urandom(90_001)
    sent = b"".join(parts)
    with recording({"container_id": victim.id}, sessions=1) as live:
        with reader(victim) as (_, stdin, stdout):
            with ThreadPoolExecutor(1) as threads:
                seen = threads.submit(stdout.read)
                assert os.writev(stdin.fileno(), parts) == len(sent)
                stdin.close()
                assert seen.result() == sent
        live.end()
    kept = [e for e in live.of("stream_data") if e.fields["fd"] == STDIN]
    opened = {e.fields["stream"]: e.fields["fd"] for e in live.of("stream_open")}
    missing = [e for e in live.of("gap") if opened.get(e.fields["tty"]) == STDIN]
    assert {e.fields["offset"]: e.fields["data"] for e in kept} == {
        e.fields["offset"]: sent[e.fields["offset"] :][: len(e.fields["data"])] for e in kept
    }
    assert sum(len(e.fields["data"]) for e in kept) + sum(e.fields["bytes"] for e in missing) == len(sent)
    assert close(live, STDIN).fields["sha256"] == (b"" if missing else sha256(sent))


def test_the_pipes_of_a_session_that_is_under_way_are_recorded_from_then_on(victim: Container) -> None:
    argv = victim.exec_argv("/bin/sh", "-c", "echo early; cat; echo bad >&2", tty=False)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdin
        assert program.stdout
        program.stdin.write(b"before\n")
        program.stdin.flush()
        assert program.stdout.readline() + program.stdout.readline() == b"early\nbefore\n"
        with recording({"container_id": victim.id}, sessions=1) as live:
            program.stdin.write(b"one\ntwo\n")
            program.stdin.close()
            assert program.stdout.read() == b"one\ntwo\n"
            end = live.end()
    assert stream(live, STDIN) == stream(live, STDOUT) == b"one\ntwo\n"
    assert stream(live, STDERR) == b"bad\n"
    opened = {e.fields["fd"]: (e.session, e.pid, e.fields["flags"]) for e in live.of("stream_open")}
    (start,) = live.of("session_start")
    assert opened == dict.fromkeys((STDIN, STDOUT, STDERR), (start.session, start.pid, UNDER_WAY))
    assert (close(live, STDOUT).fields["bytes"], close(live, STDOUT).fields["sha256"]) == (8, b"")
    assert (end.totals["lost_events"], end.totals["lost_bytes"]) == (0, 0)


def test_beyond_the_limit_bytes_are_counted_and_hashed_and_not_kept(victim: Container) -> None:
    sent = os.urandom(3_000_000)
    with recording({"container_id": victim.id}, sessions=1, stream_limit=100_001) as live:
        seen = run(victim, "/bin/cat", stdin=sent)
        end = live.end()
    assert seen.stdout == sent
    for fd in (STDIN, STDOUT):
        assert stream(live, fd) == sent[:100_001]
        left_out = sum(e.fields["left_out"] for e in live.of("stream_data") if e.fields["fd"] == fd)
        assert left_out == len(sent) - 100_001
        assert (close(live, fd).fields["bytes"], close(live, fd).fields["sha256"]) == (len(sent), sha256(sent))
    assert end.totals["output_bytes"] == len(sent)
    assert (end.totals["lost_events"], end.totals["lost_bytes"]) == (0, 0)


def test_no_stdin_is_kept_when_no_input_is_wanted(victim: Container) -> None:
    with recording({"container_id": victim.id}, sessions=1, input=False) as live:
        run(victim, "/bin/sh", "-c", "read x; echo got ${#x}", stdin=b"hunter22\n")
        live.end()
    assert b"hunter22" not in live.log
    assert stream(live, STDOUT) == b"got 8\n"
    assert sum(e.fields["left_out"] for e in live.of("stream_data") if e.fields["fd"] == STDIN) == 9
    assert close(live, STDIN).fields["sha256"] == b""


def test_splice_leaves_a_gap_of_the_bytes_that_it_moved(victim: Container) -> None:
    mover = "import os\nwhile os.splice(0, 1, 1 << 16): pass"
    with recording({"container_id": victim.id}, sessions=1) as live:
        read, write = os.pipe()
        with subprocess.Popen([sys.executable, "-c", mover], stdin=read, stdout=subprocess.PIPE) as owner:
            os.close(read)
            argv = victim.exec_argv("/bin/echo", "unseen", tty=False)
            detached = [*argv[: argv.index("exec") + 1], "--detach", *argv[argv.index("exec") + 1 :]]
            subprocess.run(detached, stdin=subprocess.DEVNULL, stdout=write, stderr=subprocess.DEVNULL, check=True)
            os.close(write)
            assert owner.stdout
            assert owner.stdout.read() == b"unseen\n"
        end = live.end()
    (gap,) = live.of("gap")
    assert (gap.fields["offset"], gap.fields["bytes"]) == (0, 7)
    assert gap.fields["tty"] == live.of("stream_open")[0].fields["stream"]
    assert close(live, STDOUT).fields["sha256"] == b""
    assert end.totals["lost_bytes"] == 7


def test_pipes_of_a_stranger_are_not_recorded(victim: Container) -> None:
    with recording({"container_id": victim.id}, sessions=1) as live:
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stranger:
            run(victim, "/bin/cat", stdin=b"public")
            assert stranger.communicate(b"private")[0] == b"private"
        live.end()
    assert b"private" not in stream(live, STDIN) + stream(live, STDOUT) + stream(live, STDERR)


def test_a_session_ends_though_what_it_left_behind_holds_its_output(victim: Container) -> None:
    with recording({"container_id": victim.id}, sessions=1) as live:
        argv = victim.exec_argv("/bin/sh", "-c", "sleep 1000 & echo done", tty=False)
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as program:
            end = live.end()
            program.kill()
    assert end.reason == "sessions"
    assert stream(live, STDOUT) == b"done\n"
    assert not [e for e in live.of("stream_close") if e.fields["fd"] == STDOUT]


def test_a_pipe_is_over_only_after_all_that_the_recorder_has_not_taken_yet() -> None:
    told = crowd.record(2_000_000)
    assert (told["begun"], told["exact"], told["whole"], told["gaps"]) == (told["sessions"], True, True, [])
