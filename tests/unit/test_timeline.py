"""What a timeline makes of the events of a log."""

from pathlib import Path
from typing import Any

import pytest

from recorder.log.reader import open_log
from replay import timeline as building
from replay.document import document
from replay.model import Timeline
from replay.report import report
from replay.timeline import build
from tests.support.logs import MONOTONIC, MS, SECOND, LogBuilder, argv, run, shell_session, start_shell


def timeline_of(log: LogBuilder, path: Path, **build_options: Any) -> Timeline:
    with open_log(log.save(path / "s.ebpfaudit", **build_options)) as opened:
        return build(opened)


def test_a_shell_session_is_told_whole(tmp_path: Path) -> None:
    shown = document(timeline_of(shell_session(), tmp_path))
    (session,) = shown["sessions"]
    assert shown["recording"]["state"] == "complete"
    assert [ran["argv"] for ran in session["execs"]] == [
        ["bash"], ["ls", "-la"], ["sh", "-c", "exec sleep 100"], ["sleep", "100"]
    ]  # fmt: skip
    expected = {"id": 1, "kind": "exec -it", "tty": True, "argv": ["bash"], "exit_code": 1}
    expected |= {
        "output_bytes": 62,
        "input_bytes": 8,
        "hidden_input_bytes": 8,
        "lost_events": 0,
        "lost_bytes": 0,
    }
    assert session.items() >= expected.items()
    assert session["started"] == "2026-01-02T03:04:05.000000000Z"
    assert session["ended"] == "2026-01-02T03:04:12.003000000Z"


def test_an_exec_ends_when_its_process_runs_another_program(tmp_path: Path) -> None:
    (session,) = timeline_of(shell_session(), tmp_path).sessions
    _, _, sh, sleep = session.execs
    assert (sh.exit_code, sh.ended) == (None, sleep.time)
    assert (sleep.exit_code, sleep.signal) == (130, 2)
    assert sh.pid == sleep.pid == 12
    assert sh.parent is sleep.parent is session.execs[0]


def test_a_process_that_ran_nothing_between_is_no_break_in_the_tree(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    log.add("fork", SECOND, pid=100, child=101, child_ns_pid=11, child_start_time=MONOTONIC + SECOND)
    run(log, SECOND + MS, 102, "ls", ppid=101)
    (session,) = timeline_of(log, tmp_path).sessions
    assert session.execs[1].parent is session.execs[0]


def test_a_daemon_belongs_to_who_started_it(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    log.add("fork", SECOND, pid=100, child=101, child_ns_pid=11, child_start_time=MONOTONIC + SECOND)
    log.add("fork", SECOND + MS, pid=101, child=102, child_ns_pid=12, child_start_time=MONOTONIC + SECOND + MS)
    log.add("exit", SECOND + 2 * MS, pid=101)
    log.add("exec", SECOND + 3 * MS, pid=102, ppid=1, ns_pid=12, ns_ppid=1, argv=argv("daemon"))
    (session,) = timeline_of(log, tmp_path).sessions
    assert session.execs[1].parent is session.execs[0]
    assert session.execs[1].ppid == 1


def test_a_child_belongs_to_what_its_parent_ran_when_it_was_started(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    run(log, SECOND, 101, "sh")
    log.add("fork", 2 * SECOND, pid=101, child=102, child_ns_pid=12, child_start_time=MONOTONIC + 2 * SECOND)
    log.add("exec", 3 * SECOND, pid=101, argv=argv("sleep"), start_time=MONOTONIC + SECOND)
    log.add("exec", 4 * SECOND, pid=102, argv=argv("ls"), start_time=MONOTONIC + 2 * SECOND)
    _, sh, _, ls = timeline_of(log, tmp_path).sessions[0].execs
    assert ls.parent is sh


def test_a_process_id_that_is_used_again_is_another_process(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    run(log, SECOND, 101, "first")
    run(log, 2 * SECOND, 101, "second")
    log.add("exit", 3 * SECOND, pid=101, start_time=MONOTONIC + 2 * SECOND, exit_code=7)
    first, second = timeline_of(log, tmp_path).sessions[0].execs[1:]
    assert (first.exit_code, first.ended) == (None, None)
    assert second.exit_code == 7


def test_argv_in_parts_is_put_together(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    whole = argv("echo", "x" * 100)
    run(log, SECOND, 101, "echo")
    log.add("exec", 2 * SECOND, pid=101, argv=whole[:50], argv_total=len(whole))
    log.add("exec_argv", 2 * SECOND + MS, pid=101, offset=50, argv=whole[50:])
    ran = timeline_of(log, tmp_path).sessions[0].execs[-1]
    assert ran.argv == (b"echo", b"x" * 100)
    assert ran.argv_missing == 0


def test_argv_with_a_part_missing_says_how_much(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    log.add("exec", SECOND, pid=100, argv=b"echo\0xx", argv_total=5000)
    timeline = timeline_of(log, tmp_path)
    assert timeline.sessions[0].execs[-1].argv_missing == 4993
    assert "echo xx … (4,993 bytes not recorded)" in report(timeline)


def test_argv_that_is_not_utf8_is_given_as_escapes_and_exactly(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    run(log, SECOND, 101, "echo", b"caf\xe9", "back\\slash")
    shown = document(timeline_of(log, tmp_path))["sessions"][0]["execs"][1]
    assert shown["argv"] == ["echo", "caf\\xe9", "back\\slash"]
    assert shown["argv_base64"] == ["ZWNobw==", "Y2Fm6Q==", "YmFja1xzbGFzaA=="]
    assert "filename_base64" not in shown


def test_empty_arguments_are_kept(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    run(log, SECOND, 101, "echo", "", "")
    assert timeline_of(log, tmp_path).sessions[0].execs[1].argv == (b"echo", b"", b"")


def test_a_gap_is_shown_where_it_is(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    log.lose(3).add("gap", SECOND, first_seq=2, events=3, reason=1, seq=None)
    log.add("tty_out", 2 * SECOND, data=b"ab")
    log.add("gap", 3 * SECOND, tty=1, direction=1, offset=2, bytes=10, reason=1, seq=None)
    run(log, 4 * SECOND, 101, "ls")
    timeline = timeline_of(log, tmp_path)
    assert (timeline.lost_events, timeline.lost_bytes) == (3, 10)
    lines = [line for line in report(timeline).splitlines() if "bash" in line or "!!" in line or line.endswith("ls")]
    assert [line.split("   ")[-1].strip() for line in lines] == [
        "bash", "!! missing: 3 events (ring full)", "!! missing: 10 bytes of output (ring full)", "ls"
    ]  # fmt: skip


def test_a_hole_in_the_sequence_that_no_gap_speaks_of_is_loss(tmp_path: Path) -> None:
    log = start_shell(LogBuilder()).lose(2).add("fork", SECOND)
    timeline = timeline_of(log, tmp_path)
    assert timeline.lost_events == 2
    assert [gap.reason for gap in timeline.gaps] == ["unexplained"]


def test_a_session_without_a_terminal_is_a_plain_exec(tmp_path: Path) -> None:
    log = LogBuilder().add("session_start", 0, ns_pid=10).add("exec", MS, argv=argv("id"))
    (session,) = timeline_of(log, tmp_path).sessions
    assert (session.kind, session.terminals) == ("exec", [])


def test_a_session_under_way_began_before_the_recording(tmp_path: Path) -> None:
    log = LogBuilder().add("session_start", SECOND, start_time=MONOTONIC - 60 * SECOND, flags=1)
    shown = document(timeline_of(log, tmp_path))["sessions"][0]
    assert shown["under_way"]
    assert shown["started"] == "2026-01-02T03:03:05.000000000Z"


def test_a_clock_event_sets_the_wall_clock_from_there_on(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    log.add("clock", SECOND, session=0, realtime=1_800_000_000 * SECOND, seq=None)
    run(log, 2 * SECOND, 101, "ls")
    shown = document(timeline_of(log, tmp_path))["sessions"][0]["execs"]
    assert shown[0]["time"].startswith("2026-01-02T03:04:05")
    assert shown[1]["time"] == "2027-01-15T08:00:01.001000000Z"


def test_unknown_events_pass_by(tmp_path: Path) -> None:
    log = shell_session()
    log.header["events"] = {**log.header["events"]}
    del log.header["events"]["tty_resize"]
    assert len(timeline_of(log, tmp_path).sessions[0].execs) == 4


def test_a_log_that_holds_more_than_memory_should_is_told_up_to_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "_MAX_WEIGHT", 8000)
    timeline = timeline_of(shell_session(), tmp_path)
    assert timeline.state == "unread"
    assert timeline.damage
    assert "more than fits into memory" in timeline.damage.reason
    assert [ran.argv[0] for ran in timeline.sessions[0].execs] == [b"bash"]


def test_what_was_forked_and_has_ended_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = start_shell(LogBuilder())
    for n in range(1, 101):
        log.add("fork", n * SECOND, pid=100, child=100 + n, child_ns_pid=n, child_start_time=n)
        log.add("exit", n * SECOND + MS, pid=100 + n, start_time=n)
    monkeypatch.setattr(building, "_MAX_WEIGHT", 10 << 10)
    assert timeline_of(log, tmp_path).state == "complete"


def test_what_was_forked_and_lives_takes_memory_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = start_shell(LogBuilder())
    for n in range(1, 101):
        log.add("fork", n * SECOND, pid=100, child=100 + n, child_ns_pid=n, child_start_time=n)
    monkeypatch.setattr(building, "_MAX_WEIGHT", 50 << 10)
    assert timeline_of(log, tmp_path).state == "unread"


def test_a_program_takes_memory_also_after_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = start_shell(LogBuilder())
    for n in range(1, 101):
        run(log, n * SECOND, 100 + n, "ls")
        log.add("exit", n * SECOND + 2 * MS, pid=100 + n, start_time=MONOTONIC + n * SECOND)
    monkeypatch.setattr(building, "_MAX_WEIGHT", 50 << 10)
    assert timeline_of(log, tmp_path).state == "unread"


HOSTILE = b"\x1b]0;pwned\x07\x1b[2J\x9b\xe2\x80\xae\n\r"


def test_nothing_hostile_reaches_the_report(tmp_path: Path) -> None:
    name = HOSTILE.decode("utf-8", "replace") + "\x9b6n"
    target = dict.fromkeys(("namespace", "pod", "container", "container_id", "cgroup"), name)
    log = LogBuilder(
        targets=[{**target, "cgroup_id": 1, name: name}], recording="x\x1b[2J", node={"name": "n\x1b[2J"},
        probes={"exec\x1b": "\u202e"}
    )  # fmt: skip
    start_shell(log)
    run(log, SECOND, 101, HOSTILE, HOSTILE, b"\xff")
    log.add("exec_failed", 2 * SECOND, pid=100, error=13, filename=HOSTILE)
    log.add("exec", 2 * SECOND, pid=100, filename=HOSTILE, argv=b"")
    timeline = timeline_of(log, tmp_path, end="ended\x1b[2J")
    assert all(line.isprintable() for line in report(timeline).splitlines())
