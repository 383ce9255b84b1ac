"""A folder of the logs of several nodes, read as one recording."""

import json
import os
import re
import resource
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.log.errors import BadLog, NewerLog
from replay import recording as recordings
from replay.errors import NoSuchRecording
from tests.support.cli import Cli
from tests.support.logs import MONOTONIC, MS, REALTIME, SECOND, TARGET, LogBuilder, run, shell_session, start_shell


def node(name: str, later: int = 0, **changes: Any) -> LogBuilder:
    """A log of that node, whose wall clock is `later` (ns) than that of others at the same CLOCK_MONOTONIC."""
    target = {**TARGET, "pod": f"pod-{name}"}
    clock = {"monotonic": MONOTONIC, "realtime": REALTIME + later}
    return LogBuilder(**{"node": {"name": name}, "targets": [target], "clock": clock, **changes})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sessions begin on node a at 0 s and 10 s, on node b at 5 s and, without a terminal, at 15 s."""
    path = tmp_path / "run"
    path.mkdir()
    log = start_shell(node("a"))
    log.add("tty_out", SECOND, data=b"first of a\r\n")
    start_shell(log, 10 * SECOND, session=2, pid=200, tty=2)
    log.add("tty_out", 11 * SECOND, session=2, tty=2, data=b"second of a\r\n").save(path / "a.ebpfaudit")
    log = start_shell(node("b", later=5 * SECOND))
    log.add("tty_out", SECOND, data=b"first of b\r\n")
    start_shell(log, 10 * SECOND, session=2, pid=200, tty=0).save(path / "b.ebpfaudit")
    return path


def lines(text: str, word: str) -> list[str]:
    return [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith(f"{word}:")]


def exported(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_sessions_are_numbered_over_all_logs_in_order_of_their_start(cli: Cli, folder: Path) -> None:
    shown = json.loads(cli("show", folder, "-o", "json").out)
    assert list(shown) == ["recording", "targets", "sessions"]
    assert [(s["id"], s["node"], s["log_session"], s["pod"]) for s in shown["sessions"]] == [
        (1, "a", 1, "pod-a"), (2, "b", 1, "pod-b"), (3, "a", 2, "pod-a"), (4, "b", 2, "pod-b")
    ]  # fmt: skip
    assert [(t["log"], t["node"], t["pod"]) for t in shown["targets"]] == [("a", "a", "pod-a"), ("b", "b", "pod-b")]
    assert [(log["log"], log["state"]) for log in shown["recording"]["logs"]] == [("a", "complete"), ("b", "complete")]
    assert (shown["recording"]["state"], shown["recording"]["id"][:8]) == ("complete", "11111111")


def test_show_lists_every_session_under_its_pod(cli: Cli, folder: Path) -> None:
    text = cli("show", f"{folder}/").text
    assert lines(text, "Pod") == ["default/pod-a", "default/pod-b"]
    assert lines(text, "Session") == [
        "1, exec -it in default/pod-a/main on a (a/1)", "3, exec -it in default/pod-a/main on a (a/2)",
        "2, exec -it in default/pod-b/main on b (b/1)", "4, exec in default/pod-b/main on b (b/2)",
    ]  # fmt: skip
    assert lines(text, "Nodes") == ["a, b"]
    assert lines(text, "Recording") == ["run 11111111-2222-4333-8444-555555555555"]


def test_every_verb_means_the_same_session_by_the_same_number(cli: Cli, folder: Path) -> None:
    for number, output in ((1, "first of a"), (2, "first of b"), (3, "second of a")):
        assert cli("replay", f"{folder}/{number}").text == f"{output}\n"
        assert cli("export", f"{folder}/{number}", "--format", "raw").text == f"{output}\r\n"
        events = [
            json.loads(line) for line in cli("export", f"{folder}/{number}", "--format", "jsonl").out.splitlines()
        ]
        assert {event["session"] for event in events} == {number}
        assert [event["data"] for event in events if "data" in event] == [f"{output}\r\n"]
        assert lines(cli("show", f"{folder}/{number}").text, "Session")[0].startswith(f"{number}, ")
    assert cli("replay", f"{folder}/4").code == 18


@pytest.mark.parametrize("name", ["run/b/1", "run/b.ebpfaudit/1"])
def test_a_session_can_be_named_by_its_node(cli: Cli, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert cli("replay", name).text == "first of b\n"
    assert lines(cli("show", name.rpartition("/")[0]).text, "Session")[0] == "1, exec -it in default/pod-b/main"


@pytest.mark.parametrize("verb", [["show"], ["replay"], ["export", "--format", "raw"], ["export", "--format", "jsonl"]])
def test_a_session_that_no_log_has_is_said_in_one_line(cli: Cli, folder: Path, verb: list[str]) -> None:
    ran = cli(*verb, f"{folder}/5")
    assert (ran.code, ran.out, ran.err) == (4, b"", "error: run has no session 5; it has: 1, 2, 3, 4\n")


def test_without_a_number_the_only_session_with_a_terminal_is_meant(cli: Cli, folder: Path) -> None:
    ran = cli("replay", folder)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "run/2 (bash in default/pod-b/main)" in ran.err
    (folder / "a.ebpfaudit").unlink()
    assert cli("replay", folder).text == "first of b\n"


def test_export_jsonl_merges_by_the_wall_clock_and_names_the_node(cli: Cli, folder: Path) -> None:
    events = exported(cli("export", folder, "--format", "jsonl").text)
    assert [event["time"] for event in events] == sorted(event["time"] for event in events)
    assert [(e["node"], e["log"], e["session"]) for e in events if e["type"] == "session_start"] == [
        ("a", "a", 1), ("b", "b", 2), ("a", "a", 3), ("b", "b", 4)
    ]  # fmt: skip


@given(st.lists(st.lists(st.integers(0, 40), max_size=6).map(sorted), min_size=1, max_size=4), st.integers(-9, 9))
def test_events_of_all_logs_come_in_order_and_none_is_missing(
    tmp_path_factory: pytest.TempPathFactory, times: list[list[int]], step: int
) -> None:
    path = tmp_path_factory.mktemp("run")
    for number, of_node in enumerate(times):
        log = node(str(number), later=number * SECOND)
        for at in of_node:
            log.add("fork", at * SECOND)
        log.save(path / f"{number}.ebpfaudit")
    with recordings.opened(path) as recording:
        merged = [(time, part.name) for time, part, _ in recording.events()]
    expected = sorted((REALTIME + (at + n) * SECOND, str(n)) for n, of_node in enumerate(times) for at in of_node)
    assert merged == expected


def test_a_clock_that_was_put_back_does_not_tear_its_log_apart(tmp_path: Path) -> None:
    log = node("a").add("fork", SECOND, pid=1)
    log.add("clock", 2 * SECOND, session=0, realtime=REALTIME - 3600 * SECOND, seq=None)
    log.add("fork", 3 * SECOND, pid=2).save(tmp_path / "a.ebpfaudit")
    node("b").add("fork", 4 * SECOND, pid=3).save(tmp_path / "b.ebpfaudit")
    with recordings.opened(tmp_path) as recording:
        assert [event.pid for _, _, event in recording.events() if event.type == "fork"] == [1, 2, 3]


def test_equal_starts_are_told_apart_by_the_name_of_the_log(tmp_path: Path) -> None:
    for name in ("b", "a"):
        start_shell(node(name)).save(tmp_path / f"{name}.ebpfaudit")
    with recordings.opened(tmp_path) as recording:
        found = [recording.find(number) for number in recording.sessions()]
    assert [place and place[0].name for place in found] == ["a", "b"]


def test_a_session_whose_commands_are_all_lost_has_the_same_number_for_every_verb(cli: Cli, folder: Path) -> None:
    log = node("c", later=-100 * SECOND)
    log.add("tty_out", 0, data=b"all that is left\r\n").save(folder / "c.ebpfaudit")
    assert [s["log"] for s in json.loads(cli("show", folder, "-o", "json").out)["sessions"]] == [
        "a",
        "b",
        "a",
        "b",
        "c",
    ]
    assert cli("replay", f"{folder}/5").text == "all that is left\n"


def test_a_session_that_was_under_way_is_numbered_by_its_true_start(tmp_path: Path) -> None:
    start_shell(node("a")).save(tmp_path / "a.ebpfaudit")
    log = node("b").add("session_start", SECOND, start_time=MONOTONIC - 60 * SECOND, flags=1)
    log.save(tmp_path / "b.ebpfaudit")
    with recordings.opened(tmp_path) as recording:
        first = recording.find(1)
    assert first
    assert first[0].name == "b"


def test_a_damaged_log_does_not_hide_the_others(cli: Cli, folder: Path) -> None:
    objects = start_shell(node("c", later=20 * SECOND)).objects(split=2)
    changed = bytearray(b"".join(objects))
    changed[-300] ^= 1
    (folder / "c.ebpfaudit").write_bytes(changed)
    (folder / "d.ebpfaudit").write_bytes(b"noise")
    os.mkfifo(folder / "e.ebpfaudit")
    (folder / "notes.txt").write_bytes(b"not a log")
    ran = cli("show", folder)
    assert ran.code == 8
    assert lines(ran.text, "State") == ["broken"]
    assert len(lines(ran.text, "Session")) == 5
    said = ran.err.splitlines()
    assert [line.split(":")[0] for line in said] == ["warning", "warning", "error"]
    assert {word for word in ("run/c", "run/d", "run/e") if word in ran.err} == {"run/c", "run/d", "run/e"}
    assert cli("replay", f"{folder}/2").text == "first of b\n"
    assert (cli("replay", f"{folder}/2").code, cli("replay", f"{folder}/2").err) == (0, "")
    assert cli("export", folder, "--format", "jsonl").text.count('"session_start"') == 5
    shown = json.loads(cli("show", folder, "-o", "json").out)["recording"]["logs"]
    assert [log["state"] for log in shown] == ["complete", "complete", "damaged", "broken", "broken"]


def test_verify_names_each_log_and_the_worst_decides(cli: Cli, folder: Path) -> None:
    assert cli("verify", folder).text.splitlines()[0] == f"{folder}: complete, 2 logs"
    content = (folder / "a.ebpfaudit").read_bytes()
    start_shell(node("c")).lose(2).add("fork", SECOND).save(folder / "c.ebpfaudit")
    ran = cli("verify", folder)
    assert (ran.code, ran.text.splitlines()[0]) == (3, f"{folder}: lossy, 3 logs")
    (folder / "d.ebpfaudit").write_bytes(content[:-10])
    ran = cli("verify", folder)
    assert (ran.code, ran.text.splitlines()[0]) == (3, f"{folder}: unfinished, 4 logs")
    (folder / "e.ebpfaudit").write_bytes(content[:-300] + bytes([content[-300] ^ 1]) + content[-299:])
    (folder / "f.ebpfaudit").write_bytes(b"")
    ran = cli("verify", folder, "-o", "json")
    assert ran.code == 8
    shown = json.loads(ran.out)
    assert shown["state"] == "broken"
    assert [log["state"] for log in shown["logs"]] == [
        "complete", "complete", "lossy", "unfinished", "damaged", "broken"
    ]  # fmt: skip
    assert {finding["log"] for finding in shown["findings"]} == {"c", "d", "e", "f"}


@pytest.mark.parametrize("verb", [["show"], ["verify"], ["export", "--format", "jsonl"], ["replay"]])
def test_logs_of_different_recordings_are_read_with_a_warning(cli: Cli, folder: Path, verb: list[str]) -> None:
    start_shell(node("c", recording="other\x1b[2J"), tty=0).save(folder / "c.ebpfaudit")
    ran = cli(*verb, f"{folder}/1" if verb == ["replay"] else folder)
    assert (ran.code, ran.err.count("\n")) == (0, 1)
    assert ran.err.startswith("warning: run: its logs are of 2 recordings (11111111-")
    assert ran.err.endswith(", other\\x1b[2J), taken as one\n")


def test_more_logs_than_files_may_be_open_are_read(tmp_path: Path) -> None:
    content = start_shell(node("a")).build()
    for number in range(100):
        (tmp_path / f"{number}.ebpfaudit").write_bytes(content)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 40, before[1]))
    try:
        with recordings.opened(tmp_path) as recording:
            assert (len(recording.parts), recording.sessions()) == (100, list(range(1, 101)))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_an_empty_folder_is_one_clear_error(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    ran = cli("show", tmp_path / "none")
    assert (ran.code, ran.out, ran.err.count("\n")) == (4, b"", 1)
    assert "there is no recording in the folder" in ran.err
    with pytest.raises(NoSuchRecording, match="no file"), recordings.opened(tmp_path / "none"):
        pass


def test_a_folder_of_which_nothing_can_be_read_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "a.ebpfaudit").write_bytes(b"noise")
    with pytest.raises(BadLog, match=r"none of its logs can be read: .*a\.ebpfaudit: not a log"):
        with recordings.opened(tmp_path):
            pass


def test_a_folder_of_newer_logs_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("recorder.log.format.VERSION", (2, 0))
        shell_session().save(tmp_path / "a.ebpfaudit")
    with pytest.raises(NewerLog, match="use a newer"), recordings.opened(tmp_path):
        pass


def test_an_export_does_not_replace_a_log_of_its_folder(cli: Cli, folder: Path) -> None:
    ran = cli("export", folder, "--format", "jsonl", "-w", folder / "b.ebpfaudit", "--force")
    assert (ran.code, "is the recording itself" in ran.err) == (2, True)


def in_store(folder: Path, name: str) -> Path:
    path = Path(os.environ["EBPFAUDIT_HOME"]) / "recordings" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return folder.rename(path)


def test_a_folder_in_the_store_is_found_by_name_and_as_the_latest(cli: Cli, folder: Path) -> None:
    in_store(folder, "default_web.v1_20260102T030405Z")
    (Path(os.environ["EBPFAUDIT_HOME"]) / "recordings" / "other").mkdir()
    for name in ("default_web.v1_20260102T030405Z", "default", "latest", "default_web.v1_20260102T030405Z/"):
        assert len(lines(cli("show", name).text, "Session")) == 4
    for name in ("latest/2", "default/b/1", "latest/b.ebpfaudit/1"):
        assert cli("replay", name).text == "first of b\n"
    assert cli("replay", "default/nosuch/1").code == cli("show", "default/nosuch").code == 4


def test_list_shows_a_folder_as_one_line(cli: Cli, folder: Path) -> None:
    path = in_store(folder, "web_20260102T030405Z")
    ran = cli("list")
    assert [" ".join(line.split()) for line in re.sub(r"\S+KiB", "SIZE", ran.text).splitlines()[1:]] == [
        "web_20260102T030405Z default/pod-a/main +1 2026-01-02T03:04:05Z 16s 4 - 4 37B SIZE - complete"
    ]
    assert cli("list", "-o", "name").text == "web_20260102T030405Z\n"
    content = (path / "a.ebpfaudit").read_bytes()
    (path / "a.ebpfaudit").write_bytes(content[:-10])
    (row,) = json.loads(cli("list", "-o", "json").out)
    assert (row["state"], row["sessions"], row["execs"], row["output_bytes"]) == ("cut", 4, 4, None)
    assert [log["log"] for log in row["logs"]] == ["a", "b"]
    (path / "a.ebpfaudit").write_bytes(b"")
    assert "a.ebpfaudit: the file is empty" in cli("list", "-o", "wide").text
    assert json.loads(cli("list", "-o", "json").out)[0]["state"] == "broken"


def test_list_knows_targets_that_came_later(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "home" / "recordings" / "late.ebpfaudit"
    path.parent.mkdir(parents=True)
    LogBuilder(targets=[]).come(SECOND, 1, namespace="prod", pod="web-1").save(path)
    assert "prod/web-1/main" in cli("list").text
    assert cli("list", "-n", "prod", "-o", "name").text == "late\n"
    assert cli("list", "-n", "default", "-o", "name").text == ""


def test_list_counts_no_log_that_is_large(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "home" / "recordings" / "cut.ebpfaudit"
    path.parent.mkdir(parents=True)
    shell_session().save(path, end=None)
    assert json.loads(cli("list", "-o", "json").out)[0]["execs"] == 4
    (path.parent / ".index.json").unlink()
    monkeypatch.setattr("replay.glimpse.MAX_BYTES", path.stat().st_size - 1)
    assert json.loads(cli("list", "-o", "json").out)[0]["execs"] is None


@pytest.mark.parametrize("limit", ["_MAX_EVENTS", "_MAX_EVENT_BYTES"])
def test_list_counts_no_log_that_is_large_when_decompressed(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    path = tmp_path / "home" / "recordings" / "cut.ebpfaudit"
    path.parent.mkdir(parents=True)
    shell_session().save(path, end=None)
    monkeypatch.setattr(f"replay.glimpse.{limit}", 5)
    assert json.loads(cli("list", "-o", "json").out)[0]["execs"] is None


def test_hostile_names_are_escaped_in_every_output(cli: Cli, tmp_path: Path) -> None:
    attack = "\x1b]0;x\x07\u202e"
    path = tmp_path / "home" / "recordings" / f"run{attack}"
    path.mkdir(parents=True)
    for name in ("a", "b"):
        log = start_shell(node(f"{name}{attack}", recording=f"{name}{attack}"))
        run(log, SECOND, 101, attack).add("gap", SECOND + MS, session=0, events=3, reason=6, seq=None)
        log.save(path / f"{name}{attack}.ebpfaudit", end=attack)
    (path / f"c{attack}.ebpfaudit").write_bytes(attack.encode())
    for line in ("list -o wide", "list -o json", "show PATH", "show PATH -o wide", "show PATH -o json",
                 "show PATH/9", "verify PATH", "verify PATH -o yaml", "export PATH --format jsonl",
                 f"show PATH/a{attack}/1", f"show PATH/nosuch{attack}"):  # fmt: skip
        ran = cli(*(word.replace("PATH", str(path)) for word in line.split()))
        assert ran.out or ran.err
        assert all(shown.isprintable() for shown in (ran.text + ran.err).splitlines()), line
