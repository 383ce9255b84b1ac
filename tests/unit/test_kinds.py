"""What a session was: a copy, a probe, the shell of kubectl debug, or what entered from the node."""

import json
from pathlib import Path
from typing import Any

import pytest

from kubectl_ebpfaudit.cluster.targets import State, started
from recorder import events
from recorder.log.format import Target
from replay.kinds import is_copy, probes
from tests.support.cli import Cli
from tests.support.logs import MONOTONIC, MS, SECOND, TARGET, LogBuilder, argv, start_shell

LIVENESS = ["cat", "/tmp/healthy"]
PROBES = [{"kind": "liveness probe", "argv": LIVENESS}, {"kind": "preStop hook", "argv": ["sh", "-c", "drain"]}]


def entry(log: LogBuilder, session: int, at: int, *words: str, flags: int = 0, code: int = 0, fds: str = "12") -> None:
    """A session without a terminal that runs one command."""
    pid, start = 100 + session, MONOTONIC + at
    log.add("session_start", at, session, pid, start_time=start, ns_pid=pid, flags=flags)
    log.add("exec", at + MS, session, pid, start_time=start, ns_pid=pid, filename=b"/bin/x", argv=argv(*words))
    for fd in map(int, fds):
        log.add("stream_open", at + MS, session, pid, stream=10 * session + fd, fd=fd)
    log.add("exit", at + 2 * MS, session, pid, start_time=start, exit_code=code)
    log.add("session_end", at + 2 * MS, session, pid, exit_code=code)


def kinds(cli: Cli, log: LogBuilder, folder: Path) -> list[str]:
    shown = json.loads(cli("show", log.save(folder / "s.ebpfaudit"), "-o", "json").text)
    return [session["kind"] for session in shown["sessions"]]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("tar", "cf", "-", "/etc/hosts"), True),
        (("tar", "-xmf", "-", "-C", "/tmp"), True),
        (("tar", "--no-same-permissions", "--no-same-owner", "-xmf", "-", "-C", "/tmp"), True),
        (("/bin/tar", "cf", "-", "x"), True),
        (("tar", "czf", "/tmp/x", "/etc"), False),
        (("tar",), False),
        ((), False),
    ],
)
def test_a_copy_is_known_by_its_command(words: tuple[str, ...], expected: bool) -> None:
    assert is_copy(tuple(word.encode() for word in words)) is expected


def test_each_session_is_called_what_it_was(cli: Cli, tmp_path: Path) -> None:
    log = LogBuilder(targets=[{**TARGET, "probes": PROBES}])
    start_shell(log)
    entry(log, 2, SECOND, *LIVENESS)
    entry(log, 3, 2 * SECOND, "sh", "-c", "drain")
    entry(log, 4, 3 * SECOND, "tar", "cf", "-", "/etc")
    entry(log, 5, 4 * SECOND, "sh", flags=2)
    entry(log, 6, 5 * SECOND, "sh", fds="012")
    entry(log, 7, 6 * SECOND, *LIVENESS, fds="012")
    entry(log, 8, 7 * SECOND, "ls")
    entry(log, 9, 8 * SECOND, *LIVENESS, flags=4)
    expected = [
        "exec -it",
        "liveness probe",
        "preStop hook",
        "cp",
        "from the node",
        "exec -i",
        "exec -i",
        "exec",
        "attach",
    ]
    assert kinds(cli, log, tmp_path) == expected


def test_the_first_session_of_an_ephemeral_container_is_that_of_kubectl_debug(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder(targets=[{**TARGET, "kind": "ephemeral"}]))
    entry(log, 2, SECOND, "ls")
    assert kinds(cli, log, tmp_path) == ["debug", "exec"]


def test_in_logs_of_before_it_was_whoever_entered_there(cli: Cli, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recorder.log.format.VERSION", (1, 1))
        assert kinds(cli, start_shell(LogBuilder(targets=[{**TARGET, "kind": "ephemeral"}])), tmp_path) == ["exec -it"]


def test_runs_of_a_probe_take_one_line_unless_all_are_asked_for(cli: Cli, tmp_path: Path) -> None:
    log = LogBuilder(targets=[{**TARGET, "probes": PROBES}])
    for i in range(1, 6):
        entry(log, i, i * SECOND, *LIVENESS, code=int(i == 3))
    entry(log, 6, 7 * SECOND, "ls")
    path = log.save(tmp_path / "s.ebpfaudit")
    shown = cli("show", path).text
    assert "5 runs of liveness probe `cat /tmp/healthy` in default/victim, 2026-01-02T03:04:06Z to" in shown
    assert ": 4 with exit code 0, 1 with exit code 1 (session 1 to 5; --all shows each)\n" in shown
    assert shown.count("Session:") == 1
    assert cli("show", path, "--all").text.count("Session:") == 6
    assert "3, liveness probe in" in cli("show", f"{path}/3").text


def test_runs_of_a_probe_that_ran_what_is_not_of_the_image_have_a_line_of_their_own(cli: Cli, tmp_path: Path) -> None:
    log = LogBuilder(targets=[{**TARGET, "probes": PROBES}])
    entry(log, 1, SECOND, *LIVENESS)
    entry(log, 2, 2 * SECOND, *LIVENESS)
    upper = events.enums()["file_flag"]["FILE_UPPER"]
    log.add("exec_file", 2 * SECOND + MS, 2, pid=102, path=b"/bin/cat", flags=upper)
    shown = cli("show", log.save(tmp_path / "s.ebpfaudit")).text
    assert "1 run of liveness probe `cat /tmp/healthy` in default/victim" in shown
    assert "1 run of liveness probe `cat /tmp/healthy`  [upper] in default/victim" in shown


def test_runs_of_a_probe_that_ran_something_else_have_a_line_of_their_own(cli: Cli, tmp_path: Path) -> None:
    log = LogBuilder(targets=[{**TARGET, "probes": PROBES}])
    for number in (1, 2, 3):
        entry(log, number, number * SECOND, *LIVENESS)
    log.add("exec", 2 * SECOND + MS, 2, pid=102, filename=b"/usr/bin/nc", argv=argv("nc", "attacker"))
    for i in range(8):
        log.add("exec_failed", 3 * SECOND + MS, 3, pid=103, filename=b"/bin/%d" % i, error=2)
    shown = cli("show", log.save(tmp_path / "s.ebpfaudit")).text
    assert "1 run of liveness probe `cat /tmp/healthy` in default/victim" in shown
    assert "1 run of liveness probe `cat /tmp/healthy` (runs /usr/bin/nc) in default/victim" in shown
    assert "(runs /bin/0, /bin/1, /bin/2, /bin/3, /bin/4, 3 more)" in shown


def test_a_run_of_a_probe_that_leaves_something_behind_is_shown(cli: Cli, tmp_path: Path) -> None:
    log = LogBuilder(targets=[{**TARGET, "probes": PROBES}])
    start = MONOTONIC + SECOND
    log.add("session_start", SECOND, 1, 101, start_time=start, ns_pid=11)
    log.add("exec", SECOND, 1, 101, start_time=start, ns_pid=11, filename=b"/bin/x", argv=argv(*LIVENESS))
    log.add("fork", SECOND + MS, 1, 101, child=102, child_ns_pid=12, child_start_time=start + MS)
    log.add("exit", SECOND + 2 * MS, 1, 101, start_time=start)
    log.add("session_end", SECOND + 2 * MS, 1, 101)
    assert "1, liveness probe in" in cli("show", log.save(tmp_path / "s.ebpfaudit")).text


def test_a_run_of_a_probe_with_a_hole_is_shown(cli: Cli, tmp_path: Path) -> None:
    log = LogBuilder(targets=[{**TARGET, "probes": PROBES}])
    entry(log, 1, SECOND, *LIVENESS)
    log.add("gap", 2 * SECOND, 1, tty=11, direction=1, bytes=7, reason=1, seq=None)
    assert "1, liveness probe in" in cli("show", log.save(tmp_path / "s.ebpfaudit")).text


@pytest.mark.parametrize(
    "told", [None, 7, "x", [7], [{}], [{"kind": 1, "argv": []}], [{"kind": "x", "argv": [1]}], {"kind": "x"}]
)
def test_what_a_hostile_log_tells_of_probes_is_ignored(told: Any) -> None:
    assert probes(Target(1, "", "", "", "", "", 0, {"probes": told})) == {}


def test_the_recorder_is_told_of_probes_and_hooks_that_run_a_command() -> None:
    spec = {
        "name": "main",
        "livenessProbe": {"exec": {"command": LIVENESS}},
        "readinessProbe": {"httpGet": {"path": "/"}},
        "startupProbe": {"exec": {"command": ["x" * 20_000]}},
        "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "drain"]}}, "postStart": {"sleep": {"seconds": 1}}},
    }
    assert started({}, State(spec, "app", {}), "c0", {}, "").target["probes"] == PROBES
    assert "probes" not in started({}, State({"name": "main"}, "app", {}), "c0", {}, "").target


def look(log: LogBuilder, session: int, at: int, *words: str, code: int) -> None:
    entry(log, session, at, *(words or ("test", "-d", "/tmp/to")), code=code)


COPY = ("tar", "-xmf", "-", "-C")


@pytest.mark.parametrize(
    ("asked", "code", "copy", "later", "expected"),
    [
        (("/tmp/to",), 1, (*COPY, "/tmp"), SECOND, True),
        (("/tmp/to",), 0, (*COPY, "/tmp/to"), SECOND, True),
        (("to",), 1, (*COPY, "."), SECOND, True),
        (("/tmp/to",), 1, (*COPY, "/tmp/to"), SECOND, False),
        (("/tmp/to",), 0, (*COPY, "/tmp"), SECOND, False),
        (("/tmp/to",), 2, (*COPY, "/tmp"), SECOND, False),
        (("/tmp/to", "-a", "-d", "/"), 1, (*COPY, "/tmp"), SECOND, False),
        (("/tmp/to",), 1, (*COPY, "/tmp"), 11 * SECOND, False),
        (("/tmp/to",), 1, ("tar", "cf", "-", "/tmp/to"), SECOND, False),
        (("/tmp/to",), 1, ("sh", "-c", "tar"), SECOND, False),
    ],
)
def test_the_look_of_a_copy_belongs_to_it_and_no_other_does(
    cli: Cli, tmp_path: Path, asked: tuple[str, ...], code: int, copy: tuple[str, ...], later: int, expected: bool
) -> None:
    log = LogBuilder()
    look(log, 1, 0, "test", "-d", *asked, code=code)
    entry(log, 2, later, *copy, fds="012")
    shown = json.loads(cli("show", log.save(tmp_path / "s.ebpfaudit"), "-o", "json").text)["sessions"]
    assert (shown[0]["kind"], shown[0].get("part_of")) == (("cp", 2) if expected else ("exec", None))
    assert "part_of" not in shown[1]


def test_a_look_that_did_more_is_a_session_of_its_own(cli: Cli, tmp_path: Path) -> None:
    log = LogBuilder()
    log.add("session_start", 0, 1, 100, ns_pid=10).add("exec", MS, 1, 100, argv=argv("test", "-d", "/tmp/to"))
    log.add("exec", 2 * MS, 1, 101, ppid=100, argv=argv("id"))
    log.add("exit", 3 * MS, 1, 100, exit_code=1).add("session_end", 3 * MS, 1, 100, exit_code=1)
    entry(log, 2, SECOND, *COPY, "/tmp", fds="012")
    assert kinds(cli, log, tmp_path) == ["exec", "cp"]


def test_of_two_looks_the_later_one_is_the_copy_s(cli: Cli, tmp_path: Path) -> None:
    log = LogBuilder()
    look(log, 1, 0, code=1)
    look(log, 2, SECOND, code=1)
    entry(log, 3, 2 * SECOND, *COPY, "/tmp", fds="012")
    assert kinds(cli, log, tmp_path) == ["exec", "cp", "cp"]


def test_show_folds_the_look_into_the_copy(cli: Cli, tmp_path: Path) -> None:
    log = LogBuilder()
    look(log, 1, 0, code=1)
    entry(log, 2, SECOND, *COPY, "/tmp", fds="012")
    path = log.save(tmp_path / "s.ebpfaudit")
    shown = cli("show", path).text
    assert "Looked by:   test -d /tmp/to, exit code 1 (session 1; --all shows it)\n" in shown
    assert shown.count("Session:") == 1
    for given in (["--all"], ["--flat"]):
        assert cli("show", path, *given).text.count("Session:") == 2
    assert "1, cp in" in cli("show", f"{path}/1").text


def test_a_session_that_has_attached_begins_with_what_it_found_there(cli: Cli, tmp_path: Path) -> None:
    log = LogBuilder().add("session_start", 0, 1, 100, ns_pid=1, flags=4)
    log.add("exec", MS, 1, 101, ppid=100, argv=argv("id"))
    log.add("exec", 2 * MS, 1, 100, argv=argv("server"), flags=8)
    (session,) = json.loads(cli("show", log.save(tmp_path / "s.ebpfaudit"), "-o", "json").text)["sessions"]
    assert (session["kind"], session["argv"]) == ("attach", ["server"])
    assert [ran["argv"] for ran in session["execs"]] == [["server"], ["id"]]
