"""`list`: its filters, its order, and the index that it keeps in the store."""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from replay.listing import index
from tests.support.cli import ROOT, Cli
from tests.support.logs import REALTIME, SECOND, TARGET, LogBuilder, shell_session, start_shell

DAY = 86400 * SECOND


@pytest.fixture
def store(cli: Cli, tmp_path: Path) -> Path:
    """Three recordings: a small old one of prod, a larger one of the next day, and one that was cut."""
    folder = tmp_path / "home" / "recordings"
    folder.mkdir(parents=True)
    prod = {**TARGET, "namespace": "prod", "pod": "web-1"}
    start_shell(LogBuilder(targets=[prod])).save(folder / "b-old.ebpfaudit")
    clock = {"monotonic": 1000 * SECOND, "realtime": REALTIME + DAY}
    shell_session(clock=clock).save(folder / "a-new.ebpfaudit")
    clock["realtime"] += DAY
    log = start_shell(LogBuilder(clock=clock)).save(folder / "cut.ebpfaudit", end=None)
    log.write_bytes(log.read_bytes()[:-9])
    return folder


def names(cli: Cli, *arguments: str) -> list[str]:
    ran = cli("list", *arguments, "-o", "name")
    assert ran.code == 0, ran.err
    return ran.text.split()


def test_recordings_come_oldest_first_or_by_the_column_asked_for(cli: Cli, store: Path) -> None:
    assert names(cli) == ["b-old", "a-new", "cut"]
    assert names(cli, "--sort-by", "name") == ["a-new", "b-old", "cut"]
    assert names(cli, "--sort-by", "duration") == ["b-old", "a-new", "cut"], "what is not known comes last"
    assert names(cli, "--sort-by", "size")[-1] == "a-new"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("-n prod", ["b-old"]),
        ("--state cut", ["cut"]),
        ("--state complete,cut", ["b-old", "a-new", "cut"]),
        ("--since 2026-01-03", ["a-new", "cut"]),
        ("--since 2026-01-03T03:04:14Z", ["cut"]),
        ("--until 2026-01-03", ["b-old"]),
        ("--since 2026-01-03 --until 2026-01-04T03:04:05Z", ["a-new"]),
        ("--since 1h", ["cut"]),
    ],
)
def test_filters_leave_out_the_others(cli: Cli, store: Path, arguments: str, expected: list[str]) -> None:
    assert names(cli, *arguments.split()) == expected


def test_columns_are_those_asked_for(cli: Cli, store: Path) -> None:
    rows = [line.split() for line in cli("list", "--columns", "state,NAME", "-n", "prod").text.splitlines()]
    assert rows == [["STATE", "NAME"], ["complete", "b-old"]]


@pytest.mark.parametrize(
    "arguments", ["--columns nosuch", "--sort-by nosuch", "--sort-by name,size", "--state odd", "--since yesterday",
                  "--until 2026-13-01", "--since 10:00"]
)  # fmt: skip
def test_what_there_is_not_is_said_with_what_there_is(cli: Cli, store: Path, arguments: str) -> None:
    ran = cli("list", *arguments.split())
    assert (ran.code, ran.out) == (2, b"")
    assert arguments.split()[0] in ran.err


def test_a_log_that_is_being_written_is_told_from_one_that_was_cut(cli: Cli, store: Path) -> None:
    with (store / "cut.ebpfaudit").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert json.loads(cli("list", "-o", "json", "--state", "recording").out)[0]["name"] == "cut"
    assert names(cli, "--state", "recording") == []


def test_what_has_not_changed_is_read_from_the_index(cli: Cli, store: Path) -> None:
    before = cli("list", "-o", "json").out
    with mock.patch.object(index, "summarise", side_effect=AssertionError):
        assert cli("list", "-o", "json").out == before


@pytest.mark.parametrize("keep_time", [False, True], ids=["", "with the times of before"])
def test_a_recording_that_was_replaced_is_read_anew(cli: Cli, store: Path, keep_time: bool) -> None:
    cli("list")
    path = store / "b-old.ebpfaudit"
    before = path.stat()
    other = start_shell(LogBuilder(targets=[{**TARGET, "namespace": "test", "pod": "web-2"}])).build()
    assert len(other) == before.st_size
    path.write_bytes(other)
    if keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert names(cli, "-n", "test") == ["b-old"]


def test_a_recording_that_is_gone_is_gone_from_the_index(cli: Cli, store: Path) -> None:
    cli("list")
    (store / "b-old.ebpfaudit").unlink()
    assert names(cli) == ["a-new", "cut"]
    assert b"b-old" not in (store / index.NAME).read_bytes()


def garbled(data: bytes) -> dict[str, bytes]:
    _, _, body = data.partition(b"\n")
    entries = json.loads(body)
    entries["a-new.ebpfaudit"][1][0][2] = ["\x1b[2J"]
    forged = json.dumps(entries).encode()
    return {
        "empty": b"",
        "noise": os.urandom(1000),
        "cut": data[:-9],
        "one byte changed": data[:-50] + b"X" + data[-49:],
        "another version": b"0" + data[1:],
        "no map": f"2 {hashlib.sha256(b'[1]').hexdigest()}\n".encode() + b"[1]",
        "deep": f"2 {hashlib.sha256(b'[' * 99999).hexdigest()}\n".encode() + b"[" * 99999,
        "other types": f"2 {hashlib.sha256(forged).hexdigest()}\n".encode() + forged,
    }


def test_a_broken_index_is_made_anew(cli: Cli, store: Path) -> None:
    before = cli("list", "-o", "json").out
    good = (store / index.NAME).read_bytes()
    for what, bad in garbled(good).items():
        (store / index.NAME).write_bytes(bad)
        assert cli("list", "-o", "json").out == before, what
        assert (store / index.NAME).read_bytes() == good, what


def test_a_store_that_cannot_be_written_is_listed(cli: Cli, store: Path) -> None:
    (store / index.NAME).mkdir()  # root may write anywhere, but not put a file in the place of a folder
    assert names(cli) == ["b-old", "a-new", "cut"]
    assert sorted(p.name for p in store.iterdir() if p.name.startswith(".")) == [index.NAME]


def test_the_index_is_for_its_owner_alone(cli: Cli, store: Path) -> None:
    cli("list")
    assert (store / index.NAME).stat().st_mode & 0o777 == 0o600


def test_several_lists_at_once_all_see_everything(store: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kubectl_ebpfaudit", "list", "-o", "name"]
    environment = {**os.environ, "EBPFAUDIT_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    lists = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(4)]
    assert [of.communicate(timeout=60)[0].split() for of in lists] == [[b"b-old", b"a-new", b"cut"]] * 4
    assert sorted(p.name for p in store.iterdir() if p.name.startswith(".")) == [index.NAME]
