"""`delete`, `prune`, `import` and `merge`: what they do to the store, and what they never do."""

import fcntl
import os
import time
from pathlib import Path

import pytest

from tests.support.cli import Cli
from tests.support.logs import MONOTONIC, REALTIME, SECOND, TARGET, LogBuilder, shell_session, start_shell

DAY = 86400 * SECOND


@pytest.fixture
def store(cli: Cli, tmp_path: Path) -> Path:
    """A recording of today, one of 40 days ago with what identify keeps beside it, and a run of then."""
    folder = tmp_path / "home" / "recordings"
    folder.mkdir(parents=True)

    def days_ago(days: int, name: str, **changes: str) -> None:
        clock = {"monotonic": MONOTONIC, "realtime": time.time_ns() - days * DAY - 100 * SECOND}
        log = start_shell(LogBuilder(clock=clock, targets=[{**TARGET, **changes}]))
        changed(log.save(folder / name), days)

    days_ago(0, "new.ebpfaudit")
    days_ago(40, "old.ebpfaudit", namespace="prod")
    (folder / "old.ebpfaudit.who.json").write_text("{}")
    (folder / "run").mkdir()
    days_ago(40, "run/a.ebpfaudit")
    days_ago(29, "run/b.ebpfaudit")
    return folder


def changed(path: Path, days: int) -> None:
    """Makes it look as if the file was last written so many days ago."""
    ago = time.time() - days * 86400
    os.utime(path, (ago, ago))


def left(store: Path) -> list[str]:
    return sorted(path.name for path in store.iterdir() if path.name != ".index.json")


ALL = ["new.ebpfaudit", "old.ebpfaudit", "old.ebpfaudit.who.json", "run"]


def test_delete_takes_a_recording_with_all_that_is_its_own(cli: Cli, store: Path) -> None:
    ran = cli("delete", "old", "run")
    assert (ran.code, ran.text) == (0, "old deleted\nrun deleted\n")
    assert left(store) == ["new.ebpfaudit"]
    assert cli("list", "-o", "name").text == "new\n"


@pytest.mark.parametrize(
    ("names", "code", "said"),
    [
        (["old", "nosuch"], 4, "no recording nosuch"),
        (["old", "ne"], 4, "did you mean new"),
        (["latest"], 4, "no recording latest"),
        (["run/a"], 2, "is no recording of the store"),
    ],
)
def test_delete_wants_whole_names_and_else_touches_nothing(
    cli: Cli, store: Path, names: list[str], code: int, said: str
) -> None:
    ran = cli("delete", *names)
    assert (ran.code, ran.out, left(store)) == (code, b"", ALL)
    assert said in ran.err


def test_delete_touches_nothing_outside_the_store(cli: Cli, store: Path, tmp_path: Path) -> None:
    outside = shell_session().save(tmp_path / "old.ebpfaudit")
    assert cli("delete", outside).code == 2
    assert outside.exists()
    assert cli("delete", store / "old.ebpfaudit").code == 0
    (store / "link.ebpfaudit").symlink_to(outside)
    assert cli("delete", "link").code == 0
    assert (outside.exists(), left(store)) == (True, ["new.ebpfaudit", "run"])


@pytest.mark.parametrize("verb", [["delete", "run", "old"], ["prune", "--older-than", "2d"]])
def test_screens_that_a_replay_has_kept_go_with_their_recording(
    cli: Cli, store: Path, monkeypatch: pytest.MonkeyPatch, verb: list[str]
) -> None:
    monkeypatch.setattr("replay.screen.screens._BETWEEN_KEYFRAMES", 1)
    for name, realtime in (("new", time.time_ns()), ("run/a", REALTIME), ("run/b", REALTIME), ("old", REALTIME)):
        log = start_shell(LogBuilder(recording=name, clock={"monotonic": MONOTONIC, "realtime": realtime}))
        log.add("tty_out", SECOND, data=name.encode()).add("tty_out", 2 * SECOND, data=b"more")
        changed(log.save(store / f"{name}.ebpfaudit", split=1), 0 if name == "new" else 40)
        assert cli("replay", f"{name}/1", "--at", "2").text == f"{name}more\n"
    cache = store.parent / "cache" / "screens"
    assert cli(*verb, "--dry-run").code == 0
    assert len(list(cache.iterdir())) == 4
    assert cli(*verb).code == 0
    assert len(list(cache.iterdir())) == 1
    assert left(store) == ["new.ebpfaudit"]


def test_delete_leaves_what_is_being_recorded(cli: Cli, store: Path) -> None:
    path = store / "new.ebpfaudit"
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert cli("delete", "new").code == 2
        assert cli("prune", "--older-than", "0s").code == 0
        assert left(store) == ["new.ebpfaudit"]
        assert cli("delete", "new", "--force").code == 0
    assert left(store) == []


@pytest.mark.parametrize(
    ("arguments", "deleted"),
    [
        (["--older-than", "30d"], ["old"]),
        (["--older-than", "4w"], ["old", "run"]),
        (["--older-than", "4w", "-n", "default"], ["run"]),
        (["--older-than", "90d"], []),
    ],
)
def test_prune_deletes_what_ended_longer_ago(cli: Cli, store: Path, arguments: list[str], deleted: list[str]) -> None:
    ran = cli("prune", *arguments, "--dry-run")
    assert (ran.code, ran.text) == (0, "".join(f"{name} would be deleted\n" for name in deleted))
    assert left(store) == ALL
    ran = cli("prune", *arguments)
    assert (ran.code, ran.text) == (0, "".join(f"{name} deleted\n" for name in deleted))
    assert {name.partition(".")[0] for name in left(store)} == {"new", "old", "run"} - set(deleted)


def test_prune_goes_by_the_last_change_where_there_is_no_end(cli: Cli, store: Path) -> None:
    (store / "broken.ebpfaudit").write_bytes(b"noise")
    assert "broken" not in cli("prune", "--older-than", "1d", "--dry-run").text
    ago = time.time() - 3 * 86400
    os.utime(store / "broken.ebpfaudit", (ago, ago))
    assert "broken" in cli("prune", "--older-than", "1d", "--dry-run").text


def test_prune_keeps_what_was_written_lately_whatever_its_clock_said(cli: Cli, store: Path) -> None:
    clock = {"monotonic": MONOTONIC, "realtime": 100 * SECOND}
    path = start_shell(LogBuilder(clock=clock)).save(store / "boot.ebpfaudit")
    assert "boot" not in cli("prune", "--older-than", "30d", "--dry-run").text
    changed(path, 31)
    assert "boot" in cli("prune", "--older-than", "30d", "--dry-run").text


def test_a_clock_that_was_set_meanwhile_tells_when_a_recording_ended(cli: Cli, store: Path) -> None:
    log = LogBuilder(clock={"monotonic": MONOTONIC, "realtime": 100 * SECOND})
    log.add("clock", SECOND, 0, 0, seq=None, realtime=REALTIME)
    path = start_shell(log, at=2 * SECOND).save(store / "boot.ebpfaudit")
    assert cli("list", "--since", "2026-01-02", "-o", "name").text.split()[0] == "boot"
    changed(path, 4000)
    assert "boot" not in cli("prune", "--older-than", "3000d", "--dry-run").text


@pytest.mark.parametrize("age", ["", "30", "soon", "-1d", "2026-01-02"])
def test_prune_wants_an_age(cli: Cli, store: Path, age: str) -> None:
    ran = cli("prune", f"--older-than={age}")
    assert (ran.code, left(store)) == (2, ALL)


def test_import_brings_a_log_and_what_is_beside_it(cli: Cli, tmp_path: Path) -> None:
    log = shell_session().save(tmp_path / "s.ebpfaudit")
    (tmp_path / "s.ebpfaudit.who.json").write_text("{}")
    ran = cli("import", log)
    assert (ran.code, ran.text) == (0, "s imported\n")
    store = tmp_path / "home" / "recordings"
    assert left(store) == ["s.ebpfaudit", "s.ebpfaudit.who.json"]
    assert (store / "s.ebpfaudit").read_bytes() == log.read_bytes()
    assert (store / "s.ebpfaudit").stat().st_mode & 0o777 == 0o600
    assert cli("verify", "s").code == 0


def test_import_brings_nothing_else_that_has_a_name_like_it(cli: Cli, tmp_path: Path) -> None:
    log = shell_session().save(tmp_path / "s.ebpfaudit")
    (tmp_path / "s.ebpfaudit.bak").write_bytes(b"private")
    assert cli("import", log).code == 0
    assert left(tmp_path / "home" / "recordings") == ["s.ebpfaudit"]


def test_what_was_imported_is_not_the_latest(cli: Cli, store: Path, tmp_path: Path) -> None:
    log = shell_session(recording="older").save(tmp_path / "older.ebpfaudit")
    changed(log, 3)
    assert cli("import", log).code == 0
    assert "new.ebpfaudit" in cli("show", "latest").text


def test_import_never_overwrites(cli: Cli, store: Path, tmp_path: Path) -> None:
    before = (store / "new.ebpfaudit").read_bytes()
    log = shell_session().save(tmp_path / "new.ebpfaudit")
    other = shell_session().save(tmp_path / "other.ebpfaudit")
    ran = cli("import", log, other)
    assert (ran.code, ran.text) == (9, "other imported\n")
    assert (store / "new.ebpfaudit").read_bytes() == before
    assert left(store) == sorted([*ALL, "other.ebpfaudit"])


def test_import_leaves_out_what_is_damaged_and_names_what_is_not_whole(cli: Cli, tmp_path: Path) -> None:
    content = shell_session().build()
    paths = [tmp_path / f"{name}.ebpfaudit" for name in ("damaged", "noise", "cut", "nosuch")]
    paths[0].write_bytes(content[:-200] + b"X" + content[-199:])
    paths[1].write_bytes(b"noise")
    paths[2].write_bytes(content[:-9])
    assert [cli("import", path).code for path in paths] == [8, 8, 0, 4]
    assert left(tmp_path / "home" / "recordings") == ["cut.ebpfaudit"]
    (tmp_path / "home" / "recordings" / "cut.ebpfaudit").unlink()
    assert "is unfinished" in cli("import", paths[2]).err


def test_import_takes_a_folder_whole_or_not_at_all(cli: Cli, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name in ("a", "b"):
        start_shell(LogBuilder()).save(run / f"{name}.ebpfaudit")
    assert cli("import", run).code == 0
    assert len(cli("show", "run").text.split("Session:")) == 3
    (run / "b.ebpfaudit").write_bytes(b"noise")
    run.rename(tmp_path / "other")
    assert cli("import", tmp_path / "other").code == 8
    assert left(tmp_path / "home" / "recordings") == ["run"]


def test_a_hostile_file_name_becomes_a_tame_one(cli: Cli, tmp_path: Path) -> None:
    log = shell_session().save(tmp_path / ".\x1b]0;x\x07 $(rm).ebpfaudit")
    assert cli("import", log).text == "0-x-rm- imported\n"


def node(tmp_path: Path, name: str, recording: str = "r", realtime: int = REALTIME) -> Path:
    clock = {"monotonic": MONOTONIC, "realtime": realtime}
    log = LogBuilder(node={"name": name}, recording=recording, clock=clock)
    return start_shell(log).save(tmp_path / f"{realtime}-{name.replace('/', '-')}.ebpfaudit")


def test_merge_makes_one_recording_of_the_logs_of_a_run(cli: Cli, tmp_path: Path) -> None:
    logs = [node(tmp_path, "a"), node(tmp_path, "../b"), node(tmp_path, "a", realtime=REALTIME + SECOND)]
    target = tmp_path / "new" / "merged"
    ran = cli("merge", *logs, logs[0], "-w", f"{target}/")
    assert (ran.code, ran.text) == (0, f"{target}: 3 logs\n")
    assert sorted(path.name for path in target.iterdir()) == ["a.ebpfaudit", "a_2.ebpfaudit", "b.ebpfaudit"]
    assert left(target.parent) == ["merged"]
    assert cli("verify", target).code == 0
    assert all(log.exists() for log in logs)


def test_merge_refuses_what_does_not_belong_together(cli: Cli, tmp_path: Path) -> None:
    logs = [node(tmp_path, "a"), node(tmp_path, "b", recording="\x1b[2J")]
    ran = cli("merge", *logs, "-w", tmp_path / "merged")
    assert (ran.code, (tmp_path / "merged").exists()) == (2, False)
    assert r"\x1b[2J" in ran.err
    assert cli("merge", logs[0], "-w", tmp_path / "merged").code == 2
    (tmp_path / "there").mkdir()
    assert cli("merge", logs[0], node(tmp_path, "c"), "-w", tmp_path / "there").code == 9
    assert left(tmp_path / "there") == []
