"""Order and loss: whatever way events arrive, what is released and the gaps in it tell every number."""

import itertools
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder import events
from recorder.events import Event
from recorder.loss import IN, NO_SEQ, OUT, PATIENCE_NS, Lane, Streams, gap

TYPES = {layout.name: number for number, layout in events.layouts().items()}
RING_FULL = events.enums()["gap_reason"]["GAP_RING_FULL"]
MS = 1_000_000


def fork(time: int, seq: int | None, target: int = 1) -> Event:
    return [TYPES["fork"], time, seq, target, 1, 7, 0, 0, 0]


def told(released: list[Event], target: int = 1) -> list[int | tuple[int, int]]:
    """The numbers that came, and (first, count) of each gap."""
    return [
        (e[6], e[7]) if e[0] == TYPES["gap"] else e[2]
        for e in released
        if e[3] == target and (e[2] is not None or e[0] == TYPES["gap"])
    ]


def numbers(of: list[int | tuple[int, int]]) -> list[int]:
    return [n for one in of for n in ([one] if isinstance(one, int) else range(one[0], sum(one)))]


def lossless() -> Lane:
    return Lane(lambda target: 0)


def test_events_come_out_in_order_of_time() -> None:
    lane = lossless()
    lane.take([fork(3, 1), fork(1, 0)])
    lane.take([fork(5, 2)])
    assert [e[1] for e in lane.release(10)] == [1, 3, 5]
    assert not lane.waiting


def test_events_after_the_limit_wait() -> None:
    lane = lossless()
    lane.take([fork(1, 0), fork(5, 1)])
    assert told(lane.release(4)) == [0]
    assert lane.waiting
    assert told(lane.release(5)) == [1]


def test_an_event_whose_predecessor_is_on_its_way_waits_for_it() -> None:
    lane = lossless()
    lane.take([fork(1, 1)])
    assert lane.release(10) == []
    lane.take([fork(2, 0)])
    assert told(lane.release(20)) == [1, 0]


def test_an_event_whose_predecessor_has_come_with_a_later_time_waits_even_if_events_were_lost() -> None:
    lane = Lane(lambda target: 5)
    lane.take([fork(1, 1), fork(11, 0)])
    assert lane.release(10) == []
    assert told(lane.release(20)) == [1, 0]


def test_a_hole_that_the_kernel_explains_is_a_gap_at_once() -> None:
    lane = Lane(lambda target: 2)
    lane.take([fork(1, 0), fork(4, 3)])
    released = lane.release(10)
    assert told(released) == [0, (1, 2), 3]
    assert released[1] == gap(4, 1, "GAP_RING_FULL", first_seq=1, count=2)


def test_the_kernel_explains_a_hole_only_once() -> None:
    lane = Lane(lambda target: 1)
    lane.take([fork(1, 1)])
    assert told(lane.release(10)) == [(0, 1), 1]
    lane.take([fork(20, 3)])
    assert lane.release(30) == []


def test_a_hole_that_nobody_explains_is_a_gap_when_patience_ends() -> None:
    lane = lossless()
    lane.take([fork(1, 1)])
    assert lane.release(10) == []
    assert lane.release(9 + PATIENCE_NS) == []
    assert told(lane.release(10 + PATIENCE_NS)) == [(0, 1), 1]


def test_patience_begins_anew_with_the_next_hole() -> None:
    lane = lossless()
    lane.take([fork(1, 1)])
    lane.release(10)
    lane.release(10 + PATIENCE_NS)
    lane.take([fork(20, 3)])
    assert lane.release(20 + PATIENCE_NS) == []
    assert told(lane.release(20 + 2 * PATIENCE_NS)) == [(2, 1), 3]


def test_at_the_end_every_hole_is_a_gap() -> None:
    lane = lossless()
    lane.take([fork(1, 2), fork(1 << 60, 4)])
    assert told(lane.release(0, final=True)) == [(0, 2), 2, (3, 1), 4]
    assert told(lane.tail(1, 9, 5)) == [(5, 4)]
    assert lane.tail(1, 9, 5) == []


def test_a_hole_after_which_nothing_comes_is_a_gap_when_patience_ends() -> None:
    lane = lossless()
    lane.take([fork(5, 0)])
    lane.release(10)
    assert lane.overdue(1, 4, 10) == []
    assert lane.overdue(1, 9, 9 + PATIENCE_NS) == []
    assert told(lane.overdue(1, 9, 10 + PATIENCE_NS)) == [(1, 3)]  # what is newer may be on its way
    assert lane.overdue(1, 9, 20 + PATIENCE_NS) == []
    assert told(lane.overdue(1, 9, 20 + 2 * PATIENCE_NS)) == [(4, 5)]


def test_what_the_kernel_did_not_number_holds_up_no_hole() -> None:
    lane = lossless()
    assert lane.overdue(1, 3, 0) == []
    lane.take([fork(PATIENCE_NS, NO_SEQ)])
    assert told(lane.overdue(1, 3, PATIENCE_NS)) == [(0, 3)]


def test_a_hole_before_an_event_that_is_there_is_found_with_that() -> None:
    lane = lossless()
    assert lane.overdue(1, 2, 0) == []
    lane.take([fork(5, 1)])
    assert lane.overdue(1, 2, PATIENCE_NS) == []
    assert told(lane.release(10, final=True)) == [(0, 1), 1]
    assert lane.overdue(1, 2, 9 * PATIENCE_NS) == []


def test_a_target_of_which_nothing_came_is_all_gap() -> None:
    lane = lossless()
    assert lane.release(0, final=True) == []
    assert told(lane.tail(2, 3, 9), target=2) == [(0, 3)]
    assert lane.tail(3, 0, 9) == []


def test_each_target_has_numbers_of_its_own() -> None:
    lane = Lane({1: 0, 2: 1}.__getitem__)
    lane.take([fork(1, 0), fork(2, 1, target=2), fork(3, 1)])
    released = lane.release(10)
    assert told(released) == [0, 1]
    assert told(released, target=2) == [(0, 1), 1]


def test_an_event_of_the_recorder_takes_its_place_in_time() -> None:
    lane = Lane(lambda target: 1)
    lane.take([fork(5, None), fork(1, 0), fork(7, 2)])
    assert [(e[1], e[2]) for e in lane.release(10)] == [(1, 0), (5, None), (7, None), (7, 2)]


def test_an_event_of_the_recorder_after_the_limit_waits() -> None:
    lane = lossless()
    lane.take([fork(5, None)])
    assert lane.release(4) == []
    assert [e[1] for e in lane.release(5)] == [5]


def test_an_event_that_comes_after_it_was_given_up_is_given_and_changes_nothing_else() -> None:
    lane = lossless()
    lane.take([fork(1, 1)])
    lane.release(10)
    lane.release(10 + PATIENCE_NS)
    lane.take([fork(2, 0), fork(20, 2)])
    assert told(lane.release(30 + PATIENCE_NS)) == [0, 2]


def test_millions_of_lost_numbers_take_no_memory() -> None:
    lane = Lane(lambda target: 3_000_000)
    lane.take([fork(1, 0), fork(2, 3_000_001), fork(20, 3_000_002)])
    tracemalloc.start()
    released = lane.release(10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert told(released) == [0, (1, 3_000_000), 3_000_001]
    assert peak < 100_000


@st.composite
def delivery(draw: st.DrawFn) -> tuple[list[list[Event]], dict[int, int], dict[int, int]]:
    """Batches as they arrive, how many numbers each target gave away, and how many events it lost.

    Numbers are taken a moment after the time is, so two neighbours may have them the other way round.
    """
    target_of = draw(st.lists(st.integers(1, 3), max_size=40))
    lost_at = draw(st.sets(st.integers(0, 39)))
    given_away: dict[int, int] = {}
    made = []
    for i, target in enumerate(target_of):
        seq = given_away[target] = given_away.get(target, -1) + 1
        made.append([TYPES["fork"], (i + 1) * MS, seq, target, 1, 7, 0, 0, 0])
    swapped: set[int] = set()
    for i in sorted(draw(st.sets(st.integers(0, 39)))):
        # Two, not three: one that is later than its neighbour may be called missing, and comes all the same.
        if i + 1 < len(made) and made[i][3] == made[i + 1][3] and i - 1 not in swapped:
            swapped.add(i)
            made[i][2], made[i + 1][2] = made[i + 1][2], made[i][2]
    arriving = [e for i, e in enumerate(made) if i not in lost_at]
    lost = {t: sum(e[3] == t for i, e in enumerate(made) if i in lost_at) for t in given_away}
    cuts = sorted(draw(st.sets(st.integers(0, len(arriving)))) | {0, len(arriving)})
    batches = [draw(st.permutations(arriving[a:b])) for a, b in itertools.pairwise(cuts)]
    return batches, {t: n + 1 for t, n in given_away.items()}, lost


@given(delivery(), st.booleans())
def test_what_is_released_and_its_gaps_are_every_number_once(
    delivered: tuple[list[list[Event]], dict[int, int], dict[int, int]], explained: bool
) -> None:
    batches, given_away, lost = delivered
    lane = Lane(lambda target: lost[target] if explained else 0)
    released: list[Event] = []
    seen: list[Event] = []
    for batch in batches:
        # What happened before the last look has arrived by now.
        until = max((e[1] for e in seen), default=0)
        lane.take([list(e) for e in batch])
        seen += batch
        released += lane.release(until)
    released += lane.release(0, final=True)
    assert [e[1] for e in released] == sorted(e[1] for e in released)
    for target, count in given_away.items():
        all_told = told(released, target) + told(lane.tail(target, count, 1 << 62), target)
        assert sorted(numbers(all_told)) == list(range(count))
        assert [n for n in all_told if isinstance(n, int)] == [
            e[2] for e in sorted(seen, key=lambda e: e[1]) if e[3] == target
        ]
        assert sum(n[1] for n in all_told if not isinstance(n, int)) == lost[target]


@given(st.permutations(range(12)), st.sets(st.integers(0, 11)), st.lists(st.integers(0, 12), max_size=5))
def test_events_that_arrive_in_any_order_are_all_given(order: list[int], lost: set[int], cuts: list[int]) -> None:
    lane = Lane(lambda target: len(lost))
    arriving = [fork((n + 1) * MS, n) for n in order if n not in lost]
    released: list[Event] = []
    for a, b in itertools.pairwise([0, *sorted(cuts), 12]):
        lane.take(arriving[a:b])
        released += lane.release(20 * MS)
    released += lane.release(0, final=True)
    all_told = told(released) + told(lane.tail(1, 12, 1 << 62))
    assert sorted(n for n in all_told if isinstance(n, int)) == sorted(set(range(12)) - lost)
    assert set(numbers(all_told)) == set(range(12))
    gaps = [n for one in all_told if not isinstance(one, int) for n in numbers([one])]
    assert len(gaps) == len(set(gaps))


# Streams of bytes.


def out(offset: int, data: bytes, tty: int = 1) -> Event:
    return [TYPES["tty_out"], 9, 0, 1, 4, 7, offset, tty, data]


def typed(offset: int, data: bytes, hidden: int = 0) -> Event:
    return [TYPES["tty_in"], 9, 0, 1, 4, 7, offset, 1, 10, hidden, data]


def close(out_bytes: int, in_bytes: int) -> Event:
    return [TYPES["tty_close"], 9, 0, 1, 4, 7, out_bytes, in_bytes, 1]


def holes(checked: list[Event]) -> list[tuple[int, int, int, int]]:
    """(tty, direction, offset, bytes) of each gap."""
    return [(e[10], e[11], e[8], e[9]) for e in checked if e[0] == TYPES["gap"]]


def test_pieces_that_follow_each_other_have_no_gap() -> None:
    arrived = [out(0, b"abc"), typed(0, b"x"), out(3, b"d"), typed(1, b"", hidden=5), typed(6, b"y"), close(4, 7)]
    assert Streams().check(arrived) == arrived


@pytest.mark.parametrize(
    ("arrived", "hole"),
    [
        ([out(2, b"c")], (1, OUT, 0, 2)),
        ([out(0, b"ab"), out(5, b"c")], (1, OUT, 2, 3)),
        ([typed(0, b"ab"), typed(4, b"c")], (1, IN, 2, 2)),
        ([out(0, b"ab"), close(6, 0)], (1, OUT, 2, 4)),
        ([out(0, b"ab"), close(2, 3)], (1, IN, 0, 3)),
    ],
)
def test_a_hole_in_a_stream_is_a_gap_before_what_follows(arrived: list[Event], hole: tuple[int, int, int, int]) -> None:
    checked = Streams().check(arrived)
    assert holes(checked) == [hole]
    assert checked[-2][0] == TYPES["gap"]
    assert checked[-2][4] == 4  # the session
    assert checked[-2][12] == RING_FULL


def test_a_hole_that_the_kernel_told_of_is_no_second_gap() -> None:
    unreadable = [TYPES["gap"], 9, 3, 1, 4, 0, (1 << 64) - 1, 0, 2, 4096, 1, OUT, 2, 0][:13]
    checked = Streams().check([out(0, b"ab"), unreadable, out(4098, b"c")])
    assert holes(checked) == [(1, OUT, 2, 4096)]
    assert checked[1][6] is None


def test_terminals_do_not_mix() -> None:
    assert holes(Streams().check([out(0, b"ab"), out(0, b"abcd", tty=2), out(2, b"c"), out(4, b"e", tty=2)])) == []


def test_a_piece_that_comes_late_makes_one_gap_and_no_more() -> None:
    streams = Streams()
    checked = streams.check([out(0, b"ab"), out(4, b"ef"), out(2, b"cd"), out(6, b"gh")])
    assert holes(checked) == [(1, OUT, 2, 2)]


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=30))
def test_pieces_and_gaps_are_every_byte_of_a_terminal(pieces: list[tuple[int, bool]]) -> None:
    arrived, offset = [], 0
    for size, kept in pieces:
        if kept:
            arrived.append(out(offset, bytes(size)))
        offset += size
    at = 0
    for event in Streams().check([*arrived, close(offset, 0)]):
        if event[0] == TYPES["gap"]:
            assert event[8] == at
            at += event[9]
        elif event[0] == TYPES["tty_out"]:
            assert event[6] == at
            at += len(event[8])
    assert at == offset


def test_bytes_beyond_the_last_that_came_are_a_gap_at_the_end() -> None:
    streams = Streams()
    streams.check([[TYPES["tty_out"], 1, 0, 1, 3, 7, 0, 5, b"abc"]])
    assert streams.tail(9, (1, 3), (5, OUT), 3) == []
    assert streams.tail(9, (1, 3), (5, OUT), 10) == [
        gap(9, 1, "GAP_RING_FULL", session=3, tty=5, direction=OUT, offset=3, size=7)
    ]
    assert streams.tail(9, (1, 3), (5, OUT), 10) == []
    assert streams.tail(9, (2, 4), (6, IN), 2) == [
        gap(9, 2, "GAP_RING_FULL", session=4, tty=6, direction=IN, offset=0, size=2)
    ]
