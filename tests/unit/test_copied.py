"""The files of a kubectl cp, from archives that Python's tarfile makes and from hostile ones."""

import io
import json
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.log.reader import open_log
from replay.copied import files
from replay.timeline import build
from tests.support.cli import Cli
from tests.support.logs import MS, LogBuilder, argv

LONG = "d/" * 90 + "long"


def archive(form: int) -> bytes:
    """A folder, three files and a link."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, data in (("d", b""), ("d/a", b"x" * 1000), (LONG, b"y"), ("l", b""), ("z", b"")):
            info = tarfile.TarInfo(name)
            info.type = {"d": tarfile.DIRTYPE, "l": tarfile.SYMTYPE}.get(name, tarfile.REGTYPE)
            info.size, info.mode = len(data), 0o640
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def copy(data: bytes, folder: Path, into: bool = True, left_out: int = 0) -> Path:
    words = ("tar", "-xmf", "-", "-C", "/tmp") if into else ("tar", "cf", "-", "x")
    log, fd = LogBuilder(), 0 if into else 1
    log.add("session_start", 0, 1, 100, ns_pid=10).add("exec", MS, 1, 100, argv=argv(*words))
    log.add("stream_open", MS, stream=1, fd=fd)
    for at in range(0, len(data), 700):
        log.add("stream_data", 2 * MS, stream=1, fd=fd, data=data[at : at + 700])
    if left_out:
        log.add("stream_data", 3 * MS, stream=1, fd=fd, left_out=left_out, seq=None)
    return log.save(folder / "s.ebpfaudit")


def told(path: Path) -> tuple[list[tuple[str, int, int]], bool]:
    with open_log(path) as log:
        found, more = files(log, build(log).sessions[0])
    return [(of.name.decode(), of.size, of.mode) for of in found], more


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("into", [True, False])
def test_names_sizes_and_modes_are_those_of_the_archive(form: int, into: bool, tmp_path: Path) -> None:
    expected = [("d", 0, 0o640), ("d/a", 1000, 0o640), (LONG, 1, 0o640), ("l", 0, 0o640), ("z", 0, 0o640)]
    assert told(copy(archive(form), tmp_path, into)) == (expected, False)


def test_an_archive_beyond_the_limit_is_told_as_far_as_it_goes(tmp_path: Path) -> None:
    found, more = told(copy(archive(tarfile.GNU_FORMAT)[:1200], tmp_path, left_out=5000))
    assert (found, more) == ([("d", 0, 0o640), ("d/a", 1000, 0o640)], True)


@given(st.binary(max_size=3000))
def test_bytes_that_are_no_archive_do_no_harm(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    told(copy(data, tmp_path_factory.mktemp("copied")))


def test_show_lists_the_files(cli: Cli, tmp_path: Path) -> None:
    path = copy(archive(tarfile.PAX_FORMAT), tmp_path)
    assert "0640   1,000   d/a\n" in cli("show", path).text
    (session,) = json.loads(cli("show", path, "-o", "json").text)["sessions"]
    assert session["files"][1] == {"name": "d/a", "size": 1000, "mode": "0640", "type": "0"}


def test_a_link_with_a_long_goal_is_one_entry(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in ("link", LONG):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, "x/" * 80
            tar.addfile(info)
        tar.addfile(tarfile.TarInfo("z"))
    found, more = told(copy(out.getvalue(), tmp_path))
    assert ([name for name, _, _ in found], more) == (["link", LONG, "z"], False)
