"""Casts: what `export --format asciicast` and `asciicast-v3` write, and what the real asciinema makes of it."""

import json
import random
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Cli, start
from tests.support.logs import MS, SECOND, LogBuilder, argv, shell_session, start_shell
from tests.support.terminal import Terminal

ASCIINEMA = Path(sys.executable).with_name("asciinema")
OUTPUT = b"root@victim:~# ls -la\r\ntotal 0\r\n\x1b[01;34mbin\x1b[0m  caf\xc3\xa9\r\nexit\r\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return shell_session().save(tmp_path / "s.ebpfaudit")


def cast(cli: Cli, log: Path | str, version: str = "asciicast", code: int = 0) -> tuple[dict[str, Any], list[Any]]:
    ran = cli("export", log, "--format", version)
    assert ran.code == code
    header, *events = map(json.loads, ran.text.splitlines())
    return header, events


def test_a_cast_has_size_time_and_command_and_then_what_happened(cli: Cli, log: Path) -> None:
    header, events = cast(cli, log)
    assert header == {
        "version": 2, "width": 80, "height": 24, "timestamp": 1767323045, "command": "bash",
        "title": "session 1 of s.ebpfaudit",
    }  # fmt: skip
    assert events == [
        [0.001, "m", "bash"], [0.01, "o", "root@victim:~# "], [1, "i", "ls -la\r"], [1.001, "o", "ls -la\r\n"],
        [1.006, "m", "ls -la"], [1.009, "o", "total 0\r\n\x1b[01;34mbin\x1b[0m  café\r\n"], [2, "r", "120x50"],
        [3.001, "m", "sh -c 'exec sleep 100'"], [3.005, "m", "sleep 100"], [4, "i", "\x03"], [7, "o", "exit\r\n"],
    ]  # fmt: skip


def test_version_3_has_intervals_and_ends_with_the_exit_code(cli: Cli, log: Path) -> None:
    header, events = cast(cli, log, "asciicast-v3")
    assert (header["version"], header["term"]) == (3, {"cols": 80, "rows": 24})
    assert events[:3] == [[0.001, "m", "bash"], [0.009, "o", "root@victim:~# "], [0.99, "i", "ls -la\r"]]
    assert events[-1] == [0.003, "x", "1"]
    assert [e[1:] for e in events[:-1]] == [e[1:] for e in cast(cli, log)[1]]
    assert sum(round(e[0] * 1_000_000) for e in events) == 7_003_000


def test_what_is_rounded_off_does_not_add_up(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    for i in range(1, 1001):
        log.add("tty_out", SECOND + i * 1_000_999, data=b"x")
    _, events = cast(cli, log.save(tmp_path / "s.ebpfaudit"), "asciicast-v3")
    assert sum(round(e[0] * 1_000_000) for e in events) == 1_000_000 + 1_000_999


def test_a_cast_holds_nothing_that_talks_to_a_terminal(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    attack = b"\x1b]52;c;cm0gLXJm\x07\x1b[6n\x1bP$qm\x1b\\\x1b]0;title\x1b\\"
    log.add("tty_out", SECOND, data=b"before" + attack[:9]).add("tty_out", SECOND, data=attack[9:] + b"\x9bafter\xc3")
    log.add("tty_out", SECOND + MS, data=b"\xa9").save(tmp_path / "s.ebpfaudit")
    _, events = cast(cli, tmp_path / "s.ebpfaudit")
    assert "".join(e[2] for e in events if e[1] == "o") == "beforeafteré"


def test_a_hole_is_a_marker_a_warning_and_exit_code_3(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder()).add("tty_out", SECOND, data=b"before")
    log.add("gap", 2 * SECOND, tty=1, direction=1, offset=6, bytes=100, reason=1, seq=None)
    log.add("tty_out", 3 * SECOND, data=b"after", offset=106).save(tmp_path / "s.ebpfaudit")
    _, events = cast(cli, tmp_path / "s.ebpfaudit", code=3)
    assert [2, "m", "!! 100 bytes are missing at byte 6 (ring full)"] in events
    assert "100 bytes are missing" in cli("export", tmp_path / "s.ebpfaudit", "--format", "asciicast").err


def test_sizes_that_no_player_can_take_are_bounded(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder(), tty=0).add("tty_open", MS, tty=1, rows=0, cols=0)
    log.add("tty_resize", 2 * MS, tty=1, rows=65535, cols=65535).add("tty_resize", 3 * MS, tty=1, rows=0, cols=0)
    header, events = cast(cli, log.save(tmp_path / "s.ebpfaudit"))
    assert (header["width"], header["height"]) == (1000, 1000)
    assert not [e for e in events if e[1] == "r"]


def test_of_a_session_without_a_terminal_a_cast_has_what_its_pipes_carried(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder(), tty=0)
    for fd in range(3):
        log.add("stream_open", 2 * MS, inode=4711 + fd, stream=1 + fd, fd=fd)
    log.add("stream_data", 3 * MS, stream=1, fd=0, data=b"in\n").add(
        "stream_data", 4 * MS, stream=2, fd=1, data=b"out\n"
    )
    log.add("stream_data", 5 * MS, stream=3, fd=2, data=b"err\x1b]0;x\x07\n").save(tmp_path / "s.ebpfaudit")
    _, events = cast(cli, tmp_path / "s.ebpfaudit")
    assert [e[1:] for e in events] == [["m", "bash"], ["i", "in\n"], ["o", "out\r\n"], ["o", "err\r\n"]]
    page = cli("export", tmp_path / "s.ebpfaudit", "--format", "html").text
    assert 'id="cast-1-0"' in page
    assert "<dt>Stderr</dt>" in page


def test_a_long_command_is_cut_in_its_marker(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    log.add("exec", SECOND, pid=100, argv=argv("echo", "x" * 3000), tty=1).save(tmp_path / "s.ebpfaudit")
    _, events = cast(cli, tmp_path / "s.ebpfaudit")
    assert len(events[-1][2]) == 200


def test_the_real_asciinema_plays_it(cli: Cli, log: Path, tmp_path: Path) -> None:
    file = tmp_path / "s.cast"
    assert cli("export", log, "--format", "asciicast", "-w", file).code == 0
    shown = subprocess.run([ASCIINEMA, "cat", file], stdout=subprocess.PIPE, check=True).stdout
    assert shown == OUTPUT
    with Terminal([str(ASCIINEMA), "play", "--speed", "1000", str(file)], rows=24, cols=80) as terminal:
        terminal.expect(b"caf\xc3\xa9")
        terminal.expect(b"exit")
        assert terminal.wait() == 0


def test_bytes_are_not_printed_on_a_terminal_unless_told_to(log: Path) -> None:
    command = [sys.executable, "-m", "kubectl_ebpfaudit", "export", str(log), "--format", "raw"]
    with Terminal(command, rows=24, cols=80) as terminal:
        terminal.expect(b"error: raw is nothing for a terminal")
        assert terminal.wait() == 2
    with Terminal([*command, "-w", "-"], rows=24, cols=80) as terminal:
        terminal.expect(b"total 0")
        assert terminal.wait() == 0


def test_a_format_that_there_is_not_is_named_with_those_that_there_are() -> None:
    process = start("export", "x", "--format", "gif\x1b", stderr=subprocess.PIPE)
    _, said = process.communicate()
    assert process.returncode == 2
    assert said.startswith(b"error: there is no format gif\\x1b; there are: raw, jsonl, asciicast,")


def test_a_large_export_says_on_a_terminal_how_far_it_is_and_leaves_no_trace(tmp_path: Path) -> None:
    log, out = start_shell(LogBuilder()), tmp_path / "out"
    for i in range(1100):
        log.add("tty_out", SECOND + i * MS, data=random.Random(i).randbytes(4096))
    log.save(tmp_path / "s.ebpfaudit")
    command = [sys.executable, "-m", "kubectl_ebpfaudit", "export", str(tmp_path / "s.ebpfaudit"), "--format", "jsonl"]
    with Terminal(["sh", "-c", shlex.join(command) + f" >{out}"], rows=24, cols=80) as terminal:
        assert terminal.wait() == 0
        assert terminal.output.startswith("\r\x1b[2Kexporting …\r\x1b[2K".encode())
        assert terminal.output.endswith(b"\r\x1b[2K")
    assert len(out.read_bytes().splitlines()) == 1103


def test_a_typed_character_that_came_in_two_pieces_is_one(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    log.add("tty_in", SECOND, data=b"a\xc3").add("tty_in", 2 * SECOND, data=b"\xa9x")
    log.add("tty_in", 3 * SECOND, data=b"\xc3").add("tty_in", 4 * SECOND, hidden=8)
    log.add("tty_in", 5 * SECOND, data=b"\xa9\xc3")
    _, events = cast(cli, log.save(tmp_path / "s.ebpfaudit"))
    assert [e for e in events if e[1] == "i"] == [
        [1, "i", "a"], [2, "i", "éx"], [4, "i", "\ufffd"], [5, "i", "\ufffd"], [5, "i", "\ufffd"]
    ]  # fmt: skip
