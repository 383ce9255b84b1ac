"""`identify`, and what list, show and replay know from it."""

import json
import os
from pathlib import Path

import pytest

from tests.support.audit import event, lines, other
from tests.support.cli import Cli
from tests.support.logs import MS, SECOND, LogBuilder, shell_session, start_shell

SURROUNDINGS = (other(-9 * SECOND), other(99 * SECOND))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return shell_session().save(tmp_path / "s.ebpfaudit")


def audit(folder: Path, *events: dict[str, object]) -> Path:
    path = folder / "audit.log"
    path.write_bytes(lines(SURROUNDINGS[0], *events, SURROUNDINGS[1]))
    return path


def alice(at: int = -50 * MS, **more: object) -> list[dict[str, object]]:
    return [event("alice", at, after=20 * MS, **more), event("alice", at, "ResponseComplete", after=7 * SECOND, **more)]  # type: ignore[arg-type]


def kept(log: Path) -> Path:
    return log.with_name(f"{log.name}.who.json")


def test_identify_says_who_and_why_and_keeps_it_beside_the_log(cli: Cli, log: Path, tmp_path: Path) -> None:
    content = log.read_bytes()
    ran = cli("identify", log, "--audit-log", audit(tmp_path, *alice()))
    assert ran.code == 0
    assert ran.text == (
        "SESSION   TARGET                STARTED                USER    CONFIDENCE   FROM          REASON\n"
        "1         default/victim/main   2026-01-02T03:04:05Z   alice   certain      203.0.113.9   "
        "same pod, container, command; it began 50ms after the request, and both ended together; no other fits\n"
    )
    assert ran.err == f"Kept in {kept(log)}\n"
    assert log.read_bytes() == content
    assert kept(log).stat().st_mode & 0o777 == 0o600


def test_all_verbs_know_who_it_was(cli: Cli, log: Path, tmp_path: Path) -> None:
    before = cli("show", log)
    assert "User:" not in before.text
    assert json.loads(cli("show", log, "-o", "json").out)["sessions"][0]["user"] is None
    cli("identify", log, "--audit-log", audit(tmp_path, *alice()))
    assert "\nUser:        alice from 203.0.113.9, certain\n" in cli("show", log).text
    user = json.loads(cli("show", log, "-o", "json").out)["sessions"][0]["user"]
    assert (user["user"], user["confidence"], user["impersonator"]) == ("alice", "certain", None)
    assert user["requests"][0]["groups"] == ["admins", "system:authenticated"]
    assert user["requests"][0]["auditID"] == "alice--50000000"


def test_several_who_may_have_been_it_are_all_named(cli: Cli, log: Path, tmp_path: Path) -> None:
    both = [*alice(), event("bob", 300 * MS)]
    cli("identify", log, "--audit-log", audit(tmp_path, *both))
    assert "\nUser:        alice or bob? from 203.0.113.9, possible\n" in cli("show", log).text
    user = json.loads(cli("show", log, "-o", "json").out)["sessions"][0]["user"]
    assert (user["user"], [one["user"] for one in user["requests"]]) == (None, ["alice", "bob"])


def test_requests_without_a_session_are_told(cli: Cli, log: Path, tmp_path: Path) -> None:
    events = [
        *alice(),
        event("eve", SECOND, "ResponseComplete", code=403, command=("sh", "-c", "\x1b]0;x\x07")),
        event("carol", 2 * SECOND, subresource="attach"),
        event("dave", 3 * SECOND, command=("id",)),
        event("dave", 3000 * SECOND, command=("id",)),
        event("dave", 3 * SECOND, pod="another"),
    ]
    text = cli("identify", log, "--audit-log", audit(tmp_path, *events)).text.partition("no session comes from:\n")[2]
    found = [(line.split()[1], line.split()[3], line.partition("203.0.113.9   ")[2]) for line in text.splitlines()[1:]]
    assert found == [
        ("exec", "eve", "sh -c $'\\e]0;x\\a'   refused (403)"),
        (
            "attach",
            "carol",
            "bash                it attached to the container's own program, and no session began with that",
        ),
        ("exec", "dave", "id                  no session of the recording fits"),
    ]


def test_a_log_that_ends_too_early_says_so_instead_of_nobody(cli: Cli, log: Path, tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(lines(other(-9 * SECOND), other(-8 * SECOND)))
    ran = cli("identify", log, "--audit-log", path)
    assert "does not cover its time: it goes from 2026-01-02T03:03:56Z to 2026-01-02T03:03:57Z" in ran.text
    assert "does its audit policy record pods/exec?" in ran.err
    assert "somebody on the node" in cli("identify", log, "--audit-log", audit(tmp_path)).text


def test_what_is_kept_of_another_log_counts_for_nothing(cli: Cli, log: Path, tmp_path: Path) -> None:
    cli("identify", log, "--audit-log", audit(tmp_path, *alice()))
    another = shell_session(recording="22222222-2222-4333-8444-555555555555").save(tmp_path / "t.ebpfaudit")
    kept(log).rename(kept(another))
    assert "User:" not in cli("show", another).text
    kept(another).rename(kept(log))
    assert "User:" in cli("show", log).text
    log.write_bytes(log.read_bytes()[:-10])  # its end is gone
    assert "User:" not in cli("show", log).text


@pytest.mark.parametrize("content", [b"", b"[]", b"{" * 100_000, b"\xff", b'{"format": "ebpfaudit-who", "version": 1}'])
def test_a_broken_file_beside_a_log_is_passed_over(cli: Cli, log: Path, content: bytes) -> None:
    kept(log).write_bytes(content)
    assert (cli("show", log).code, cli("list").code) == (0, 0)


def test_what_is_no_file_beside_a_log_is_not_waited_for(cli: Cli, log: Path) -> None:
    os.mkfifo(kept(log))
    assert (cli("show", log).code, cli("list").code) == (0, 0)


def test_what_somebody_wrote_into_it_cannot_harm_a_terminal(cli: Cli, log: Path, tmp_path: Path) -> None:
    cli("identify", log, "--audit-log", audit(tmp_path, *alice()))
    found = json.loads(kept(log).read_text())
    attack = "\x1b]0;x\x07\u202e\n"
    found["sessions"]["1"] |= {"reason": attack}
    found["sessions"]["1"]["requests"][0] |= {"user": attack, "source_ips": [attack, 7], "received": attack}
    found["sessions"]["x"] = 7
    kept(log).write_text(json.dumps(found))
    for options in ([], ["-o", "json"], ["-o", "yaml"]):
        ran = cli("show", log, *options)
        assert ran.code == 0
        assert not set("\x1b\x07\u202e") & set(ran.text)


def test_a_folder_of_logs_is_identified_as_one(cli: Cli, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for node, at in (("node1", 0), ("node2", 20 * SECOND)):
        target = {"namespace": "default", "pod": node, "container": "main", "cgroup": "/x", "cgroup_id": 1}
        log = start_shell(LogBuilder(targets=[target], node={"name": node}), at)
        log.add("session_end", at + SECOND).save(run / f"{node}.ebpfaudit")
    events = [event("alice", 0, pod="node1"), event("bob", 20 * SECOND, pod="node2")]
    ran = cli("identify", run, "--audit-log", audit(tmp_path, *events), "-o", "json")
    found = json.loads(ran.out)
    assert [(of["id"], of["user"], of["confidence"]) for of in found["sessions"]] == [
        (1, "alice", "certain"),
        (2, "bob", "certain"),
    ]
    assert sorted(path.name for path in run.iterdir()) == [
        "node1.ebpfaudit", "node1.ebpfaudit.who.json", "node2.ebpfaudit", "node2.ebpfaudit.who.json"
    ]  # fmt: skip
    assert cli("show", run).text.count("certain\n") == 2
    assert "bob from" in cli("show", f"{run}/node2/1").text


def test_two_audit_logs_of_two_servers_are_one(cli: Cli, log: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "1.log", tmp_path / "2.log"
    first.write_bytes(lines(*SURROUNDINGS))
    second.write_bytes(lines(SURROUNDINGS[0], *alice(), SURROUNDINGS[1]))
    ran = cli("identify", log, "--audit-log", first, "--audit-log", second, "-o", "json")
    found = json.loads(ran.out)
    assert found["sessions"][0]["user"] == "alice"
    assert [one["file"] for one in found["audit_logs"]] == [str(first), str(second)]
    assert all(len(one["sha256"]) == 64 for one in found["audit_logs"])


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--audit-log", "nosuch.log"], 1, "cannot read the audit log nosuch.log: No such file or directory"),
        (["--audit-log", "/dev/null"], 27, "no audit event of a Kubernetes API server in it"),
        (["--audit-log", "-", "--audit-log", "-"], 2, "there is one standard input"),
        (["--audit-log", "x", "--clock-skew", "1h"], 2, "--clock-skew 1h: clocks that differ by more than 10m"),
        ([], 2, "--audit-log"),
    ],
)
def test_wrong_calls_are_one_line(cli: Cli, log: Path, arguments: list[str], code: int, says: str) -> None:
    ran = cli("identify", log, *arguments)
    assert (ran.code, ran.text) == (code, "")
    assert says in ran.err
    assert ran.err.count("\n") == 1


def test_a_recording_without_a_pod_can_be_nobodys(cli: Cli, tmp_path: Path) -> None:
    log = shell_session(targets=[{"container_id": "c0", "cgroup": "/x", "cgroup_id": 1}]).save(tmp_path / "l.ebpfaudit")
    ran = cli("identify", log, "--audit-log", audit(tmp_path, *alice()))
    assert (ran.code, "record --local" in ran.err) == (2, True)


def test_where_nothing_can_be_kept_it_is_printed_all_the_same(cli: Cli, log: Path, tmp_path: Path) -> None:
    path = audit(tmp_path, *alice())
    kept(log).mkdir()
    ran = cli("identify", log, "--audit-log", path)
    assert (ran.code, "alice   certain" in ran.text) == (9, True)
    assert "or print what was found with -o json" in ran.err
    assert sorted(found.name for found in tmp_path.iterdir()) == ["audit.log", "s.ebpfaudit", "s.ebpfaudit.who.json"]


def test_exports_and_the_report_name_who_it_was(cli: Cli, log: Path, tmp_path: Path) -> None:
    for form in ("ecs", "ocsf", "html"):
        assert b"alice" not in cli("export", log, "--format", form, "-w", "-").out
    cli("identify", log, "--audit-log", audit(tmp_path, *alice()))
    assert "alice from 203.0.113.9, certain" in cli("export", log, "--format", "html").text
    who = {
        "users": ["alice"],
        "impersonators": [],
        "source_ips": ["203.0.113.9"],
        "confidence": "certain",
        "audit_ids": ["alice--50000000"],
    }
    for form, key in (("ecs", "ebpfaudit"), ("ocsf", "unmapped")):
        lines = [json.loads(line) for line in cli("export", log, "--format", form).out.splitlines()]
        found = [line[key]["who"] for line in lines]
        assert found
        assert all({name: value or [] for name, value in {"impersonators": [], **of}.items()} == who for of in found)


def test_delete_takes_what_is_kept_with_it(cli: Cli, log: Path, tmp_path: Path) -> None:
    cli("identify", log, "--audit-log", audit(tmp_path, *alice()))
    store = Path(os.environ["EBPFAUDIT_HOME"]) / "recordings"
    store.mkdir(parents=True)
    for path in (log, kept(log)):
        path.rename(store / path.name)
    assert cli("delete", "s").code == 0
    assert [path.name for path in store.iterdir() if "s.ebpfaudit" in path.name] == []
