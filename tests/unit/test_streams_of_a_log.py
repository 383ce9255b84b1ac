"""Sessions without a terminal, as they are read: what went through their pipes."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.support.cli import Cli
from tests.support.logs import MS, SECOND, LogBuilder, start_shell

STDIN, STDOUT, STDERR = 0, 1, 2


def copy(log: LogBuilder | None = None, session: int = 1, first: int = 1, at: int = 0) -> LogBuilder:
    """A session with three pipes, numbered from `first` on, that reads one, prints another and complains."""
    log = start_shell(log or LogBuilder(), at, session, 100 * session, tty=0)
    for fd in (STDIN, STDOUT, STDERR):
        log.add("stream_open", at + 2 * MS, session, inode=4711 + fd, stream=first + fd, fd=fd)
    log.add("stream_data", at + 3 * MS, session, stream=first, fd=STDIN, data=b"select 1;\n")
    log.add("stream_data", at + 4 * MS, session, stream=first + 1, fd=STDOUT, data=b"one\n")
    log.add("stream_data", at + 5 * MS, session, stream=first + 2, fd=STDERR, data=b"\x1b]0;x\x07oh\n")
    log.add("stream_data", at + 6 * MS, session, stream=first + 1, fd=STDOUT, data=b"two\n")
    for fd, size in ((STDOUT, 8), (STDERR, 9), (STDIN, 10)):
        log.add("stream_close", at + 7 * MS, session, stream=first + fd, fd=fd, bytes=size)
    return log.add("session_end", at + SECOND, session)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return copy().save(tmp_path / "s.ebpfaudit")


def test_show_says_what_went_through_each_pipe(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder(), tty=0)
    digest = hashlib.sha256(b"x").digest()
    log.add("stream_open", 2 * MS, stream=1, fd=STDOUT)
    log.add("stream_data", 3 * MS, stream=1, fd=STDOUT, data=b"abc")
    log.add("stream_data", 4 * MS, stream=1, fd=STDOUT, left_out=20_000_000, seq=None)
    log.add("stream_close", 5 * MS, stream=1, fd=STDOUT, bytes=20_000_003, sha256=digest)
    path = log.save(tmp_path / "s.ebpfaudit")
    shown = cli("show", str(path)).text
    assert f"Stdout:      20,000,003 bytes, 20,000,000 of them not kept, SHA-256 {digest.hex()}\n" in shown
    assert "Session:     1, exec in" in shown
    (session,) = json.loads(cli("show", str(path), "-o", "json").text)["sessions"]
    assert session["streams"] == [
        {"stream": 1, "name": "stdout", "bytes": 20_000_003, "left_out_bytes": 20_000_000, "sha256": digest.hex()}
    ]
    assert (session["output_bytes"], session["lost_bytes"], session["tty"]) == (20_000_003, 0, False)
    assert cli("verify", str(path)).code == 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), b"one\n\x1b]0;x\x07oh\ntwo\n"),
        (("--direction", "in"), b"select 1;\n"),
        (("--stream", "stdout"), b"one\ntwo\n"),
        (("--stream", "stderr"), b"\x1b]0;x\x07oh\n"),
        (("--stream", "stdin"), b"select 1;\n"),
    ],
)
def test_the_bytes_of_the_pipes_are_exported(cli: Cli, log: Path, options: tuple[str, ...], expected: bytes) -> None:
    done = cli("export", str(log), "--format", "raw", *options)
    assert (done.code, done.out) == (0, expected)


def test_what_was_printed_without_a_terminal_is_replayed(cli: Cli, log: Path) -> None:
    assert cli("replay", str(log)).text == "one\noh\ntwo\n"


@pytest.mark.parametrize(("direction", "expected"), [("out", b"$ id\n"), ("in", b"id\n")])
def test_a_terminal_that_a_program_opened_is_not_told_twice(
    cli: Cli, tmp_path: Path, direction: str, expected: bytes
) -> None:
    log = start_shell(LogBuilder(), tty=0)
    log.add("tty_open", 2 * MS, tty=3, rows=24, cols=80)
    for fd in (STDIN, STDOUT):
        log.add("stream_open", 3 * MS, stream=1 + fd, fd=fd)
    log.add("stream_data", 4 * MS, stream=1, fd=STDIN, data=b"id\n")
    log.add("tty_in", 5 * MS, tty=3, data=b"id\n")
    log.add("tty_out", 6 * MS, tty=3, data=b"$ id\r\n")
    log.add("gap", 7 * MS, tty=3, direction=1, offset=6, bytes=100, reason=1, seq=None)
    log.add("stream_data", 8 * MS, stream=2, fd=STDOUT, data=b"$ id\n")
    log.add("tty_close", 9 * MS, tty=3, out_bytes=106, in_bytes=3)
    path = log.save(tmp_path / "s.ebpfaudit")
    ran = cli("export", path, "--format", "raw", "--direction", direction)
    assert (ran.code, ran.out) == (0, expected)


def test_bytes_beyond_the_limit_are_named_and_are_no_loss(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder(), tty=0)
    log.add("stream_open", 2 * MS, stream=1, fd=STDOUT).add("stream_data", 3 * MS, stream=1, fd=STDOUT, data=b"abc")
    log.add("stream_data", 4 * MS, stream=1, fd=STDOUT, left_out=7, seq=None)
    path = log.add("stream_close", 5 * MS, stream=1, fd=STDOUT, bytes=10).save(tmp_path / "s.ebpfaudit")
    done = cli("export", str(path), "--format", "raw")
    assert (done.code, done.out) == (0, b"abc")
    assert "note: 7 bytes are not kept, at byte 3" in done.err


def test_a_hole_in_a_pipe_is_loss_and_named_after_it(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder(), tty=0)
    log.add("stream_open", 2 * MS, stream=1, fd=STDERR).add("stream_data", 3 * MS, stream=1, fd=STDERR, data=b"abc")
    path = log.add("stream_close", 5 * MS, stream=1, fd=STDERR, bytes=10).save(tmp_path / "s.ebpfaudit")
    assert cli("export", str(path), "--format", "raw").code == 3
    checked = cli("verify", str(path))
    assert checked.code == 3
    assert "7 bytes of output (unexplained) at byte 3 of stderr" in checked.text


def test_a_session_with_a_terminal_is_preferred_to_those_with_pipes(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(copy(), 2 * SECOND, 2, 200, tty=9)
    log.add("tty_out", 3 * SECOND, 2, tty=9, data=b"shell\r\n")
    path = copy(log, 3, 20, 4 * SECOND).save(tmp_path / "s.ebpfaudit")
    assert cli("export", str(path), "--format", "raw").out == b"shell\r\n"
    assert (
        "has 2 sessions with output; say which one"
        in cli("export", str(path), "--format", "raw", "--stream", "stderr").err
    )


def test_a_pipe_that_a_session_has_not_is_named(cli: Cli, log: Path, tmp_path: Path) -> None:
    shell = start_shell(LogBuilder()).save(tmp_path / "t.ebpfaudit")
    done = cli("export", f"{shell}/1", "--format", "raw", "--stream", "stderr")
    assert done.code != 0
    assert "session 1 of t.ebpfaudit has no stderr" in done.err
    assert (
        "without --direction"
        in cli("export", str(log), "--format", "raw", "--stream", "stdin", "--direction", "in").err
    )


def test_a_terminal_that_a_program_opened_does_not_make_it_exec_it(cli: Cli, tmp_path: Path) -> None:
    log = copy()
    log.add("tty_open", 8 * MS, tty=9, rows=24, cols=80)
    path = log.save(tmp_path / "s.ebpfaudit")
    (session,) = json.loads(cli("show", str(path), "-o", "json").text)["sessions"]
    assert (session["kind"], session["tty"]) == ("exec -i", False)
    assert cli("export", str(path), "--format", "raw", "--stream", "stdout").out == b"one\ntwo\n"
