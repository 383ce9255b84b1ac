"""The order of bytes and the holes in them."""

from hypothesis import given
from hypothesis import strategies as st

from recorder.log.events import Event
from replay.coverage import Coverage
from replay.stream import HIDDEN, IN, OUT, UNEXPLAINED, Piece, ordered


def out(time: int, offset: int, data: bytes, tty: int = 1) -> Event:
    return Event(time, "tty_out", None, 1, 1, 0, {"offset": offset, "tty": tty, "data": data})


def lost(time: int, offset: int, count: int, reason: int = 1) -> Event:
    fields = {"offset": offset, "tty": 1, "bytes": count, "direction": 1, "reason": reason}
    return Event(time, "gap", None, 1, 1, 0, fields)


def test_pieces_come_in_the_order_of_their_offsets() -> None:
    pieces = list(ordered([out(1, 3, b"def"), out(2, 0, b"abc"), out(3, 6, b"g")], 1, OUT))
    assert b"".join(p.data for p in pieces) == b"abcdefg"
    assert not any(p.missing for p in pieces)


def test_a_declared_gap_is_a_hole_with_its_reason() -> None:
    pieces = list(ordered([out(1, 0, b"ab"), lost(2, 2, 10), out(3, 12, b"c")], 1, OUT))
    assert pieces[1] == Piece(2, 2, b"", 10, 1)


def test_a_hole_that_nothing_declares_is_found() -> None:
    pieces = list(ordered([out(1, 0, b"ab"), out(3, 5, b"c")], 1, OUT))
    assert pieces[1] == Piece(3, 2, b"", 3, UNEXPLAINED)


def test_bytes_that_are_missing_at_the_end_are_found_by_the_total() -> None:
    close = Event(9, "tty_close", None, 1, 1, 0, {"tty": 1, "out_bytes": 5, "in_bytes": 0})
    assert list(ordered([out(1, 0, b"ab"), close], 1, OUT))[1] == Piece(9, 2, b"", 3, UNEXPLAINED)


def test_bytes_that_come_twice_are_given_once() -> None:
    pieces = ordered([out(1, 0, b"abc"), out(2, 1, b"bcde")], 1, OUT)
    assert b"".join(p.data for p in pieces) == b"abcde"


def test_hidden_input_is_a_hole_of_its_own_kind() -> None:
    typed = Event(1, "tty_in", None, 1, 1, 0, {"offset": 0, "tty": 1, "hidden": 8, "data": b""})
    assert list(ordered([typed], 1, IN)) == [Piece(1, 0, b"", 8, HIDDEN)]


def test_other_terminals_are_left_out() -> None:
    assert [p.data for p in ordered([out(1, 0, b"a", tty=2), out(2, 0, b"b")], 1, OUT)] == [b"b"]


def test_fields_of_a_wrong_type_do_no_harm() -> None:
    broken = Event(1, "tty_out", None, 1, 1, 0, {"offset": "x", "tty": 1, "data": 7})
    assert [p.data for p in ordered([broken], 1, OUT)] == [b""]


@given(st.permutations(range(12)))
def test_any_order_within_reach_gives_the_same_bytes(order: list[int]) -> None:
    pieces = ordered([out(n, n * 2, b"%02d" % n) for n in order], 1, OUT)
    assert b"".join(p.data for p in pieces) == b"".join(b"%02d" % n for n in range(12))


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6))))
def test_coverage_finds_the_holes_that_a_set_finds(spans: list[tuple[int, int]]) -> None:
    covered = Coverage(lambda size: None)
    seen: set[int] = set()
    for start, count in spans:
        covered.add(start, count, 0)
        seen.update(range(start, start + count))
    missing = {n for hole in covered.holes() for n in range(hole.start, hole.end)}
    assert missing == set(range(max(seen, default=-1) + 1)) - seen
    assert covered.end == max(seen, default=-1) + 1


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6), st.integers(0, 9))))
def test_a_hole_ends_when_the_first_of_what_follows_it_came(spans: list[tuple[int, int, int]]) -> None:
    at_once, step_by_step = Coverage(lambda size: None), Coverage(lambda size: None)
    for start, count, time in spans:
        at_once.add(start, count, time)
        step_by_step.add(start, count, time)
        step_by_step.holes()
    assert at_once.holes() == step_by_step.holes()


def test_spans_that_come_backwards_are_put_together_many_at_once() -> None:
    taken = [0]
    covered = Coverage(lambda size: taken.append(taken[-1] + size))
    spans = 20_000
    for number in reversed(range(spans)):
        covered.add(2 * number, 1, 7)
    assert len(covered.holes()) == spans - 1
    assert len(taken) < 10
    before = taken[-1]
    covered.add(0, 2 * spans, 8)
    assert covered.holes() == []
    assert 0 < taken[-1] < before / 1000
