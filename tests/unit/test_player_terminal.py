"""The player as a person uses it: under tmux, with keys typed and the screen read back."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.cli import ROOT
from tests.support.logs import MS, SECOND, LogBuilder, argv, run, shell_session, start_shell
from tests.support.tmux import Tmux


def player(
    tmp_path: Path,
    builder: LogBuilder,
    *flags: str,
    rows: int = 30,
    cols: int = 100,
    env: Mapping[str, str] | None = None,
) -> Tmux:
    log = builder.save(tmp_path / "s.ebpfaudit")
    command = [sys.executable, "-m", "kubectl_ebpfaudit", "replay", str(log), *flags]
    known = {"PYTHONPATH": str(ROOT), "EBPFAUDIT_HOME": str(tmp_path / "home"), "LANG": "C.UTF-8"}
    return Tmux(tmp_path, command, rows, cols, {**known, **(env or {})})


def pid_of_player(tmux: Tmux) -> int:
    children = Path(f"/proc/{tmux.pid()}/task/{tmux.pid()}/children").read_text().split()
    return int(children[0])


def test_keys_steer_the_player(tmp_path: Path) -> None:
    with player(tmp_path, shell_session(), "--speed", "max") as tmux:
        tmux.wait("■ end 00:07/00:07", "bin  café")
        tmux.keys("g")
        tmux.wait("00:00/00:07", without="café")
        tmux.keys("Space")
        tmux.wait("■ end 00:07/00:07")
        tmux.keys(":", "1.0", "Enter")
        tmux.wait("root@victim:~#", "00:01/00:07", without="total")
        tmux.keys(".")
        tmux.wait("~# ls -la", without="total 0")
        tmux.keys(".")
        tmux.wait("total 0", "$ ls -la")
        tmux.keys("]", "t")
        tmux.wait("00:03/00:07", "│ 00:03 sleep 100", "$ sh -c 'exec sleep 100'")
        tmux.keys("[")
        tmux.wait("00:01/00:07")
        tmux.keys("t", "}", "i")
        tmux.wait("00:04/00:07", "typed: ls -la\\r\\x03", without="│")
        tmux.keys("}")
        tmux.wait("(8 hidden)")
        tmux.keys("{", "{")
        tmux.wait("00:01/00:07")
        tmux.keys("i", "m", "a", "G")
        tmux.wait("00:07/00:07")
        tmux.keys("'", "a")
        tmux.wait("00:01/00:07")
        tmux.keys(">", ">")
        tmux.wait("128x")
        tmux.keys("h")
        tmux.wait("previous, next command")
        tmux.keys("h", "x")
        tmux.keys("q")
        tmux.wait("code=0", " icanon", without="session 1")


def test_search_finds_what_stood_on_the_screen_and_what_was_run(tmp_path: Path) -> None:
    with player(tmp_path, shell_session(), "--to", "0.5") as tmux:
        tmux.wait("■ end")
        tmux.keys("/")
        tmux.keys("bin *caf", "Enter")
        tmux.wait("bin  café", "00:01/00:07")
        tmux.keys("n")
        tmux.wait("not found after here: bin *caf")
        tmux.keys("?", "sleep 100", "Enter")
        tmux.wait("not found before here")
        tmux.keys("N")
        tmux.wait("00:03/00:07")
        tmux.keys("/", "(", "Enter")
        tmux.wait("not a regular expression")
        tmux.keys("q")
        tmux.wait("code=0")


def idle_session() -> LogBuilder:
    log = start_shell(LogBuilder())
    log.add("tty_out", SECOND, data=b"\x1b[?25lfirst")
    log.add("tty_out", 3600 * SECOND, data=b" second")
    return log.add("session_end", 3600 * SECOND + MS)


def test_long_pauses_are_shortened_and_shown_as_such(tmp_path: Path) -> None:
    with player(tmp_path, idle_session(), "--idle-limit", "0.2") as tmux:
        tmux.wait("first second", "» 59m59s without output, shortened")


def test_the_terminal_is_restored_after_signals(tmp_path: Path) -> None:
    for number, code in ((signal.SIGTERM, "143"), (signal.SIGHUP, "129"), (signal.SIGINT, "130")):
        folder = tmp_path / code
        folder.mkdir()
        with player(folder, idle_session(), "--idle-limit", "9999") as tmux:
            tmux.wait("first")
            os.kill(pid_of_player(tmux), number)
            tmux.wait(f"code={code}", " icanon", without="first")


def test_ctrl_z_gives_the_terminal_back_and_fg_goes_on(tmp_path: Path) -> None:
    log = idle_session().save(tmp_path / "s.ebpfaudit")
    with Tmux(tmp_path, ["bash", "--norc", "-i"], env={"PS1": "prompt> ", "PYTHONPATH": str(ROOT)}) as tmux:
        tmux.wait("prompt>")
        tmux.keys(f"{sys.executable} -m kubectl_ebpfaudit replay {log} --idle-limit 9999", "Enter")
        tmux.wait("▶", "first")
        tmux.keys("C-z")
        tmux.wait("Stopped", without="▶")
        tmux.keys("fg", "Enter")
        tmux.wait("first", "▶")
        tmux.keys("q")
        tmux.wait("prompt>", without="▶")


def test_a_smaller_terminal_shows_a_part_and_says_so_and_any_size_is_survived(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    log.add("tty_out", MS * 10, data=b"top\r\n" + b"\r\n" * 20 + b"x" * 70 + b"END\r\nlast")
    with player(tmp_path, log, "--speed", "max", rows=10, cols=60) as tmux:
        assert "top" not in tmux.wait("cut: recorded 80x24", "last")
        tmux.resize(30, 100)
        tmux.wait("top", "END", "last", without="cut:")
        for rows, cols in ((1, 1), (2, 3), (5, 200), (1, 80)):
            tmux.resize(rows, cols)
            tmux.keys("t", "i", "h", "x", "g", "G")
        tmux.resize(30, 100)
        tmux.wait("top", "last")
        tmux.keys("q")
        tmux.wait("code=0")


def test_two_terminals_of_a_session_can_be_switched(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    log.add("tty_out", SECOND, data=b"on the first")
    log.add("tty_open", SECOND, tty=2, rows=10, cols=40)
    log.add("tty_out", 2 * SECOND, tty=2, data=b"on the second")
    log.add("session_end", 3 * SECOND)
    with player(tmp_path, log, "--speed", "max") as tmux:
        tmux.wait("on the first", "■ end")
        tmux.keys("T")
        tmux.wait("on the second", "terminal 2/2", without="on the first")
        tmux.keys("T")
        tmux.wait("on the first", without="on the second")


def test_a_recording_that_is_being_made_is_followed(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    log.add("tty_out", SECOND, data=b"first")
    log.add("tty_out", 2 * SECOND, data=b" second")
    run(log, 3 * SECOND, 101, "later", tty=1)
    log.add("tty_out", 4 * SECOND, data=b" third")
    log.add("session_end", 5 * SECOND)
    objects = log.objects(split=1)
    at = next(n for n, data in enumerate(objects) if b"second" in data)
    path = tmp_path / "s.ebpfaudit"
    path.write_bytes(b"".join(objects[:at]) + objects[at][:10])
    command = [sys.executable, "-m", "kubectl_ebpfaudit", "replay", str(path), "--follow"]
    env = {"PYTHONPATH": str(ROOT), "EBPFAUDIT_HOME": str(tmp_path / "home"), "LANG": "C.UTF-8"}
    with Tmux(tmp_path, command, 30, 100, env) as tmux:
        tmux.wait("first")
        with path.open("ab") as file:
            file.write(objects[at][10:] + b"".join(objects[at + 1 :]))
        tmux.wait("first second third", "$ later")
        tmux.keys("q")
        tmux.wait("code=0")


def test_a_recording_that_has_ended_is_shown_at_its_end_by_follow(tmp_path: Path) -> None:
    with player(tmp_path, shell_session(), "--follow") as tmux:
        tmux.wait("bin  café", "■ end 00:07")


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [True, False], ids=["on the screen", "later"])
def test_an_expression_that_runs_away_is_given_up_and_keys_go_on(tmp_path: Path, at_once: bool) -> None:
    log = start_shell(LogBuilder())
    log.add("tty_out", (0 if at_once else 90) * SECOND, data=b"a" * 40 + b"!\r\n")
    log.add("session_end", 100 * SECOND)
    with player(tmp_path, log, "--idle-limit", "9999") as tmux:
        tmux.wait("▶")
        tmux.keys("Space")
        tmux.keys("/", "(a+)+$", "Enter")
        tmux.wait("the expression takes too long", seconds=120)
        tmux.keys("q")
        tmux.wait("code=0")


def test_when_the_emulator_is_killed_the_player_says_so_and_goes_on(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    log.add("tty_out", SECOND // 10, data=b"before\r\n")
    log.add("tty_out", 900 * SECOND, data=b"after\r\n")  # nobody waits so long: it comes by the key
    log.add("tty_out", 1000 * SECOND, data=b"\x1b[2J\x1b[Hclear")
    log.add("session_end", 1100 * SECOND)
    with player(tmp_path, log, "--idle-limit", "9999") as tmux:
        tmux.wait("before")
        player_pid = pid_of_player(tmux)
        (emulator,) = Path(f"/proc/{player_pid}/task/{player_pid}/children").read_text().split()
        os.kill(int(emulator), signal.SIGKILL)
        tmux.keys("Space", ":", "950", "Enter")
        tmux.wait("after", "the emulator failed here")
        tmux.keys(":", "1050", "Enter")
        tmux.wait("clear", without="emulator failed")


def test_without_utf8_and_on_a_dumb_terminal_it_plays(tmp_path: Path) -> None:
    plain = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with player(tmp_path, shell_session(), "--speed", "max", env=plain) as tmux:
        tmux.wait("bin  caf?", "? end 00:07")
    folder = tmp_path / "dumb"
    folder.mkdir()
    with player(folder, shell_session(), "--speed", "max", env={"TERM": "dumb"}) as tmux:
        shown = tmux.wait("code=0")
        assert re.search(r"ls -la\ntotal 0\nbin  café", shown)


def test_nothing_of_a_hostile_session_reaches_the_terminal(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    log.add("tty_out", MS * 10, data=b"a\x1b]0;title\x07\x1b[6n\x1bP$qm\x1b\\\x1b]52;c;eA==\x07" + "\u202eb".encode())
    log.add("exec", MS * 20, argv=argv("evil\x1b]0;x\x07\u202e"), filename=b"/x")
    log.add("session_end", SECOND)
    path = log.save(tmp_path / "s.ebpfaudit")
    line = f"stty rows 24 cols 150; {sys.executable} -m kubectl_ebpfaudit replay {path} --speed max"
    env = {**os.environ, "PYTHONPATH": str(ROOT), "EBPFAUDIT_HOME": str(tmp_path / "home"), "TERM": "xterm"}
    command = ["script", "-qec", line, str(tmp_path / "typescript")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env) as process:
        assert process.stdout
        shown = b""
        while "■ end".encode() not in shown and (piece := os.read(process.stdout.fileno(), 4096)):
            shown += piece
        shown += process.communicate(b"q", timeout=60)[0]
    sequences = set(re.findall(rb"\x1b(?:\[[0-9;?]*[@-~]|\(?.)", shown))
    assert {sequence[-1:] for sequence in sequences} <= {b"m", b"H", b"J", b"K", b"h", b"l", b"B"}
    assert b"\x1b]" not in shown
    assert "\u202e".encode() not in shown
    assert rb"$'evil\e]0;x\a\u202e'" in shown
