"""What is kept of a pipe, and when its hash is that of all bytes."""

import hashlib
import os

import pytest

from recorder import events, owners
from recorder.events import Event
from recorder.loss import NO_SEQ, Lane, gap
from recorder.loss import Streams as Offsets
from recorder.shed import Shed
from recorder.streams import Streams

TYPES = {layout.name: number for number, layout in events.layouts().items()}
STDIN, STDOUT = 0, 1


def opened(fd: int = STDOUT, flags: int = 0, number: int = 7) -> Event:
    return [TYPES["stream_open"], 1, 0, 1, 1, 50, 4711, number, fd, flags]


def data(offset: int, chunk: bytes, fd: int = STDOUT, seq: int | None = 1, number: int = 7) -> Event:
    return [TYPES["stream_data"], 2, seq, 1, 1, 60, offset, 0, number, fd, chunk]


def closed(total: int, fd: int = STDOUT, number: int = 7) -> Event:
    return [TYPES["stream_close"], 9, 5, 1, 1, 0, total, number, fd, b""]


def stored(told: list[Event]) -> list[tuple[int, int, bytes]]:
    """(offset, bytes left out, bytes) of the data events."""
    return [(e[6], e[7], e[10]) for e in told if e[0] == TYPES["stream_data"]]


def test_a_stream_within_the_limit_is_kept_whole_and_hashed() -> None:
    told = Streams(100).keep([opened(), data(0, b"one "), data(4, b"two"), closed(7)])
    assert stored(told) == [(0, 0, b"one "), (4, 0, b"two")]
    assert told[-1][9] == hashlib.sha256(b"one two").digest()


@pytest.mark.parametrize("limit", range(12))
def test_what_is_beyond_the_limit_is_counted_once_and_hashed(limit: int) -> None:
    whole = b"abcdefghij"
    told = Streams(limit).keep([opened(), *(data(i, whole[i : i + 2]) for i in range(0, 10, 2)), closed(10)])
    pieces = stored(told)
    assert b"".join(chunk for _, _, chunk in pieces) == whole[:limit]
    assert [(offset, left) for offset, left, _ in pieces if left] == ([(limit, 10 - limit)] if limit < 10 else [])
    assert told[-1][9] == hashlib.sha256(whole).digest()


def test_of_a_large_stream_it_is_told_from_time_to_time_how_much_is_left_out() -> None:
    streams, chunk = Streams(0), bytes(1 << 20)
    streams.keep([opened()])
    told = [e for i in range(100) for e in streams.keep([data(i << 20, chunk, seq=None)])]
    assert stored(told) == [(0, 64 << 20, b"")]
    assert stored(streams.over()) == [(64 << 20, 36 << 20, b"")]


@pytest.mark.parametrize(
    "between",
    [
        [gap(3, 1, "GAP_RING_FULL", session=1, tty=7, direction=2, offset=4, size=3)],
        [[*data(4, b"")[:7], 3, 7, STDOUT, b""]],
        [],
    ],
    ids=["a gap", "input that is not wanted", "nothing, of bytes that were lost"],
)  # fmt: skip
def test_a_stream_of_which_something_was_not_seen_has_no_hash(between: list[Event]) -> None:
    told = Streams(100).keep([opened(), data(0, b"one "), *between, closed(7)])
    assert told[-1][9] == b""


def test_a_stream_that_was_there_before_the_recording_has_no_hash() -> None:
    assert Streams(100).keep([opened(flags=1), data(0, b"one"), closed(3)])[-1][9] == b""


def test_a_stream_whose_beginning_was_lost_is_kept_without_a_hash() -> None:
    told = Streams(2).keep([data(0, b"one"), closed(3)])
    assert stored(told) == [(0, 0, b"on"), (2, 1, b"")]
    assert told[-1][9] == b""


def test_an_event_that_the_kernel_did_not_number_is_missed_by_its_offset_alone() -> None:
    lane, offsets = Lane(lambda target: 0), Offsets()
    lane.take([opened(), data(0, b"one"), data(3, b"two", seq=NO_SEQ), data(9, b"four", seq=NO_SEQ), closed(13)])
    lane.take([[TYPES["fork"], 3, n, 1, 1, 50, 0, 0, 0] for n in (2, 3, 4)])
    told = offsets.check(lane.release(100))
    assert [e[2] for e in told if e[0] == TYPES["stream_data"]] == [1, None, None]
    (hole,) = [e for e in told if e[0] == TYPES["gap"]]
    assert (hole[6], hole[8], hole[9], hole[10], hole[11]) == (None, 6, 3, 7, 1)


def test_bytes_lost_at_the_end_of_a_stream_are_missed_when_it_closes() -> None:
    told = Offsets().check([opened(STDIN), data(0, b"one", STDIN), closed(5, STDIN)])
    assert [(e[8], e[9], e[11]) for e in told if e[0] == TYPES["gap"]] == [(3, 2, 2)]


def test_what_the_spool_has_no_room_for_becomes_a_gap_before_the_streams_end() -> None:
    shed = Shed("bytes", lambda share: False)
    told = [e for batch in shed.sift([opened(), data(0, b"one"), data(3, b"two"), closed(6)]) for e in batch]
    assert [e[0] for e in told] == [TYPES[name] for name in ("stream_open", "gap", "stream_close")]
    assert (told[1][8], told[1][9], told[1][10], told[1][11]) == (0, 6, 7, 1)


def test_the_pipes_of_a_process_are_found() -> None:
    read, write = os.pipe()
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        inode = os.fstat(read).st_ino
        assert owners.pipes(os.getpid(), (read, write, null)) == {read: inode, write: inode}
    finally:
        os.close(read)
        os.close(write)
        os.close(null)
    assert owners.pipes(1 << 30, (0, 1, 2)) == {}
