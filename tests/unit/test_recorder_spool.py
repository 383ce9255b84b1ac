"""The spool: segments that are written, served, acknowledged and removed, and disks that are full."""

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder import serve, spool
from recorder.log.errors import CannotWrite, Fetched
from recorder.spool import Spool, segment, segments

OBJECTS = st.lists(st.integers(1, 400), min_size=1, max_size=40)


def an_object(number: int, size: int) -> bytes:
    return bytes((number * 7 + i) % 251 for i in range(size))


def written(held: Spool) -> None:
    """Returns once all that was handed over is in the files."""
    with held._changed:
        while held._queued:
            held._changed.wait(10)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spool]:
    """A spool of 2,000 bytes in segments of 500."""
    monkeypatch.setattr(spool, "_MIN_SEGMENT_BYTES", 500)
    held = Spool(tmp_path, 2000)
    yield held
    held.close()


@settings(deadline=None)
@given(OBJECTS, st.integers(1, 300), st.data())
def test_any_offset_is_served_byte_for_byte_over_any_segments(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], a_segment: int, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "_MIN_SEGMENT_BYTES", a_segment)
        patch.setattr(serve, "_PIECE", data.draw(st.integers(1, 200)))
        held = Spool(folder, 1)
        objects = [an_object(n, size) for n, size in enumerate(sizes)]
        half = data.draw(st.integers(0, len(objects)))
        whole = b"".join(objects)
        offset = data.draw(st.integers(0, sum(sizes)))
        log = serve._Log(folder, offset)
        for one in objects[:half]:
            held.write(one)
        received = b"".join(iter(log.read, b""))
        for one in objects[half:]:
            held.write(one)
            received += log.read()
        held.close()
        received += b"".join(iter(log.read, b""))
        assert received == whole[offset:]
        assert log.waiting() == 0
        assert b"".join(segment(folder, start).read_bytes() for start in segments(folder)) == whole
        log.close()


@settings(deadline=None)
@given(OBJECTS, st.data())
def test_a_reader_gets_the_right_bytes_or_is_told_that_they_are_gone(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as closing:
        patch.setattr(spool, "_MIN_SEGMENT_BYTES", 300)
        held = Spool(folder, 600)
        closing.callback(held.close)
        whole = b"".join(an_object(n, size) for n, size in enumerate(sizes))
        fast, slow = serve._Log(folder, 0), serve._Log(folder, 0)
        for log in (fast, slow):
            closing.callback(log.close)
        got_fast, got_slow = b"", b""
        told, refused = False, [(True, True)]
        for number, size in enumerate(sizes):
            held.write(an_object(number, size))
            written(held)
            got_fast += b"".join(iter(fast.read, b""))
            held.acknowledge(fast.offset)
            if not told and data.draw(st.booleans()):
                try:
                    got_slow += slow.read()
                except Fetched as error:
                    told = error.exit_code == 22 and f"before byte {held.kept_from} was" in str(error)
                    refused.append((told, slow.offset < held.kept_from))
            assert whole.startswith(got_slow)
        assert got_fast == whole
        assert set(refused) == {(True, True)}


def test_a_segment_that_goes_away_between_the_list_and_the_opening_is_no_fault(
    small: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        small.write(an_object(number, 500))
    written(small)
    listed = segments(tmp_path)
    answers = iter([listed])
    segment(tmp_path, 0).unlink()
    monkeypatch.setattr(serve, "segments", lambda folder: next(answers, listed[1:]))
    log = serve._Log(tmp_path, 0)
    with pytest.raises(Fetched):
        log.read()
    log.close()
    small._starts.popleft()


def test_a_spool_that_was_taken_away_has_nothing(tmp_path: Path) -> None:
    log = serve._Log(tmp_path / "none", 0)
    assert (log.read(), log.waiting(), segments(tmp_path / "none")) == (b"", 0, [])


def test_segments_stay_until_they_are_acknowledged_and_their_room_is_wanted(small: Spool, tmp_path: Path) -> None:
    for number in range(10):
        small.write(an_object(number, 500))
    written(small)
    assert segments(tmp_path) == list(range(0, 5000, 500))
    small.acknowledge(1400)
    small.write(b"x")
    written(small)
    assert (segments(tmp_path)[0], small.kept_from) == (1000, 1000)
    small.acknowledge(1 << 60)  # more than there is
    assert small.acknowledged == small.size == 5001


def test_what_is_acknowledged_stays_for_others_while_there_is_room(small: Spool, tmp_path: Path) -> None:
    for number in range(2):
        small.write(an_object(number, 500))
    small.acknowledge(1000)
    small.write(b"x")
    written(small)
    assert small.kept_from == 0


def test_the_room_is_shared(small: Spool) -> None:
    assert small.room(7 / 8)
    small.write(bytes(1750))
    assert not small.room(7 / 8)
    assert small.room(1.0)
    small.write(bytes(250))
    assert not small.room(1.0)
    small.acknowledge(2000)
    assert small.room(7 / 8)


def test_who_waits_for_a_full_disk_hears_what_makes_room_on_it(
    small: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MAX_QUEUED", 100)
    monkeypatch.setattr(spool, "_LOOK_SECONDS", 0.001)
    full = threading.Event()
    full.set()
    real = os.write

    def write(fd: int, data: bytes) -> int:
        if full.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        patch.setattr(spool, "_FULL_DISK_PAUSE", 0.001)
        for number in range(2):
            small.write(an_object(number, 200), full.clear)
        small.write(an_object(2, 200), full.clear)
        written(small)
    assert segment(tmp_path, 0).stat().st_size == 600


def test_a_recording_that_is_to_end_does_not_wait_for_a_full_disk_for_ever(
    small: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("MAX_QUEUED", 100), ("_LOOK_SECONDS", 0.001), ("_FULL_DISK_PAUSE", 0.001)):
        monkeypatch.setattr(spool, name, value)
    monkeypatch.setattr(spool, "_FULL_DISK_SECONDS", 0.01)

    def refuse(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        small.write(bytes(200), small.hurry)
        with pytest.raises(CannotWrite, match="No space left"):
            small.write(bytes(200), small.hurry)
        small._thread.join(10)
    small._error = None  # for the fixture's close


# Full disks: a process of its own, which may write files of no more than some bytes, or has a small tmpfs.

_BOOT = """
import errno, os, sys, threading
from pathlib import Path
sys.path.insert(0, os.getcwd())
from recorder import serve, spool
from recorder.log.errors import CannotWrite
folder = Path(sys.argv[1])
spool._FULL_DISK_PAUSE = 0.01
"""

_FILLED = (
    _BOOT
    + """
spool._MIN_SEGMENT_BYTES = 64 << 10
held = spool.Spool(folder, 256 << 10)
received = bytearray()
for number in range(100):
    held.write(bytes([number]) * 20_000)
# More than fits was handed over; what there is is whole. A client fetches it, and only that makes room.
log = serve._Log(folder, 0)
def fetch():
    while data := log.read():
        received.extend(data)
        held.acknowledge(len(received) // 20_000 * 20_000)
held.close(fetch)
fetch()
assert received == b"".join(bytes([n]) * 20_000 for n in range(100)), len(received)
print("all of it")
"""
)


def on_a_small_disk(program: str, kib: int) -> str:
    """What a program prints whose folder has `kib` KiB."""
    if os.geteuid() != 0:
        pytest.skip("needs: root")
    mount = f"d=$(mktemp -d) && mount -t tmpfs -o size={kib}k none $d"
    script = f'{mount} && "$@" $d; code=$?; umount $d; rmdir $d; exit $code'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, "-c", program],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_full_disk_is_waited_out_also_at_the_end_and_nothing_is_torn() -> None:
    assert on_a_small_disk(_FILLED, 300) == "all of it"


def test_a_disk_smaller_than_a_segment_gets_on_once_all_in_it_is_acknowledged() -> None:
    assert on_a_small_disk(_FILLED.replace("64 << 10", "1 << 20"), 100) == "all of it"


_GIVEN_UP = (
    _BOOT
    + """
spool._FULL_DISK_SECONDS = 0.1
held = spool.Spool(folder, 1 << 20)
for number in range(20):
    held.write(bytes([number]) * 30_000)
try:
    held.close()
except CannotWrite as error:
    data = spool.segment(folder, 0).read_bytes()
    print(len(data) % 30_000, data == b"".join(bytes([n]) * 30_000 for n in range(len(data) // 30_000)), error)
"""
)


def test_a_disk_that_stays_full_ends_the_log_after_its_last_whole_object() -> None:
    said = on_a_small_disk(_GIVEN_UP, 100)
    assert said == "0 True the recorder's spool cannot be written: No space left on device"


def test_what_the_disk_refuses_for_another_reason_is_said_by_the_next_call(
    small: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()

    def refuse(fd: int, data: bytes) -> int:
        failed.set()
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        small.write(b"x")
        assert failed.wait(60)
        small._thread.join(60)
    with pytest.raises(CannotWrite, match="Input/output error"):
        small.write(b"y")
    small._error = None  # for the fixture's close
