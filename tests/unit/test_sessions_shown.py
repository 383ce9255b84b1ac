"""Sessions with several terminals, with processes that outlive them, that were under way, or that have no input."""

import json
from pathlib import Path
from typing import Any

import pytest

from recorder import events
from recorder.log.format import Block
from recorder.log.reader import open_log
from recorder.log.stream import Stream
from replay.timeline import build
from replay.verify import COMPLETE, verify
from tests.support.cli import Cli
from tests.support.logs import MONOTONIC, MS, SECOND, LogBuilder, run, shell_session, start_shell

BEFORE = events.enums()["gap_reason"]["GAP_BEFORE_RECORDING"]
UNSEEN = events.enums()["session_end_flag"]["SESSION_END_UNSEEN"]


def two_terminals() -> LogBuilder:
    """A shell in which script opens a second terminal, /dev/pts/3."""
    log = start_shell(LogBuilder())
    log.add("tty_out", SECOND, data=b"outer\r\n")
    run(log, 2 * SECOND, 101, "script", tty=1)
    log.add("tty_open", 3 * SECOND, pid=102, tty=2, index=3, rows=1, cols=65535)
    log.add("tty_out", 4 * SECOND, tty=2, data=b"inner output\r\n")
    log.add("tty_in", 4 * SECOND + MS, tty=2, data=b"ls\r")
    log.add("tty_in", 4 * SECOND + 2 * MS, tty=2, hidden=9)
    log.add("exit", 5 * SECOND, pid=101, start_time=MONOTONIC + 2 * SECOND)
    log.add("exit", 6 * SECOND, pid=100, start_time=MONOTONIC - MS)
    return log.add("session_end", 6 * SECOND + MS)


def survivors() -> LogBuilder:
    """A session that leaves two processes behind, of which one ends within the recording."""
    log = start_shell(LogBuilder())
    run(log, SECOND, 101, "nohup", "miner", tty=1)
    log.add("fork", 2 * SECOND, pid=101, child=102, child_ns_pid=12, child_start_time=MONOTONIC + 2 * SECOND)
    run(log, 2 * SECOND, 103, "ls")
    log.add("exit", 3 * SECOND, pid=103, start_time=MONOTONIC + 2 * SECOND)
    log.add("exit", 4 * SECOND, pid=100, start_time=MONOTONIC - MS, exit_code=5)
    log.add("session_end", 4 * SECOND + MS, exit_code=5)
    log.add("exec", 5 * SECOND, pid=102, start_time=MONOTONIC + 2 * SECOND, ns_pid=12, argv=b"late\0")
    return log.add("exit", 6 * SECOND, pid=102, start_time=MONOTONIC + 2 * SECOND, signal=9)


def shown(cli: Cli, path: Path) -> dict[str, Any]:
    ran = cli("show", path, "-o", "json")
    session: dict[str, Any] = json.loads(ran.out)["sessions"][0]
    return session


def test_show_lists_the_terminals_of_a_session_with_their_numbers(cli: Cli, tmp_path: Path) -> None:
    path = two_terminals().save(tmp_path / "s.ebpfaudit")
    text = cli("show", path).text
    assert "Terminal 1:  pts/0, 80x24, 7 bytes of output, 0 of input\n" in text
    assert "Terminal 2:  pts/3, 65535x1, 14 bytes of output, 12 of input\n" in text
    assert [(t["tty"], t["output_bytes"], t["input_bytes"], t["hidden_input_bytes"]) for t in
            shown(cli, path)["terminals"]] == [(1, 7, 0, 0), (2, 14, 3, 9)]  # fmt: skip


def test_a_terminal_is_chosen_by_its_number_and_the_first_is_the_default(cli: Cli, tmp_path: Path) -> None:
    path = two_terminals().save(tmp_path / "s.ebpfaudit")
    for tty, output in (((), b"outer\r\n"), (("--tty", "1"), b"outer\r\n"), (("--tty", "2"), b"inner output\r\n")):
        assert cli("export", path, "--format", "raw", *tty).out == output
        assert cli("export", f"{path}/1", "--format", "raw", *tty).out == output
        assert cli("replay", path, *tty).out == output.replace(b"\r\n", b"\n")
    assert cli("export", path, "--format", "raw", "--direction", "in", "--tty", "2").out == b"ls\r"


@pytest.mark.parametrize("of", ["", "/1"])
def test_a_terminal_that_is_not_there_is_an_error(cli: Cli, tmp_path: Path, of: str) -> None:
    path = two_terminals().save(tmp_path / "s.ebpfaudit")
    ran = cli("replay", f"{path}{of}", "--tty", "7")
    assert (ran.out, ran.code) == (b"", 4)
    assert "session 1 has no terminal 7; it has 2" in ran.err
    assert cli("export", path, "--format", "jsonl", "--tty", "1").code == 2


def test_what_outlives_its_session_is_listed_with_its_end(cli: Cli, tmp_path: Path) -> None:
    path = survivors().save(tmp_path / "s.ebpfaudit")
    miner, late = shown(cli, path)["outlived"]
    assert (miner["pid"], miner["argv"], miner["ended"], miner["exit_code"]) == (11, ["nohup", "miner"], None, None)
    assert (late["pid"], late["argv"], late["exit_code"], late["signal"]) == (12, ["late"], 137, 9)
    assert (late["started"], late["ended"]) == ("2026-01-02T03:04:07.000000000Z", "2026-01-02T03:04:11.000000000Z")
    text = cli("show", path).text
    assert "Left behind: 2 processes, 1 of them alive when the recording ended\n" in text
    assert "the end        11    -               nohup miner\n" in text
    assert "03:04:11.000   12    137 (SIGKILL)   late\n" in text


def test_a_session_that_leaves_nothing_behind_says_nothing_of_it(cli: Cli, tmp_path: Path) -> None:
    path = shell_session().save(tmp_path / "s.ebpfaudit")
    assert shown(cli, path)["outlived"] == []
    assert "Left behind" not in cli("show", path).text


def test_a_process_id_that_was_given_again_does_not_end_the_first_holder(tmp_path: Path) -> None:
    log = survivors()
    run(log, 7 * SECOND, 101, "other", session=2)
    log.add("exit", 8 * SECOND, session=2, pid=101, start_time=MONOTONIC + 7 * SECOND)
    with open_log(log.save(tmp_path / "s.ebpfaudit")) as opened:
        session = build(opened).sessions[0]
    assert [lived.ended is None for lived in session.outlived] == [True, False]


def test_a_session_under_way_says_what_is_not_there_and_is_not_lossy(cli: Cli, tmp_path: Path) -> None:
    log = LogBuilder()
    log.add("session_start", 0, flags=1, start_time=MONOTONIC - SECOND, ns_pid=10)
    log.add("gap", 0, pid=0, reason=BEFORE, seq=None, first_seq=None)
    path = log.save(tmp_path / "s.ebpfaudit")
    assert "(began before the recording: what was before is not recorded)\n" in cli("show", path).text
    assert cli("show", path).code == 0
    with open_log(path) as opened:
        assert verify(opened).state == COMPLETE
    blocks = [parsed for _, parsed in Stream().feed(path.read_bytes()) if isinstance(parsed, Block)]
    assert [block.gaps for block in blocks] == [0]


def test_an_end_that_nobody_saw_has_no_exit_code(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder()).add("session_end", SECOND, flags=UNSEEN)
    session = shown(cli, log.save(tmp_path / "s.ebpfaudit"))
    assert (session["exit_code"], session["ended"]) == (None, "2026-01-02T03:04:06.000000000Z")


def test_show_says_that_input_was_not_kept(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder(options={"input": False})).add("tty_in", SECOND, tty=1, hidden=8)
    assert "Input:       8 bytes, not kept (--no-input)\n" in cli("show", log.save(tmp_path / "s.ebpfaudit")).text
