"""What `show` and `export` tell of a program beyond its command line; all of it may come from an attacker."""

import json
from pathlib import Path
from typing import Any

from recorder import events
from recorder.log.events import Event as LogEvent
from recorder.log.reader import open_log
from replay import exec_file
from replay.document import document
from replay.export import json_lines
from replay.model import Timeline
from replay.recording import opened
from replay.report import report
from replay.timeline import build
from tests.support.logs import MONOTONIC, MS, SECOND, LogBuilder, argv, run, start_shell

FLAGS = events.enums()["file_flag"]
TAKEN = events.enums()["hash_result"]["HASH_TAKEN"]
GONE = events.enums()["hash_result"]["HASH_GONE"]
DIGEST = bytes(range(32))


def log_of(**changes: Any) -> LogBuilder:
    """A shell that runs /tmp/x from the writable layer."""
    log = start_shell(LogBuilder())
    run(log, SECOND, 101, "x", euid=0, capabilities=1 << 21 | 1, no_new_privs=1)
    own: dict[str, Any] = {
        "path": b"/tmp/x",
        "filesystem": b"overlay",
        "device": 7 << 20 | 5,
        "inode": 9,
        "size": 3,
        "mode": 0o100755,
    }
    own |= {"flags": FLAGS["FILE_UPPER"], "start_time": MONOTONIC + SECOND, **changes}
    return log.add("exec_file", SECOND + 2 * MS, pid=101, **own)


def timeline_of(log: LogBuilder, folder: Path) -> Timeline:
    with open_log(log.save(folder / "x.ebpfaudit")) as opened_log:
        return build(opened_log)


def last_exec(timeline: Timeline) -> dict[str, Any]:
    found: dict[str, Any] = document(timeline)["sessions"][0]["execs"][-1]
    return found


def test_all_that_is_known_of_a_program_is_in_the_document(tmp_path: Path) -> None:
    log = log_of()
    exec_time = MONOTONIC + SECOND + 2 * MS
    log.add("exec_hash", 2 * SECOND, pid=101, seq=None, exec_time=exec_time, size=3, result=TAKEN, sha256=DIGEST)
    found = last_exec(timeline_of(log, tmp_path))
    assert (found["euid"], found["egid"], found["no_new_privs"]) == (0, 0, True)
    assert found["effective_capabilities"] == "0000000000200001"
    assert found["file"] == {
        "path": "/tmp/x", "filesystem": "overlay", "device": "7:5", "inode": 9, "size_bytes": 3, "mode": "0755",
        "flags": ["upper"], "sha256": DIGEST.hex(), "sha256_result": "taken",
    }  # fmt: skip


def test_a_path_of_which_the_beginning_was_cut_is_not_shown_as_one_from_the_root(tmp_path: Path) -> None:
    log = log_of(flags=FLAGS["FILE_PATH_CUT"], path=b"/deep/x")
    cut = events.enums()["exec_flag"]["EXEC_CWD_CUT"]
    log.add("exec", 2 * SECOND, pid=101, argv=argv("y"), start_time=MONOTONIC + SECOND, cwd=b"/deep", flags=cut)
    timeline = timeline_of(log, tmp_path)
    *_, x, y = document(timeline)["sessions"][0]["execs"]
    assert (x["file"]["path"], y["cwd"]) == ("…/deep/x", "…/deep")
    assert "  [in …/deep]" in "".join(report(timeline))


def test_a_program_that_fails_without_a_name_is_told(tmp_path: Path) -> None:
    log = start_shell(LogBuilder()).add("exec_failed", SECOND, error=12)
    assert "ENOMEM   -     (a program without a name could not be run)" in "".join(report(timeline_of(log, tmp_path)))


def test_a_digest_that_was_not_taken_says_why(tmp_path: Path) -> None:
    log = log_of()
    log.add("exec_hash", 2 * SECOND, pid=101, seq=None, exec_time=MONOTONIC + SECOND + 2 * MS, result=GONE)
    found = last_exec(timeline_of(log, tmp_path))["file"]
    assert (found["sha256"], found["sha256_result"]) == (None, "gone")


def test_a_digest_goes_to_the_exec_that_it_is_of_also_when_the_process_runs_something_else(tmp_path: Path) -> None:
    log = log_of()
    log.add("exec", SECOND + 3 * MS, pid=101, argv=argv("other"), start_time=MONOTONIC + SECOND)
    log.add("exec_file", SECOND + 4 * MS, pid=101, path=b"/bin/other", flags=FLAGS["FILE_TMPFS"])
    exec_time = MONOTONIC + SECOND + 2 * MS
    log.add("exec_hash", 2 * SECOND, pid=101, seq=None, exec_time=exec_time, result=TAKEN, sha256=DIGEST)
    _, x, other = document(timeline_of(log, tmp_path))["sessions"][0]["execs"]
    assert x["file"]["sha256"] == DIGEST.hex()
    assert "sha256" not in other["file"]


def test_a_digest_of_nothing_that_is_known_is_passed_over(tmp_path: Path) -> None:
    log = log_of().add("exec_hash", 2 * SECOND, pid=7, seq=None, exec_time=1, result=TAKEN, sha256=DIGEST)
    assert "sha256" not in last_exec(timeline_of(log, tmp_path))["file"]


def test_what_is_odd_about_a_program_stands_after_its_command(tmp_path: Path) -> None:
    log = log_of(flags=FLAGS["FILE_TMPFS"] | FLAGS["FILE_OTHER_MOUNT"])
    log.add("exec", 3 * SECOND, pid=100, argv=argv("su", "[memfd]"), uid=1000, gid=1000, euid=0, egid=1000)
    lines = report(timeline_of(log, tmp_path)).splitlines()
    assert lines[-2].endswith("  x  [tmpfs, other mount]")
    assert lines[-1].endswith("su '[memfd]'  [as 0:1000]")


def test_a_name_of_a_flag_that_an_attacker_chose_draws_and_no_more(tmp_path: Path) -> None:
    log = log_of(path=b"/tmp/\x1b[2J\xff")
    log.header["enums"] = {"file_flag": {"FILE_\x1b[31m": FLAGS["FILE_UPPER"]}}
    timeline = timeline_of(log, tmp_path)
    assert "\x1b" not in report(timeline)
    found = last_exec(timeline)["file"]
    assert (found["path"], found["path_base64"]) == ("/tmp/\x1b[2J\\xff", "L3RtcC8bWzJK/w==")


def test_every_event_is_exported_with_flags_by_name_and_the_digest_in_hex(tmp_path: Path) -> None:
    log = log_of().add("exec_hash", 2 * SECOND, pid=101, seq=None, result=TAKEN, sha256=DIGEST)
    with opened(log.save(tmp_path / "x.ebpfaudit")) as recording:
        *_, of_file, of_hash = map(json.loads, json_lines(recording))
    assert (of_file["type"], of_file["flags"]) == ("exec_file", ["upper"])
    assert (of_hash["result"], of_hash["sha256"]) == ("taken", DIGEST.hex())


def test_an_exec_of_an_older_log_has_no_rights() -> None:
    assert exec_file.rights(LogEvent(1, "exec", 0, 1, 1, 1, {"uid": 5}, "process")) is None
