"""The file of a recording: never an accident to an existing one."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from kubectl_ebpfaudit.files import Files
from kubectl_ebpfaudit.output import LogFile
from recorder.log.errors import CannotWrite


def test_existing_file_is_not_touched_without_force(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"precious")
    with pytest.raises(CannotWrite, match="exists already"):
        LogFile(path)
    assert path.read_bytes() == b"precious"


def test_dangling_link_counts_as_existing(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CannotWrite, match="exists already"):
        LogFile(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


def test_force_replaces_only_when_the_recording_begins(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"precious")
    file = LogFile(path, force=True)
    assert path.read_bytes() == b"precious"
    file.close()
    assert path.read_bytes() == b"precious"
    assert os.listdir(tmp_path) == ["x"]

    file = LogFile(path, force=True)
    file.append(b"new")
    file.close()
    file.close()
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["x"]


def test_force_follows_a_link_to_a_file(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    file = LogFile(tmp_path / "link", force=True)
    file.append(b"new")
    file.close()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_device_is_written_to_and_never_replaced() -> None:
    file = LogFile(Path("/dev/full"), force=True)
    with pytest.raises(CannotWrite, match="No space left on device; nothing was kept"):
        file.append(b"x")
    file.close()
    assert Path("/dev/full").is_char_device()


def test_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="/nowhere/x cannot be written: No such file or directory"):
        LogFile(tmp_path / "nowhere" / "x")


def test_folder_is_no_file_and_force_does_not_help(tmp_path: Path) -> None:
    for force in (False, True):
        with pytest.raises(CannotWrite, match="is a folder: name a file in it"):
            LogFile(tmp_path, force)


def test_hostile_name_is_escaped_in_the_message(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match=r"\\x1b\[31m"):
        LogFile(tmp_path / "\x1b[31m" / "x")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EBPFAUDIT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("time.strftime", lambda *_: "20260102T030405Z")
    return tmp_path / "home" / "recordings"


def test_two_recordings_that_begin_in_the_same_second_have_a_file_each(home: Path) -> None:
    first, second = (Files("web", None, force, may_span=False) for force in (False, True))
    for files, data in ((first, b"first"), (second, b"second")):
        with closing(files.open("node-1")) as file:
            file.append(data)
    assert [files.path.name for files in (first, second)] == [
        "web_20260102T030405Z.ebpfaudit", "web_20260102T030405Z-2.ebpfaudit"
    ]  # fmt: skip
    assert (first.path.read_bytes(), second.path.read_bytes()) == (b"first", b"second")


def test_two_recordings_of_several_nodes_that_begin_in_the_same_second_have_a_folder_each(home: Path) -> None:
    first, second, third = (Files("web", None, False, may_span=True) for _ in range(3))
    opened = [files.open(node) for files in (first, second) for node in ("node-1", "node-2")]
    third.tidy()  # it did not come to anything, and its name is that of another
    assert sorted(path.name for path in home.iterdir()) == ["web_20260102T030405Z", "web_20260102T030405Z-2"]
    for file in opened:
        file.close()
    first.tidy()
    second.tidy()
    assert list(home.iterdir()) == []
