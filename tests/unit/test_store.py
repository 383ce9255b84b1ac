"""How recordings are named."""

import os
from pathlib import Path

import pytest

from kubectl_ebpfaudit import store
from recorder.log.errors import CannotWrite
from replay.errors import NoSuchRecording, WrongUsage


@pytest.fixture
def recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EBPFAUDIT_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "recordings"
    folder.mkdir(parents=True)
    for age, name in enumerate(["web_a", "web_b", "db"]):
        path = folder / f"{name}.ebpfaudit"
        path.touch()
        os.utime(path, (1000 - age, 1000 - age))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize("name", ["web_a", "web_a.ebpfaudit", "latest"])
def test_a_name_finds_its_recording(recordings: Path, name: str) -> None:
    assert store.resolve(name) == store.Reference(recordings / "web_a.ebpfaudit", None)


def test_the_beginning_of_a_name_is_enough_if_there_is_one_such(recordings: Path) -> None:
    assert store.resolve("d").path == recordings / "db.ebpfaudit"
    with pytest.raises(WrongUsage, match="web_a, web_b"):
        store.resolve("web")


def test_a_session_follows_a_slash(recordings: Path) -> None:
    assert store.resolve("latest/2") == store.Reference(recordings / "web_a.ebpfaudit", 2)
    assert store.resolve(f"{recordings}/db.ebpfaudit/3") == store.Reference(recordings / "db.ebpfaudit", 3)


def test_a_file_wins_over_a_session_and_over_the_store(recordings: Path, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1").touch()
    assert store.resolve("d/1") == store.Reference(Path("d/1"), None)
    (tmp_path / "db").touch()
    assert store.resolve("db").path == Path("db")


@pytest.fixture
def run(recordings: Path) -> Path:
    """A folder of logs, newer than all else; one of its nodes is called 3."""
    folder = recordings / "team.web_20260102T030405Z"
    folder.mkdir()
    for name in ("node-a", "3"):
        (folder / f"{name}.ebpfaudit").touch()
    return folder


@pytest.mark.parametrize("name", ["team.web_20260102T030405Z", "team", "team/", "latest"])
def test_a_name_finds_a_folder_of_logs(run: Path, name: str) -> None:
    assert store.resolve(name) == store.Reference(run, None)


def test_a_folder_is_as_new_as_its_newest_log(run: Path) -> None:
    for log in run.iterdir():
        os.utime(log, (1, 1))
    assert store.resolve("latest").path.name == "web_a.ebpfaudit"
    os.utime(run / "3.ebpfaudit", (5000, 5000))
    assert store.resolve("latest").path == run


@pytest.mark.parametrize(
    ("name", "log", "session"),
    [
        ("team/3", "", 3), ("team/3.ebpfaudit", "3.ebpfaudit", None), ("team/3/2", "3.ebpfaudit", 2),
        ("team/node-a", "node-a.ebpfaudit", None), ("team/node-a/2", "node-a.ebpfaudit", 2),
        ("latest/node-a.ebpfaudit/2", "node-a.ebpfaudit", 2),
    ],
)  # fmt: skip
def test_sessions_and_logs_of_a_folder_follow_a_slash(run: Path, name: str, log: str, session: int | None) -> None:
    assert store.resolve(name) == store.Reference(run / log, session)
    by_path = name.replace("team", str(run)).replace("latest", str(run))
    assert store.resolve(by_path) == store.Reference(run / log, session)


@pytest.mark.parametrize("name", ["team/x", "team/0", "team/x/1", "team/../db/1", "team/node-a/x/1"])
def test_what_a_folder_has_not_is_an_error(run: Path, name: str) -> None:
    with pytest.raises(NoSuchRecording, match="there is no"):
        store.resolve(name)


def test_a_folder_without_logs_hides_no_recording_of_the_store(run: Path, tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    assert store.resolve("db").path.parent == run.parent
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoSuchRecording, match="no recording in the folder empty"):
        store.resolve("empty")


@pytest.mark.parametrize("name", ["db/x", "db/0", "db/-1", "db/²"])
def test_what_is_no_number_is_no_session(recordings: Path, name: str) -> None:
    with pytest.raises(WrongUsage, match="is no session"):
        store.resolve(name)


@pytest.mark.parametrize("name", ["nope", "no/such/file", "nope.ebpfaudit", "", "\0", "x" * 5000, "nope/1", "/", "."])
def test_a_name_that_nothing_has_is_an_error(recordings: Path, name: str) -> None:
    with pytest.raises(NoSuchRecording, match="there is no"):
        store.resolve(name)


def test_an_empty_store_has_no_latest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBPFAUDIT_HOME", str(tmp_path / "none"))
    assert store.files() == []
    with pytest.raises(NoSuchRecording, match="the store is empty"):
        store.resolve("latest")


def test_latest_is_a_recording_and_nothing_else(recordings: Path) -> None:
    newest = store.resolve("latest").path
    os.mkfifo(recordings / "fifo.ebpfaudit")
    (recordings / "folder.ebpfaudit").mkdir()
    assert store.resolve("latest").path == newest


def test_a_copy_that_was_interrupted_is_no_recording(recordings: Path) -> None:
    (recordings / ".copy-abc12").mkdir()
    (recordings / ".copy-abc12" / "x.ebpfaudit").touch()
    (recordings / ".x.ebpfaudit.1234").touch()
    (recordings / ".y.ebpfaudit").touch()
    assert store.resolve("latest").path.name == "web_a.ebpfaudit"
    assert [entry.name for entry in store.overview()] == [path.name for path in store.files()]
    assert [path.name for path in store.files()] == ["db.ebpfaudit", "web_a.ebpfaudit", "web_b.ebpfaudit"]
    with pytest.raises(NoSuchRecording):
        store.resolve(".copy")


def test_a_new_recording_is_named_by_target_and_time(recordings: Path) -> None:
    path = store.new_path("default/web-0", 1_767_323_045)
    assert path == recordings / "default_web-0_20260102T030405Z.ebpfaudit"
    path.touch()
    assert store.new_path("default/web-0", 1_767_323_045).name == "default_web-0_20260102T030405Z-2.ebpfaudit"


@pytest.mark.parametrize("name", ["../../etc/passwd", "\x1b[2J\n", "", "-rf", ".hidden", "ü" * 500, "a\0b"])
def test_a_hostile_name_makes_a_plain_file_name_in_the_store(recordings: Path, name: str) -> None:
    path = store.new_path(name, 0)
    assert path.parent == recordings
    assert path.name.isascii()
    assert path.name[0].isalnum()
    path.touch()


def test_the_store_is_made_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBPFAUDIT_HOME", str(tmp_path / "new"))
    assert store.new_path("x").parent.stat().st_mode & 0o777 == 0o700


def test_a_store_that_cannot_be_made_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EBPFAUDIT_HOME", str(tmp_path / "file"))
    with pytest.raises(CannotWrite, match="set EBPFAUDIT_HOME"):
        store.new_path("x")
