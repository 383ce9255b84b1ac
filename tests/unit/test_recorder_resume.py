"""A log that is cut anywhere goes on, and one whose recorder died is closed."""

import io
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from recorder import events
from recorder.log.closing import close_log
from recorder.log.format import RECORDER_DIED, Block
from recorder.log.reader import open_log
from recorder.log.stream import resume
from replay.verify import LOSSY, verify
from tests.support.carried import event, header, log_objects

OBJECTS = log_objects(enums=events.enums())
WHOLE = b"".join(OBJECTS)


@given(st.integers(len(OBJECTS[0]), len(WHOLE)), st.lists(st.integers(1, 300), min_size=1, max_size=9))
def test_a_log_cut_anywhere_goes_on_to_be_the_same(cut: int, sizes: list[int]) -> None:
    seen: list[Any] = []
    stream, size = resume(io.BytesIO(WHOLE[:cut]), seen.append)
    ends = [sum(map(len, OBJECTS[: n + 1])) for n in range(len(OBJECTS))]
    assert size == max(end for end in ends if end <= cut)
    assert stream.pending == 0
    at, log = size, WHOLE[:size]
    while at < len(WHOLE):
        piece = WHOLE[at : at + sizes[at % len(sizes)]]
        at += len(piece)
        for raw, parsed in stream.feed(piece):
            log += raw
            seen.append(parsed)
    assert log == WHOLE
    assert stream.end
    assert [type(one).__name__ for one in seen] == ["Header", "Block", "Block", "End"]
    assert (stream.blocks, stream.events) == (2, 4)


@settings(deadline=None)
@given(cut=st.integers(len(OBJECTS[0]), len(WHOLE) - 1))
def test_the_log_of_a_recorder_that_died_is_closed_and_lossy_not_damaged(tmp_path_factory: Any, cut: int) -> None:
    stream, size = resume(io.BytesIO(WHOLE[:cut]), lambda parsed: None)
    block, end = close_log(stream)
    ((_, parsed),) = stream.feed(block)
    assert isinstance(parsed, Block)
    assert parsed.gaps == 1
    path: Path = tmp_path_factory.mktemp("log") / "x.ebpfaudit"
    path.write_bytes(WHOLE[:size] + block + end)
    with open_log(path) as log:
        assert log.damage is None
        assert log.end
        assert (log.end.reason, log.end.lost) == (RECORDER_DIED, True)
        assert verify(log).state == LOSSY


def test_a_log_that_knows_of_no_such_gap_is_left_as_it_is() -> None:
    old = log_objects(enums={"gap_reason": {"GAP_RING_FULL": 1}})
    stream, _ = resume(io.BytesIO(b"".join(old[:2])), lambda parsed: None)
    assert close_log(stream) == []
    no_enums = log_objects()
    stream, _ = resume(io.BytesIO(b"".join(no_enums[:2])), lambda parsed: None)
    assert close_log(stream) == []


def test_blocks_count_their_gaps() -> None:
    gaps = [event("gap", n, reason=1) for n in range(3)]
    objects = log_objects([event("session_start", 0), *gaps], enums=events.enums())
    found: list[Any] = []
    resume(io.BytesIO(b"".join(objects)), found.append)
    assert [one.gaps for one in found if isinstance(one, Block)] == [3, 0]
    assert header()["events"]["gap"]["type"] == gaps[0][0]
