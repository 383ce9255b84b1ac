"""What ran, for other programs: `export --format ecs`, `ocsf` and `parquet`."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from recorder import events
from replay.exports.parquet import COLUMNS
from tests.golden import make
from tests.support.cli import Cli
from tests.support.logs import MONOTONIC, MS, SECOND, LogBuilder, run, shell_session, start_shell


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return shell_session().save(tmp_path / "s.ebpfaudit")


def lines(cli: Cli, log: Path | str, form: str) -> list[dict[str, Any]]:
    ran = cli("export", log, "--format", form)
    assert ran.code == 0
    return [json.loads(line) for line in ran.text.splitlines()]


def table(cli: Cli, log: Path, name: str, code: int = 0) -> list[dict[str, Any]]:
    ran = cli("export", log, "--format", "parquet", "--table", name)
    assert ran.code == code
    read: list[dict[str, Any]] = parquet.read_table(io.BytesIO(ran.out)).to_pylist()
    return read


def test_ecs_has_a_document_for_the_session_each_program_and_each_failure(cli: Cli, log: Path) -> None:
    session, bash, ls, sh, sleep, failed = lines(cli, log, "ecs")
    assert {d["ecs"]["version"] for d in (session, ls, failed)} == {"8.17.0"}
    assert (session["event"]["category"], session["event"]["type"]) == (["session"], ["start", "end"])
    assert session["event"]["outcome"] == "failure"
    assert session["process"] == {
        "entity_id": bash["process"]["entity_id"], "pid": 100, "command_line": "bash", "exit_code": 1,
        "interactive": True,
    }  # fmt: skip
    assert ls["@timestamp"] == "2026-01-02T03:04:06.006000000Z"
    assert ls["event"] | {"id": ""} == {
        "kind": "event", "module": "ebpfaudit", "dataset": "ebpfaudit.process", "category": ["process"], "id": "",
        "type": ["start", "end"], "outcome": "success", "start": "2026-01-02T03:04:06.006000000Z",
        "end": "2026-01-02T03:04:06.010000000Z", "duration": 4_000_000, "action": "exec",
    }  # fmt: skip
    assert ls["process"]["args"] == ["ls", "-la"]
    assert ls["process"]["parent"]["entity_id"] == bash["process"]["entity_id"]
    assert ls["process"]["entry_leader"] == {"entity_id": bash["process"]["entity_id"], "pid": 100}
    assert ls["container"] == {"id": "c0" * 32, "name": "main"}
    assert ls["orchestrator"]["resource"] == {"type": "pod", "name": "victim"}
    assert (sh["event"]["outcome"], sleep["event"]["outcome"]) == ("unknown", "failure")
    assert (failed["event"]["outcome"], failed["error"]["code"]) == ("failure", "2")
    assert "end" not in failed["event"]


def test_ocsf_has_a_launch_and_a_terminate(cli: Cli, log: Path) -> None:
    events = lines(cli, log, "ocsf")
    assert {(e["class_uid"], e["category_uid"], e["metadata"]["version"]) for e in events} == {(1007, 1, "1.3.0")}
    of_ls = [e for e in events if e["process"].get("cmd_line") == "ls -la"]
    assert [(e["type_uid"], e.get("exit_code"), e["time"]) for e in of_ls] == [
        (100701, None, 1767323046006), (100702, 0, 1767323046010)
    ]  # fmt: skip
    [failed] = [e for e in events if e["status_id"] == 2]
    assert (failed["status_code"], failed["process"]["file"]["path"]) == ("2", "/bin/nosuch")
    assert [e["time"] for e in events] == sorted(e["time"] for e in events)
    required = {"activity_id", "category_uid", "class_uid", "severity_id", "time", "type_uid", "metadata", "device",
                "process", "actor"}  # fmt: skip
    assert all(e.keys() >= required for e in events)


def test_parquet_has_a_table_of_commands_and_one_of_sessions(cli: Cli, log: Path) -> None:
    rows = table(cli, log, "commands")
    assert [row["command"] for row in rows] == ["bash", "ls -la", "sh -c 'exec sleep 100'", "sleep 100", None]
    assert list(rows[0]) == list(COLUMNS["commands"])
    ls = rows[1]
    assert (ls["argv"], ls["pid"], ls["exit_code"], ls["pod"]) == (["ls", "-la"], 11, 0, "victim")
    assert ls["time"].isoformat() == "2026-01-02T03:04:06.006000+00:00"
    assert (rows[4]["error"], rows[4]["filename"]) == (2, "/bin/nosuch")
    [session] = table(cli, log, "sessions")
    assert (session["commands"], session["output_bytes"], session["hidden_input_bytes"]) == (4, 62, 8)


@pytest.mark.parametrize("form", ["ecs", "ocsf", "parquet", "html"])
def test_a_run_over_several_nodes_is_one_export(cli: Cli, tmp_path: Path, form: str) -> None:
    make.node_a().save(tmp_path / "node-a.ebpfaudit")
    shell_session(node={"name": "node-b"}).save(tmp_path / "node-b.ebpfaudit")
    ran = cli("export", tmp_path, "--format", form)
    assert ran.code == 0
    assert b"node-a" in ran.out
    assert b"node-b" in ran.out
    assert b"node-b" not in cli("export", f"{tmp_path}/3", "--format", form).out.replace(b"NODE", b"")


@pytest.mark.parametrize("form", ["ecs", "ocsf", "html"])
def test_nothing_hostile_passes_unescaped(cli: Cli, tmp_path: Path, form: str) -> None:
    ran = cli("export", make.hostile().save(tmp_path / "h.ebpfaudit"), "--format", form)
    assert ran.code == 0
    ours = ran.text.partition("<script>var Asciinema")[0].partition("<script>/* @license")[0]
    assert not any(bad in ours for bad in ("\x1b", "\u202e", "\x07", "\x9b"))


def test_parquet_keeps_bytes_that_are_no_text(cli: Cli, tmp_path: Path) -> None:
    log = run(start_shell(LogBuilder()), SECOND, 101, "cat", b"caf\xe9").save(tmp_path / "s.ebpfaudit")
    row = table(cli, log, "commands")[1]
    assert (row["argv"], row["argv_bytes"]) == (["cat", "caf\\xe9"], b"cat\0caf\xe9\0")


def test_numbers_that_no_column_can_hold_are_null(cli: Cli, tmp_path: Path) -> None:
    huge = (1 << 64) - 1
    log = start_shell(LogBuilder())
    log.add("exec", SECOND, pid=100, start_time=MONOTONIC, ns_pid=huge, uid=huge, argv=b"x\0")
    log.add("tty_in", SECOND, hidden=huge).save(tmp_path / "s.ebpfaudit")
    assert table(cli, tmp_path / "s.ebpfaudit", "commands")[1]["uid"] is None
    assert table(cli, tmp_path / "s.ebpfaudit", "sessions")[0]["hidden_input_bytes"] is None


@pytest.mark.parametrize("form", ["ecs", "ocsf", "parquet", "html"])
def test_what_a_damaged_log_still_holds_is_exported_with_its_exit_code(cli: Cli, log: Path, form: str) -> None:
    log.write_bytes(log.read_bytes()[:-10])
    ran = cli("export", log, "--format", form)
    assert (ran.code, bool(ran.out)) == (3, True)


def test_without_pyarrow_it_says_what_to_install(log: Path) -> None:
    script = "import sys; sys.modules['pyarrow'] = None; from kubectl_ebpfaudit.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "export", log, "--format", "parquet"], capture_output=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: the format parquet needs pyarrow")
    assert b"pip install 'kubectl-ebpfaudit[parquet]'" in done.stderr


def test_a_table_goes_with_parquet_alone(cli: Cli, log: Path) -> None:
    assert cli("export", log, "--format", "ecs", "--table", "sessions").code == 2


def test_the_file_that_ran_is_told_with_its_hash(cli: Cli, tmp_path: Path) -> None:
    flags, results = events.enums()["file_flag"], events.enums()["hash_result"]
    log = run(start_shell(LogBuilder()), SECOND, 101, "evil", tty=1)
    when: dict[str, Any] = {"exec_time": MONOTONIC + SECOND + 2 * MS, "seq": None}
    log.add("exec_file", SECOND + 2 * MS, pid=101, path=b"/tmp/evil", flags=flags["FILE_UPPER"])
    log.add("exec_hash", 2 * SECOND, pid=101, **when, result=results["HASH_TAKEN"], sha256=b"\xab" * 32)
    log.save(tmp_path / "s.ebpfaudit")
    ecs, ocsf = (lines(cli, tmp_path / "s.ebpfaudit", form)[-1] for form in ("ecs", "ocsf"))
    assert ecs["process"]["hash"] == {"sha256": "ab" * 32}
    assert (ecs["ebpfaudit"]["file"], ecs["ebpfaudit"]["file_flags"]) == ("/tmp/evil", ["upper"])
    assert ocsf["process"]["file"]["hashes"] == [{"algorithm": "SHA-256", "algorithm_id": 3, "value": "ab" * 32}]
    row = table(cli, tmp_path / "s.ebpfaudit", "commands")[-1]
    assert (row["sha256"], row["file_flags"]) == ("ab" * 32, ["upper"])


def test_bytes_of_pipes_that_no_column_can_hold_are_null(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder(), tty=0)
    for fd in (0, 1):
        log.add("stream_open", 2 * MS, stream=1 + fd, fd=fd)
        log.add("stream_data", 3 * MS, stream=1 + fd, fd=fd, left_out=(1 << 63) + 5, seq=None)
    log.totals.update(output_bytes=0, input_bytes=0)
    (row,) = table(cli, log.save(tmp_path / "s.ebpfaudit"), "sessions")
    assert (row["output_bytes"], row["input_bytes"]) == (None, None)
