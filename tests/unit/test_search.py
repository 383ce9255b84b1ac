"""`search`: where a pattern is found, where it is not, and what is said of it."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from replay.search.lines import Found, LineSearch
from replay.search.pattern import Pattern
from replay.search.typed import as_line
from tests.support.cli import Cli, start
from tests.support.logs import MS, REALTIME, SECOND, TARGET, LogBuilder, argv, run, shell_session, start_shell

DAY = 86400 * SECOND


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return shell_session().save(tmp_path / "s.ebpfaudit")


@pytest.fixture
def store(cli: Cli, tmp_path: Path) -> Path:
    """Two recordings of two days and namespaces, and one that is no recording."""
    folder = tmp_path / "home" / "recordings"
    folder.mkdir(parents=True)
    shell_session(targets=[{**TARGET, "namespace": "prod"}]).save(folder / "one.ebpfaudit")
    clock = {"monotonic": 1000 * SECOND, "realtime": REALTIME + DAY}
    shell_session(clock=clock).save(folder / "two.ebpfaudit")
    return folder


def hits(cli: Cli, *arguments: str | Path) -> list[dict[str, object]]:
    ran = cli("search", *arguments, "-o", "json")
    found: list[dict[str, object]] = json.loads(ran.out)
    assert ran.code == (0 if found else 1), ran.err
    return found


@pytest.mark.parametrize(
    ("place", "pattern", "text", "seconds"),
    [
        ("argv", "^sleep [0-9]", "sleep 100", 3.005),
        ("argv", r"'exec sleep", "sh -c 'exec sleep 100'", 3.001),
        ("argv", "sh -c exec", "sh -c exec sleep 100", 3.001),
        ("argv", "/bin/nosuch", "/bin/nosuch", 5.0),
        ("argv", "^/bin/ls$", "/bin/ls", 1.006),
        ("input", "^ls -la$", "ls -la", 1.0),
        ("output", r"\x1b\[01;34mbin", "\x1b[01;34mbin\x1b[0m  café", 1.009),
        ("output", "total 0$", "total 0", 1.009),
        ("screen", "^bin  café$", "bin  café", 1.009),
    ],
)
def test_each_place_is_searched_for_what_is_in_it(
    cli: Cli, log: Path, place: str, pattern: str, text: str, seconds: float
) -> None:
    (hit,) = hits(cli, pattern, log, "--in", place)
    assert (hit["in"], hit["text"], hit["seconds"]) == (place, text, seconds)
    assert hit["time"] == f"2026-01-02T03:04:{5 + seconds:012.9f}Z"
    assert (hit["session"], hit["namespace"], hit["pod"]) == (1, "default", "victim")


def test_a_hit_says_how_to_get_there_and_that_works(cli: Cli, log: Path) -> None:
    ran = cli("search", "total", log)
    assert ran.text == (
        f"2026-01-02T03:04:06.009000000Z  {log}/1  default/victim/main  output\n"
        "  > total 0\n"
        f"    kubectl ebpfaudit replay {log}/1 --at 1.009\n"
    )
    assert "total 0" in cli("replay", f"{log}/1", "--at", "1.009").text
    assert "total 0" not in cli("replay", f"{log}/1", "--at", "1.008").text


def test_a_session_without_a_terminal_is_shown_instead(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder(), tty=0).save(tmp_path / "s.ebpfaudit")
    assert cli("search", "bash", log).text.splitlines()[-1] == f"    kubectl ebpfaudit show {log}/1"


def test_pipes_are_searched_like_terminals(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder(), tty=0)
    for number, fd, data in ((1, 0, b"typed in\n"), (2, 1, b"sent out\n"), (3, 2, b"went wrong\n")):
        log.add("stream_open", SECOND, stream=number, fd=fd)
        log.add("stream_data", 2 * SECOND, stream=number, fd=fd, data=data)
    found = hits(cli, "typed|sent|went", log.save(tmp_path / "s.ebpfaudit"))
    assert sorted((hit["in"], hit["text"], hit["tty"]) for hit in found) == [
        ("input", "typed in", None), ("output", "sent out", None), ("output", "went wrong", None)
    ]  # fmt: skip


def test_what_colours_and_editing_tore_apart_is_found_on_the_screen(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    log.add("tty_out", SECOND, data=b"pass\x1b[1mword\x1b[0m\r\n").add("tty_out", 2 * SECOND, data=b"$ crl\b\burl\r\n")
    path = log.save(tmp_path / "s.ebpfaudit")
    assert [hit["in"] for hit in hits(cli, "password", path)] == ["screen"]
    assert [hit["text"] for hit in hits(cli, "curl", path)] == ["$ curl"]


@pytest.mark.parametrize("before", [b"", b"\x1b[H\x1b[2J"], ids=["in lines", "full screen"])
def test_a_line_is_told_once_and_another_beside_it_as_well(cli: Cli, tmp_path: Path, before: bytes) -> None:
    log = start_shell(LogBuilder()).add("tty_out", SECOND, data=before + b"no secret here\r\n")
    log.add("tty_out", SECOND + 100 * MS, data=b"PIN: sec\x1b[1mret\x1b[0m 4711\r\n")
    log.add("tty_out", SECOND + 200 * MS, data=b"\x1b[31ma\tsecret\x1b[0m " + b"\x1b[32mok\x1b[0m " * 60 + b"\r\n")
    log.add("tty_out", SECOND + 300 * MS, data=b"$ " + b"x" * 71 + b" secret \rs\r\n")
    log.add("tty_out", SECOND + 400 * MS, data=b"caf\xe9 secret\r\n")
    found = hits(cli, "secret", log.save(tmp_path / "s.ebpfaudit"))
    assert [hit["in"] for hit in found] == ["output", "screen", "output", "output", "output"]
    assert found[1]["text"] == "PIN: secret 4711"


@pytest.mark.parametrize("full_screen", [False, True], ids=["in lines", "full screen"])
def test_the_screen_is_searched_as_it_stood(cli: Cli, tmp_path: Path, full_screen: bool) -> None:
    log = start_shell(LogBuilder())
    log.add("tty_out", SECOND, data=b"\x1b[2;3Hsecret"[6 * (not full_screen) :])
    log.add("tty_out", 2 * SECOND, data=b"\b\b\b\b\b\bx\x1b[31my\r\n")
    path = log.save(tmp_path / "s.ebpfaudit")
    found = hits(cli, "xycret", path)
    assert [(hit["in"], str(hit["text"]).strip(), hit["seconds"]) for hit in found] == [("screen", "xycret", 2.0)]


@pytest.mark.parametrize("before", [b"", b"\x1b[H\x1b[2J"], ids=["in lines", "full screen"])
def test_a_line_that_the_terminal_wrapped_is_searched_as_one(cli: Cli, tmp_path: Path, before: bytes) -> None:
    log = start_shell(LogBuilder())
    log.add("tty_out", SECOND, data=before + b"$ export X=" + b"x" * 69 + b" \ry-and-z\r\n")
    log.add("tty_out", 2 * SECOND, data=b"".join(b"%d\r\n" % n for n in range(100)))
    log.add("tty_out", 3 * SECOND, data=b"o" * 79 + b"12345\r\n" + b"\r\n" * 22 + b"end\r\n")
    path = log.save(tmp_path / "s.ebpfaudit")
    found = hits(cli, "^.*x{69}y-and-z$", path, "--in", "screen")
    assert [(hit["text"], hit["seconds"]) for hit in found] == [(f"$ export X={'x' * 69}y-and-z", 1.0)]
    assert len(hits(cli, "^99$|^o{79}12345$", path, "--in", "screen")) == 2


def test_a_line_grows_where_it_stands_and_not_out_of_one_that_has_scrolled_out(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder()).add("tty_out", SECOND, data=b"\x1b[H\x1b[2J")
    for first in range(0, 1000, 100):
        lines = b"".join(b"%d\r\n" % n for n in range(first, first + 100))
        log.add("tty_out", (2 + first) * SECOND, data=lines)
    found = hits(cli, "1", log.save(tmp_path / "s.ebpfaudit"), "--in", "screen")
    assert {str(hit["text"]) for hit in found} == {str(n) for n in range(1000) if "1" in str(n)}
    assert len(found) == 271


def test_a_line_that_is_typed_while_another_changes_is_found_once(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    for at, typed in enumerate([b"$ needle", b" one", b" two"], 1):
        log.add("tty_out", at * SECOND, data=b"\x1b[3;%dH" % (1, 9, 13)[at - 1] + typed)
        log.add("tty_out", at * SECOND + 500 * MS, data=b"\x1b[24;70H12:00:0%d" % at)
    log.add("tty_out", 5 * SECOND, data=b"\x1b[H\x1b[2J\x1b[2;1H$ needle one two and more")
    found = hits(cli, "needle", log.save(tmp_path / "s.ebpfaudit"), "--in", "screen")
    assert [(hit["text"], hit["seconds"]) for hit in found] == [("$ needle one two and more", 1.0)]


@pytest.mark.parametrize("between", [b"\n", b"\r\x1b[K"], ids=["scrolled", "erased"])
def test_a_line_that_comes_again_where_an_equal_one_has_gone_is_another(
    cli: Cli, tmp_path: Path, between: bytes
) -> None:
    log = start_shell(LogBuilder()).add("tty_out", SECOND, data=b"\x1b[24;1Hneedle")
    log.add("tty_out", 2 * SECOND, data=between).add("tty_out", 3 * SECOND, data=b"\rneedle")
    found = hits(cli, "needle", log.save(tmp_path / "s.ebpfaudit"), "--in", "screen")
    assert [hit["seconds"] for hit in found] == [1.0, 3.0]


def test_what_was_typed_is_found_as_it_was_meant_and_key_by_key(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    for at, key in enumerate([b"r", b"n", b"\x7f", b"m", b" -rf", b"\r"], 1):
        log.add("tty_in", at * SECOND, data=key)
    path = log.save(tmp_path / "s.ebpfaudit")
    (hit,) = hits(cli, "^rm -rf$", path)
    assert (hit["in"], hit["seconds"]) == ("input", 6.0)
    assert [hit["text"] for hit in hits(cli, r"rn\x7f", path)] == ["rn\x7fm -rf"]


def test_a_match_across_pieces_is_found_and_one_across_a_hole_is_not(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    log.add("tty_out", SECOND, data=b"whole ne").add("tty_out", 2 * SECOND, data=b"edle\r")
    log.add("tty_out", 3 * SECOND, data=b"\ntorn ne", offset=13)
    log.add("gap", 4 * SECOND, tty=1, direction=1, offset=21, bytes=7, reason=1, seq=None)
    log.add("tty_out", 5 * SECOND, data=b"edle", offset=28)
    found = hits(cli, "needle$", log.save(tmp_path / "s.ebpfaudit"), "--in", "output")
    assert [(hit["text"], hit["seconds"]) for hit in found] == [("whole needle", 2.0)]


def test_bytes_that_are_no_text_are_found(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    run(log, SECOND, 101, "printf", b"\xfe\xff")
    log.add("tty_out", 2 * SECOND, data=b"caf\xe9 \xfe\xff\r\n")
    path = log.save(tmp_path / "s.ebpfaudit")
    assert [hit["in"] for hit in hits(cli, r"\xfe\xff", path)] == ["argv", "output"]
    assert [hit["match"] for hit in hits(cli, r"\xe9", path, "--in", "output")] == [r"\xe9"]


def test_long_arguments_are_searched_to_their_end(cli: Cli, tmp_path: Path) -> None:
    log = LogBuilder().add("session_start", 0, ns_pid=10)
    whole = argv("sh", "-c", "true; " * 2000 + "needle")
    log.add("exec", MS, ns_pid=10, filename=b"/bin/sh", argv=whole[:4096], argv_total=len(whole))
    for at in range(4096, len(whole), 4096):
        log.add("exec_argv", MS, offset=at, argv=whole[at : at + 4096])
    (hit,) = hits(cli, "needle", log.save(tmp_path / "s.ebpfaudit"), "--in", "argv")
    assert str(hit["text"]).startswith("…")
    assert hit["match"] == "needle"


def test_context_is_the_lines_around(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    log.add("tty_out", SECOND, data=b"".join(b"line %d\r\n" % n for n in range(9)))
    path = log.save(tmp_path / "s.ebpfaudit")
    (hit,) = hits(cli, "line 4", path, "-C", "2", "--in", "output")
    assert (hit["before"], hit["after"]) == (["line 2", "line 3"], ["line 5", "line 6"])
    (hit,) = hits(cli, "line 8", path, "-C", "1", "--in", "output")
    assert (hit["before"], hit["after"]) == (["line 7"], [])
    assert "  | line 3\n  > line 4\n  | line 5\n" in cli("search", "line 4", path, "-C1", "--in", "output").text


def test_case_and_fixed_text(cli: Cli, log: Path) -> None:
    assert not hits(cli, "TOTAL", log)
    assert hits(cli, "-i", "TOTAL", log)
    assert hits(cli, "t.tal", log)
    assert not hits(cli, "-F", "t.tal", log)


def test_the_whole_store_is_searched_oldest_first(cli: Cli, store: Path) -> None:
    assert [hit["recording"] for hit in hits(cli, "total")] == ["one", "two"]
    assert [hit["recording"] for hit in hits(cli, "total", "-n", "prod")] == ["one"]
    assert [hit["recording"] for hit in hits(cli, "total", "--since", "2026-01-03")] == ["two"]
    assert [hit["recording"] for hit in hits(cli, "total", "--until", "2026-01-03")] == ["one"]
    assert not hits(cli, "total", "--since", "2026-01-02T03:04:07Z", "--until", "2026-01-03")
    assert [hit["recording"] for hit in hits(cli, "total", "two")] == ["two"]


def test_names_counts_and_the_first_hits(cli: Cli, store: Path) -> None:
    assert cli("search", "total", "-l").text == "one\ntwo\n"
    assert cli("search", "ls", "--count", "--in", "argv,input").text == "2\tone\n2\ttwo\n"
    assert len(hits(cli, "ls", "-m", "1")) == 2
    ran = cli("search", "nowhere", "-l")
    assert (ran.code, ran.out, ran.err) == (1, b"", "")


def test_sessions_of_a_folder_have_their_numbers_in_the_run(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for name, realtime in (("a", REALTIME + SECOND), ("b", REALTIME)):
        start_shell(LogBuilder(clock={"monotonic": 1000 * SECOND, "realtime": realtime})).save(
            folder / f"{name}.ebpfaudit"
        )
    assert [(hit["session"], hit["time"]) for hit in hits(cli, "bash", folder)] == [
        (1, "2026-01-02T03:04:05.001000000Z"),
        (2, "2026-01-02T03:04:06.001000000Z"),
    ]
    assert [hit["session"] for hit in hits(cli, "bash", f"{folder}/2")] == [2]


def test_a_session_that_there_is_not_is_not_one_without_a_hit(cli: Cli, log: Path, store: Path) -> None:
    ran = cli("search", "total", f"{log}/9")
    assert (ran.code, ran.out, ran.err) == (4, b"", "error: s.ebpfaudit has no session 9; it has: 1\n")
    ran = cli("search", "total 0", "--count", f"{log}/10000000001", "two/1")
    assert (ran.code, ran.text) == (4, "1\ttwo\n")
    assert "s.ebpfaudit has no session 10000000001; it has: 1" in ran.err
    assert cli("search", "nowhere", f"{log}/1").code == 1


def test_what_could_not_be_searched_is_said(cli: Cli, store: Path) -> None:
    content = (store / "one.ebpfaudit").read_bytes()
    (store / "cut.ebpfaudit").write_bytes(content[:-9])
    ran = cli("search", "total 0", "--count")
    assert (ran.code, ran.text) == (0, "1\tcut\n1\tone\n1\ttwo\n")
    assert "warning: cut: the file ends within the object" in ran.err
    (store / "broken.ebpfaudit").write_bytes(b"noise")
    ran = cli("search", "total", "-l")
    assert (ran.code, ran.text.split()) == (8, ["cut", "one", "two"])
    assert "not a log of kubectl ebpfaudit" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [["("], ["a{9999999999999}"], ["x" * 10001], ["-C", "101", "x"], ["--in", "nose", "x"], ["-l", "--count", "x"],
     ["--since", "soon", "x"]],
    ids=lambda arguments: arguments[0][:9],
)  # fmt: skip
def test_wrong_usage_is_one_line(cli: Cli, log: Path, arguments: list[str]) -> None:
    ran = cli("search", *arguments, log)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, b"", 1)


CATASTROPHE = "(x+x+)+y"


def test_an_expression_without_end_is_ended(tmp_path: Path) -> None:
    log = start_shell(LogBuilder()).add("tty_out", SECOND, data=b"x" * 100 + b"\r\n").save(tmp_path / "s.ebpfaudit")
    process = start("search", CATASTROPHE, log, "--in", "output", stderr=subprocess.PIPE)
    assert b"error: the pattern takes too long" in process.communicate(timeout=120)[1]
    assert process.returncode == 2


def test_ctrl_c_ends_an_expression_without_end(tmp_path: Path) -> None:
    log = start_shell(LogBuilder()).add("tty_out", SECOND, data=b"x" * 100 + b"\r\n").save(tmp_path / "s.ebpfaudit")
    process = start("search", CATASTROPHE, log, "--in", "output", stderr=subprocess.PIPE)
    _wait(lambda: _catches(process.pid, signal.SIGVTALRM))  # it watches the expression then
    before = _cpu_seconds(process.pid)
    _wait(lambda: _cpu_seconds(process.pid) > before + 0.5)  # and has found its way into it by then
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[1] == b""
    assert process.returncode == 130


def _wait(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _catches(pid: int, number: signal.Signals) -> bool:
    """Whether the process has a handler for the signal: proc_pid_status(5)."""
    (caught,) = re.findall(r"^SigCgt:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.M)
    return bool(int(caught, 16) >> (number - 1) & 1)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) / os.sysconf("SC_CLK_TCK")


def found_by_grep(pattern: str, text: bytes) -> list[str]:
    """What a search line by line finds: slow, and plain to see."""
    lines = re.split(rb"\r?\n", text)
    if lines[-1:] == [b""]:
        lines.pop()
    decoded = [line.decode("utf-8", "surrogateescape") for line in lines]
    return [line for line in decoded if re.search(pattern, line)]


@given(
    st.lists(st.sampled_from([b"a", b"b", b"ab", b" ", b"\n", b"\r\n", b"\r", b"\xc3\xa9", b"\xff"]), max_size=40),
    st.sampled_from(["a", "ab", "^a", "b$", "a*", "[^a]b", "a.b", r"a\sb", "é", "^$", "(?s)a.*b", r"\Ab"]),
)
@example([b"a", b"\r", b"\n", b"b"], "a$")
def test_lines_are_found_however_they_are_cut(pieces: list[bytes], pattern: str) -> None:
    search = LineSearch(Pattern(pattern))
    found = [one for time_, piece in enumerate(pieces) for one in search.feed(piece, time_)]
    found += search.end()
    assert [one.line.text for one in found] == found_by_grep(pattern, b"".join(pieces))


def test_a_line_without_end_is_searched_in_bounded_memory() -> None:
    search = LineSearch(Pattern("needle"))
    found: list[Found] = []
    for at in range(1000):
        found += search.feed(b"x" * 4096 + (b"needle" if at == 500 else b""), at)
        assert len(search._held) < 1 << 20
    found += search.end()
    assert [(one.time, one.line.matched) for one in found] == [(500, "needle")]


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("rn\x7fm x", "rm x"),
        ("abc\x15ls", "ls"),
        ("git pusj\x17push", "git push"),
        ("l\x1b[D\x1bOAs\t", "ls\t"),
        ("\x7f\x7fa", "a"),
        ("\x03ls", "ls"),
    ],
)
def test_keys_that_edit_are_taken_as_editing(typed: str, line: str) -> None:
    assert as_line(typed) == line


def test_what_was_found_before_an_expression_ran_away_is_whole_json(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("replay.search.watch._TICK_SECONDS", 0.01)
    logs = [
        start_shell(LogBuilder()).add("tty_out", SECOND, data=data).save(tmp_path / f"{number}.ebpfaudit")
        for number, data in enumerate((b"xxy\r\n", b"x" * 100 + b"\r\n"))
    ]
    ran = cli("search", CATASTROPHE, *logs, "--in", "output", "-o", "json")
    assert (ran.code, len(json.loads(ran.out))) == (2, 1)
    assert json.loads(cli("search", CATASTROPHE, logs[1], "--in", "output", "-o", "json").out) == []
