"""The verbs that read recordings, from the command line in to the bytes and exit codes out."""

import errno
import json
import os
import pty
import re
import select
import signal
import subprocess
import termios
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubectl_ebpfaudit import app
from recorder import events
from recorder.log import format
from recorder.log.errors import BadLog
from recorder.log.reader import open_log
from replay import timeline
from replay.timeline import build
from tests.support.cli import Cli, start
from tests.support.logs import MS, SECOND, LogBuilder, argv, run, shell_session, start_shell

OUTPUT = b"root@victim:~# ls -la\r\ntotal 0\r\n\x1b[01;34mbin\x1b[0m  caf\xc3\xa9\r\nexit\r\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return shell_session().save(tmp_path / "s.ebpfaudit")


@pytest.fixture
def lossy(tmp_path: Path) -> Path:
    log = start_shell(LogBuilder())
    log.add("tty_out", SECOND, data=b"before ")
    log.add("gap", 2 * SECOND, tty=1, direction=1, offset=7, bytes=1000, reason=1, seq=None)
    return log.add("tty_out", 3 * SECOND, data=b"after\r\n", offset=1007).save(tmp_path / "lossy.ebpfaudit")


def in_store(cli: Cli, name: str, content: bytes) -> Path:
    path = Path(os.environ["EBPFAUDIT_HOME"]) / "recordings" / f"{name}.ebpfaudit"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_show_lists_every_command(cli: Cli, log: Path) -> None:
    ran = cli("show", log)
    assert ran.code == 0
    assert ran.err == ""
    for command in (
        "bash",
        "  ls -la",
        "  sh -c 'exec sleep 100'",
        "  sleep 100",
        "(/bin/nosuch could not be run)",
    ):
        assert f"{command}\n" in ran.text


def test_show_json_has_the_shape_that_scripts_rely_on(cli: Cli, log: Path) -> None:
    shown = json.loads(cli("show", log, "-o", "json").out)
    assert list(shown) == ["recording", "targets", "sessions"]
    session = {"id", "kind", "started", "ended", "tty", "argv", "exit_code", "output_bytes", "input_bytes"}
    assert shown["sessions"][0].keys() >= session | {"lost_events", "lost_bytes", "execs"}
    ran = {"time", "pid", "ppid", "filename", "argv", "cwd", "uid", "exit_code", "ended"}
    assert all(e.keys() >= ran for e in shown["sessions"][0]["execs"])


def test_show_yaml_says_what_show_json_says(cli: Cli, log: Path) -> None:
    assert yaml.safe_load(cli("show", log, "-o", "yaml").out) == json.loads(cli("show", log, "-o", "json").out)


def test_show_of_one_session_shows_no_other(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(start_shell(LogBuilder()), SECOND, session=2, pid=200, tty=2).save(tmp_path / "two.ebpfaudit")
    assert [s["id"] for s in json.loads(cli("show", f"{log}/2", "-o", "json").out)["sessions"]] == [2]


def test_export_raw_gives_the_bytes_and_nothing_else(cli: Cli, log: Path) -> None:
    assert cli("export", log, "--format", "raw").out == OUTPUT
    ran = cli("export", f"{log}/1", "--format", "raw", "--direction", "in")
    assert (ran.code, ran.out) == (0, b"ls -la\r\x03")
    assert "8 bytes typed with echo off are not kept" in ran.err


def test_export_raw_names_what_is_missing(cli: Cli, lossy: Path) -> None:
    ran = cli("export", lossy, "--format", "raw")
    assert (ran.code, ran.out) == (3, b"before after\r\n")
    assert "1,000 bytes are missing at byte 7 (ring full)" in ran.err


def test_export_jsonl_has_every_event(cli: Cli, log: Path) -> None:
    lines = [json.loads(line) for line in cli("export", log, "--format", "jsonl").out.splitlines()]
    assert len(lines) == 22
    assert [e["argv"] for e in lines if e["type"] == "exec"][1] == ["ls", "-la"]
    assert "".join(e["data"] for e in lines if e["type"] == "tty_out").encode() == OUTPUT


def test_export_to_a_file_is_for_its_owner_alone_and_replaces_nothing(cli: Cli, log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ("export", log, "--format", "raw", "-w", out)
    assert cli(*command).code == 0
    assert (out.read_bytes(), out.stat().st_mode & 0o777) == (OUTPUT, 0o600)
    out.write_bytes(b"precious")
    ran = cli(*command)
    assert (ran.code, out.read_bytes()) == (9, b"precious")
    assert "--force" in ran.err
    assert cli(*command, "--force").code == 0
    assert out.read_bytes() == OUTPUT


def test_export_of_nothing_says_so(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder()).save(tmp_path / "s.ebpfaudit")
    ran = cli("export", log, "--format", "raw", "-w", "-")
    assert (ran.code, ran.out) == (0, b"")
    assert "session 1 has no output" in ran.err


def test_replay_into_a_pipe_is_plain_text(cli: Cli, log: Path) -> None:
    ran = cli("replay", log)
    assert (ran.code, ran.text) == (0, "root@victim:~# ls -la\ntotal 0\nbin  café\nexit\n")
    assert cli("replay", log, "--raw").out == OUTPUT


def test_replay_up_to_a_time_stops_there(cli: Cli, log: Path) -> None:
    for at in ("0.5", "2026-01-02T03:04:05.5Z"):
        assert cli("replay", log, "--at", at).text == "root@victim:~#\n"


def test_replay_names_what_is_missing(cli: Cli, lossy: Path) -> None:
    ran = cli("replay", lossy)
    assert (ran.code, ran.text) == (3, "before after\n")
    assert "1,000 bytes are missing" in ran.err


def test_verify_says_complete_lossy_unfinished_or_damaged(cli: Cli, log: Path, lossy: Path, tmp_path: Path) -> None:
    content = log.read_bytes()
    cut, changed = tmp_path / "cut.ebpfaudit", tmp_path / "changed.ebpfaudit"
    cut.write_bytes(content[:-10])
    changed.write_bytes(content[:-300] + bytes([content[-300] ^ 1]) + content[-299:])
    for path, code, state in (
        (log, 0, "complete"),
        (lossy, 3, "lossy"),
        (cut, 3, "unfinished"),
        (changed, 8, "damaged"),
    ):
        ran = cli("verify", path)
        assert (ran.code, ran.text.split("\n")[0]) == (code, f"{path}: {state}")
        assert json.loads(cli("verify", path, "-o", "json").out)["state"] == state


def test_a_time_without_probes_is_loss_and_says_when_it_was(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    reasons = events.enums()["gap_reason"]
    for at, name, lost in ((SECOND, "GAP_PROBES_OFF", 1), (2 * SECOND, "GAP_PROBES_ON", 0)):
        log.add("gap", at, 0, 0, target=0, seq=None, first_seq=None, reason=reasons[name], events=lost)
    path = log.save(tmp_path / "s.ebpfaudit")
    verified, shown = cli("verify", path), cli("show", path)
    off = "ftrace or kprobes were turned off on the node: what they tell is not recorded from here on"
    assert verified.code == 3
    assert verified.text.startswith(f"{path}: lossy\n  lossy: {off}\n  5 events")
    assert 0 < shown.text.index(off) < shown.text.index("ftrace and kprobes are on again on the node")


def test_a_log_that_holds_more_than_memory_should_is_no_damaged_one(
    cli: Cli, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "_MAX_WEIGHT", 8000)
    verified, shown, found = cli("verify", log), cli("show", log), cli("search", "bash", log)
    assert (verified.code, shown.code, found.code) == (28, 28, 28)
    assert f"{log}: unread\n  unread: it holds more than fits into memory" in verified.text
    assert " bash\n" in shown.text
    assert "what comes before is shown" in shown.err
    assert "bash" in found.text


def test_verify_notices_sessions_that_no_block_speaks_of(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal = format.seal
    with monkeypatch.context() as lying:
        lying.setattr(format, "seal", lambda of: seal({**of, "sessions": []} if "block" in of else of))
        path = shell_session().save(tmp_path / "s.ebpfaudit")
    ran = cli("verify", path)
    assert ran.code == 8
    assert "damaged: " in ran.text
    assert "block 1 holds other events than it says" in ran.text
    assert cli("show", path).code == 8


def test_verify_notices_an_end_record_that_counts_otherwise(cli: Cli, tmp_path: Path) -> None:
    log = shell_session()
    log.totals["lost_bytes"] = 7
    ran = cli("verify", log.save(tmp_path / "s.ebpfaudit"))
    assert ran.code == 3
    assert "the end record speaks of 0 events and 7 bytes lost" in ran.text


def test_list_shows_each_recording_on_a_line(cli: Cli, log: Path) -> None:
    in_store(cli, "one", log.read_bytes())
    in_store(cli, "cut", log.read_bytes()[:-10])
    header, *rows = cli("list").text.splitlines()
    assert header.split() == [
        "NAME",
        "TARGET",
        "STARTED",
        "DURATION",
        "SESSIONS",
        "USER",
        "COMMANDS",
        "OUTPUT",
        "SIZE",
        "LOST",
        "STATE",
    ]
    assert [re.sub(r"\S+KiB", "SIZE", row).split() for row in rows] == [
        [
            *["cut", "default/victim/main", "2026-01-02T03:04:05Z"],
            *["<unknown>", "1", "-", "4", "<unknown>", "SIZE", "<unknown>", "cut"],
        ],
        ["one", "default/victim/main", "2026-01-02T03:04:05Z", "8s", "1", "-", "4", "62B", "SIZE", "-", "complete"],
    ]
    assert cli("list", "-o", "name").text == "cut\none\n"
    assert [e["execs"] for e in json.loads(cli("list", "-o", "json").out)] == [4, 4]


def test_list_of_a_namespace_leaves_out_the_others(cli: Cli, log: Path) -> None:
    in_store(cli, "one", log.read_bytes())
    assert cli("list", "-n", "default", "-o", "name").text == "one\n"
    ran = cli("list", "-n", "other")
    assert (ran.code, ran.text, ran.err) == (0, "", "No recordings found of namespace other.\n")


def test_list_goes_on_after_a_broken_file(cli: Cli, log: Path) -> None:
    in_store(cli, "good", log.read_bytes())
    in_store(cli, "empty", b"")
    in_store(cli, "noise\x1b[2J", b"\xc1\xff noise")
    in_store(cli, "folder", b"").unlink()
    in_store(cli, "fifo", b"").unlink()
    store = Path(os.environ["EBPFAUDIT_HOME"]) / "recordings"
    (store / "folder.ebpfaudit").mkdir()
    os.mkfifo(store / "fifo.ebpfaudit")
    ran = cli("list", "-o", "wide")
    assert ran.code == 0
    assert {row.split()[0]: row.split()[10] for row in ran.text.splitlines()[1:]} == {
        "good": "complete", "empty": "broken", "noise\\x1b[2J": "broken", "folder": "broken", "fifo": "broken"
    }  # fmt: skip
    assert "the file is empty" in ran.text
    assert "not a log of kubectl ebpfaudit" in ran.text


def test_list_of_no_recordings_prints_nothing(cli: Cli) -> None:
    ran = cli("list")
    assert (ran.code, ran.out) == (0, b"")
    assert "No recordings found" in ran.err
    assert cli("list", "-o", "json").text == "[]\n"


def test_version_names_the_log_format(cli: Cli) -> None:
    assert "log format 1.2" in cli("version").text


@pytest.mark.parametrize("verb", ["record", "list", "show", "replay", "export", "verify", "version"])
def test_every_verb_has_help_under_the_name_of_the_plugin(cli: Cli, verb: str) -> None:
    ran = cli(verb, "--help")
    assert ran.code == 0
    assert ran.text.startswith(f"Usage: kubectl ebpfaudit {verb} ")


@pytest.mark.parametrize(
    "arguments",
    [
        "nosuchverb", "show", "show x -o xml", "export LOG", "export LOG --format gif", "show LOG/0",
        "show LOG/x",
        "replay LOG --speed 0", "replay LOG --speed fast", "replay LOG --speed nan", "replay LOG --at noon",
        "replay LOG --idle-limit -1", "replay LOG --idle-limit inf", "replay LOG --idle-limit nan",
        "list extra", "show --nosuch", "replay LOG --at 2020-01-01T00:00:00Z", "verify LOG/1",
        "export LOG --format jsonl --direction in", "export LOG --format raw --force",
    ],
)  # fmt: skip
def test_wrong_usage_ends_with_2(cli: Cli, log: Path, arguments: str) -> None:
    ran = cli(*(argument.replace("LOG", str(log)) for argument in arguments.split()))
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, b"", 1)
    assert ran.err.startswith("error: ")


@pytest.mark.parametrize("verb", [["show"], ["verify"], ["replay"], ["export", "--format", "raw"]])
def test_what_is_not_there_is_said_in_one_line(cli: Cli, log: Path, tmp_path: Path, verb: list[str]) -> None:
    for name in ("nosuch", str(tmp_path / "no.ebpfaudit"), *([f"{log}/7"] if verb != ["verify"] else [])):
        ran = cli(*verb, name)
        assert (ran.code, ran.out, ran.err.count("\n")) == (4, b"", 1)
        assert ran.err.startswith("error: ")


def test_an_unknown_session_names_those_there_are(cli: Cli, log: Path) -> None:
    assert cli("show", f"{log}/7").err == "error: s.ebpfaudit has no session 7; it has: 1\n"
    assert cli("export", f"{log}/7", "--format", "jsonl").err == "error: s.ebpfaudit has no session 7; it has: 1\n"


def test_several_terminals_want_a_choice(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(start_shell(LogBuilder()), SECOND, session=2, pid=200, tty=2).save(tmp_path / "two.ebpfaudit")
    ran = cli("replay", log)
    assert ran.code == 2
    assert "two.ebpfaudit/1 (bash), two.ebpfaudit/2 (bash)" in ran.err
    assert cli("replay", f"{log}/2").code == 0


def test_a_session_without_a_terminal_has_nothing_to_replay(cli: Cli, tmp_path: Path) -> None:
    log = LogBuilder().add("session_start", 0).add("exec", MS, argv=argv("id")).save(tmp_path / "s.ebpfaudit")
    assert cli("replay", log).code == cli("replay", f"{log}/1").code == 18


@pytest.mark.parametrize("verb", [["show"], ["verify"], ["replay"], ["export", "--format", "jsonl"]])
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the file is empty"),
        (b"#!/bin/sh\necho\n", "not a log"),
        (b"\x81\xa6format\xa1x", "not a log"),
        (b"\xc1", "not a log"),
        (bytes(4096), "not a log"),
        (b"\xdf\xff\xff\xff\xff", "not a log"),
    ],
)
def test_a_file_that_is_no_log_is_refused_in_one_line(
    cli: Cli, tmp_path: Path, verb: list[str], content: bytes, why: str
) -> None:
    path = tmp_path / "x\x1b[2J.ebpfaudit"
    path.write_bytes(content)
    ran = cli(*verb, path)
    assert (ran.code, ran.out, ran.err.count("\n")) == (8, b"", 1)
    assert why in ran.err
    assert "\x1b" not in ran.err


def test_a_log_of_a_newer_major_version_is_refused(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("recorder.log.format.VERSION", (2, 0))
        path = shell_session().save(tmp_path / "new.ebpfaudit")
    ran = cli("show", path)
    assert ran.code == 16
    assert "use a newer kubectl ebpfaudit" in ran.err


def test_a_log_cut_at_any_byte_is_read_as_far_as_it_goes(cli: Cli, tmp_path: Path) -> None:
    objects = start_shell(LogBuilder()).add("tty_out", SECOND, data=b"hello").objects(split=2)
    whole = b"".join(objects)
    path = tmp_path / "cut.ebpfaudit"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        if length < len(objects[0]):
            with pytest.raises(BadLog):
                open_log(path)
        else:
            with open_log(path) as log:
                assert build(log).state == "unfinished"
        if length % 50 == 0:
            ran = cli("show", path, "-o", "json")
            assert ran.code == (3 if length >= len(objects[0]) else 8)
            assert bool(ran.out) == (length >= len(objects[0]))


def test_a_log_with_any_bit_flipped_is_found_out(cli: Cli, tmp_path: Path) -> None:
    whole = start_shell(LogBuilder()).add("tty_out", SECOND, data=b"hello").build(split=2)
    path = tmp_path / "flipped.ebpfaudit"
    for at in range(0, len(whole), 7):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        path.write_bytes(flipped)
        for verb in (["verify"], ["show"], ["export", "--format", "jsonl"]):
            ran = cli(*verb, path)
            assert ran.code in (3, 8, 16), (at, verb)
            assert ran.code != 3 or verb != ["verify"] or "unfinished" in ran.text


def test_a_damaged_log_is_shown_up_to_the_damage(cli: Cli, tmp_path: Path) -> None:
    objects = shell_session().objects(split=3)
    broken = bytearray(b"".join(objects))
    broken[len(b"".join(objects[:3])) + 50] ^= 1
    path = tmp_path / "s.ebpfaudit"
    path.write_bytes(broken)
    ran = cli("show", path)
    assert ran.code == 8
    assert "what comes before is shown" in ran.err
    assert "bash" in ran.text


def test_hostile_content_is_escaped_in_every_output(cli: Cli, tmp_path: Path) -> None:
    attack = b"\x1b]52;c;cm0=\x07\x1b[2J\xe2\x80\xae\x9b"
    log = start_shell(LogBuilder())
    run(log, SECOND, 101, attack, attack)
    log.add("tty_out", 2 * SECOND, data=attack + b"text\r\n")
    content = log.build()
    path = in_store(cli, "x\x1b[2J\u202e", content)
    on_path = [
        "show PATH",
        "show PATH -o json",
        "show PATH -o yaml",
        "verify PATH",
        "export PATH --format jsonl",
    ]
    for line in ("list", "list -o wide", "list -o json", "list -o yaml", "list -o name", *on_path):
        arguments = [str(path) if argument == "PATH" else argument for argument in line.split()]
        ran = cli(*arguments)
        assert all(line.isprintable() for line in ran.text.splitlines()), arguments
        assert all(line.isprintable() for line in ran.err.splitlines()), arguments
    assert cli("replay", path).text == "\\u202etext\n"
    assert cli("export", path, "--format", "raw").out == attack + b"text\r\n"


def test_a_closed_pipe_ends_quietly(log: Path) -> None:
    for arguments in (["show", log], ["export", log, "--format", "jsonl"], ["replay", log], ["list"]):
        read, write = os.pipe()
        os.close(read)
        process = start(*arguments, stdout=write, stderr=subprocess.PIPE)
        os.close(write)
        assert process.communicate(timeout=60)[1] == b"" or arguments == ["list"]
        assert process.returncode == 0


VERBS = [["list", "-o", "json"], ["show", "LOG"], ["replay", "LOG"], ["verify", "LOG"], ["version"],
         ["export", "LOG", "--format", "raw"], ["export", "LOG", "--format", "jsonl"]]  # fmt: skip


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_a_closed_stdout_is_one_error(log: Path, verb: list[str]) -> None:
    process = start(
        *(str(log) if word == "LOG" else word for word in verb),
        stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1),
    )  # fmt: skip
    said = process.communicate(timeout=60)[1]
    assert (process.returncode, said) == (9, b"error: cannot write to standard output: Bad file descriptor\n")


def test_a_stderr_that_takes_nothing_changes_no_exit_code(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        for stderr in ({"stderr": full}, {"preexec_fn": lambda: os.close(2)}):
            process = start("show", tmp_path / "none", stdout=subprocess.PIPE, **stderr)
            assert process.communicate(timeout=60)[0] == b""
            assert process.returncode == 4


def test_help_that_nobody_can_read_is_no_traceback() -> None:
    process = start("--help", stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1))
    assert process.communicate(timeout=60)[1] == b"error: Bad file descriptor\n"
    assert process.returncode == 1


def test_what_is_no_regular_file_is_refused_and_not_waited_for(cli: Cli, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for verb in (["show"], ["verify"], ["replay"], ["export", "--format", "raw"]):
        for path in (tmp_path / "fifo", "/dev/zero"):
            ran = cli(*verb, path)
            assert (ran.code, ran.err.count("\n")) == (8, 1)
            assert "is not a regular file" in ran.err


def test_an_export_does_not_replace_its_own_recording(cli: Cli, log: Path) -> None:
    before = log.read_bytes()
    ran = cli("export", log, "--format", "raw", "-w", log, "--force")
    assert ran.code == 2
    assert "is the recording itself" in ran.err
    assert log.read_bytes() == before


def test_ctrl_c_is_no_traceback(cli: Cli, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    for place in ("say", "command_line"):
        with monkeypatch.context() as patch:
            patch.setattr(app, place, interrupted)
            assert cli("show", "nosuch").code == 130


def test_a_full_disk_is_one_error(log: Path) -> None:
    with open("/dev/full", "wb") as full:
        process = start("export", log, "--format", "raw", stdout=full, stderr=subprocess.PIPE)
        assert b"No space left on device" in process.communicate(timeout=60)[1]
    assert process.returncode == 9
    process = start("export", log, "--format", "raw", "-w", "/dev/full", "--force", stderr=subprocess.PIPE)
    assert b"No space left on device" in process.communicate(timeout=60)[1]
    assert process.returncode == 9


def read_all(master: int, until: bytes = b"") -> bytes:
    """What comes out of a pseudo-terminal, up to its end or up to `until`."""
    data = b""
    while not (until and until in data):
        ready, _, _ = select.select([master], [], [], 60)
        assert ready, data
        try:
            piece = os.read(master, 1 << 16)
        except OSError:  # EIO: nobody has it open any more
            break
        if not piece:
            break
        data += piece
    return data


def on_terminal(*arguments: str | Path, **more: str) -> "tuple[subprocess.Popen[bytes], int, int, list[Any]]":
    """(the program, both ends of its terminal, the settings that this had before)."""
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    env = {"TERM": "xterm-256color", "EBPFAUDIT_HOME": "/nonexistent", **more}
    process = start(*arguments, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, start_new_session=True, env=env)
    return process, master, slave, before


def test_replay_on_a_terminal_draws_safely_and_restores_it(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    log.add("tty_out", SECOND, data=b"\x1b]0;evil\x07\x1b[?1049h\x1b[31mred\x1b[6n\n")
    process, master, slave, before = on_terminal("replay", log.save(tmp_path / "s.ebpfaudit"), "--speed", "max")
    data = read_all(master, b"\x1b7\x1b[r\x1b8")
    assert process.wait(60) == 0
    assert termios.tcgetattr(slave) == before
    os.close(slave)
    shown = data[data.index(b"\x1b[?1049h") :]
    assert shown.startswith(b"\x1b[?1049h\x1b[31mred\n\x1b[?1049l\x0f\x1b(B\x1b[0m")
    assert b"evil" not in data
    assert b"\x1b[6n" not in data
    os.close(master)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_replay_that_is_ended_restores_the_terminal(tmp_path: Path, number: int, code: int) -> None:
    log = start_shell(LogBuilder())
    log.add("tty_out", SECOND, data=b"\x1b[?25lfirst")
    log.add("tty_out", 3600 * SECOND, data=b"never")
    process, master, slave, before = on_terminal("replay", log.save(tmp_path / "s.ebpfaudit"), "--speed", "100")
    read_all(master, b"first")
    process.send_signal(number)
    data = read_all(master, b"\x1b[r\x1b8")
    assert process.wait(60) == code
    assert b"?7;25h" in data
    assert termios.tcgetattr(slave) == before
    os.close(slave)
    os.close(master)


def test_the_screen_at_a_time_is_printed_with_its_colours_and_nothing_else(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    log.add("tty_out", SECOND, data=b"\x1b[?1049h\x1b[2;3H\x1b[31mscreen\x1b[0m\x1b]0;evil\x07")
    log.add("tty_out", 2 * SECOND, data=b"later")
    process, master, slave, _ = on_terminal("replay", log.save(tmp_path / "s.ebpfaudit"), "--at", "1.5")
    os.close(slave)
    assert read_all(master) == b"\r\n  \x1b[38;5;1mscreen\x1b[0m\r\n"
    assert process.wait(60) == 0
    os.close(master)


def test_the_screen_at_a_time_has_no_colours_if_none_are_wanted(tmp_path: Path) -> None:
    log = start_shell(LogBuilder()).add("tty_out", SECOND, data=b"\x1b[31mred").save(tmp_path / "s.ebpfaudit")
    process, master, slave, _ = on_terminal("replay", log, "--at", "1.5", NO_COLOR="1")
    os.close(slave)
    assert read_all(master) == b"red\r\n"
    assert process.wait(60) == 0
    os.close(master)


def test_a_disk_that_fails_while_a_log_is_read_is_one_error(
    cli: Cli, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pread", fail)
    ran = cli("show", log)
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "Input/output error" in ran.err


@pytest.mark.parametrize("before", [b"OLD", None])
def test_an_export_of_nothing_is_an_empty_file(cli: Cli, tmp_path: Path, before: bytes | None) -> None:
    log = start_shell(LogBuilder()).save(tmp_path / "s.ebpfaudit")
    path = tmp_path / "out.raw"
    if before is not None:
        path.write_bytes(before)
    ran = cli("export", log, "--format", "raw", "-w", path, "--force")
    assert (ran.code, path.read_bytes()) == (0, b"")
    assert sorted(of.name for of in tmp_path.iterdir()) == ["out.raw", "s.ebpfaudit"]


def test_an_export_that_fails_leaves_what_was_there(
    cli: Cli, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*arguments: object) -> None:
        raise BadLog("no")

    path = tmp_path / "out.raw"
    path.write_bytes(b"OLD")
    monkeypatch.setattr("replay.export.ordered", nothing)
    assert cli("export", log, "--format", "raw", "-w", path, "--force").code == 8
    assert path.read_bytes() == b"OLD"


@pytest.mark.parametrize(
    ("options", "expected"),
    [((), "second\nthird\n"), (("--raw",), "second\r\nthird\r\n"), (("--from", "0"), "first\nsecond\nthird\n")],
)
@pytest.mark.parametrize("pipes", [False, True])
def test_what_is_being_recorded_is_followed_into_a_pipe(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], expected: str, pipes: bool
) -> None:
    log = start_shell(LogBuilder(), tty=0 if pipes else 1)
    for second, word in enumerate((b"first", b"second", b"third"), 1):
        if pipes:
            log.add("stream_data", second * SECOND, stream=1, fd=1, data=word + b"\r\n")
        else:
            log.add("tty_out", second * SECOND, data=word + b"\r\n")
    objects = log.objects(split=1)
    at = next(n for n, data in enumerate(objects) if b"second" in data)
    path = tmp_path / "s.ebpfaudit"
    path.write_bytes(b"".join(objects[:at]) + objects[at][:10])
    rest = [objects[at][10:], *objects[at + 1 :]]

    def more(seconds: float) -> None:
        with path.open("ab") as file:
            file.write(rest.pop(0))

    monkeypatch.setattr("time.sleep", more)
    ran = cli("replay", path, "--follow", *options)
    assert (ran.code, ran.text, ran.err, rest) == (0, expected, "", [])


def test_of_a_recording_that_has_ended_nothing_is_to_follow(cli: Cli, log: Path) -> None:
    ran = cli("replay", log, "--follow")
    assert (ran.code, ran.text) == (0, "")
