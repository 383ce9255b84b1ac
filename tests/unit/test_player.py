"""When pieces are due, and what plays them."""

import pytest

from replay.clock import SECOND
from replay.player import pace
from replay.player.pace import MAX, Due, accelerate, between, joined, limit_idle, play, since_start
from replay.stream import Piece
from replay.terminal import Restorer

PIECES = [Piece(10 * SECOND, 0, b"a"), Piece(11 * SECOND, 1, b"b"), Piece(15 * SECOND, 2, b"c")]


def dues() -> list[Due]:
    return list(since_start(PIECES, 10 * SECOND))


def test_pieces_are_due_when_they_came() -> None:
    assert [due.at for due in dues()] == [0, SECOND, 5 * SECOND]


def test_a_piece_is_never_due_before_the_one_before_it() -> None:
    late = [Piece(12, 0, b"a"), Piece(11, 1, b"b")]
    assert [due.at for due in since_start(late, 10)] == [2, 2]


def test_long_pauses_are_cut() -> None:
    assert [due.at for due in limit_idle(dues(), 2 * SECOND)] == [0, SECOND, 3 * SECOND]


def test_a_pause_before_the_first_piece_is_cut_too() -> None:
    assert [due.at for due in limit_idle(since_start(PIECES, 0), SECOND)] == [SECOND, 2 * SECOND, 3 * SECOND]


def test_twice_as_fast_is_due_in_half_the_time() -> None:
    assert [due.at for due in accelerate(dues(), 2.0)] == [0, SECOND // 2, 5 * SECOND // 2]


def test_at_full_speed_nothing_waits() -> None:
    assert [due.at for due in accelerate(dues(), MAX)] == [0, 0, 0]


def test_up_to_the_start_all_comes_at_once_and_after_the_end_nothing() -> None:
    found = [(due.at, due.piece.data) for due in between(dues(), SECOND // 2, 2 * SECOND)]
    assert found == [(0, b"a"), (SECOND // 2, b"b")]
    assert len(list(between(dues(), 0))) == 3


def test_what_is_due_at_once_comes_in_one_piece_but_for_holes() -> None:
    hole = Piece(15 * SECOND, 3, b"", missing=5)
    last = Piece(16 * SECOND, 8, b"d")
    at_once = accelerate(since_start([*PIECES, hole, last], 0), MAX)
    assert [due.piece for due in joined(at_once)] == [PIECES[0]._replace(data=b"abc"), hole, last]
    assert list(joined(dues())) == dues()


def test_pieces_without_data_are_not_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[list[bytes]] = []

    def one(batch: list[Due]) -> Due:
        batches.append([due.piece.data for due in batch])
        return batch[0]

    monkeypatch.setattr(pace, "_one", one)
    empty = Due(0, Piece(0, 0, b""))
    list(joined([empty, empty, Due(0, PIECES[0]), empty, Due(1, PIECES[1])]))
    assert batches == [[b"", b"a"], [b"b"]]


def test_playing_sleeps_until_each_piece_is_due() -> None:
    now, log = 100, list[object]()

    def sleep(seconds: float) -> None:
        nonlocal now
        now += int(seconds * SECOND)
        log.append(seconds)

    play(dues(), lambda piece: log.append(piece.data), lambda: now, sleep)
    assert log == [b"a", 1.0, b"b", 4.0, b"c"]


def test_playing_that_lags_does_not_wait() -> None:
    times = iter([0, 10 * SECOND, 10 * SECOND, 10 * SECOND])
    shown = list[bytes]()

    def sleep(seconds: float) -> None:
        raise AssertionError(f"slept {seconds}")

    play(dues(), lambda piece: shown.append(piece.data), lambda: next(times), sleep)
    assert shown == [b"a", b"b", b"c"]


def test_a_pause_longer_than_the_system_can_wait_is_waited_for_in_parts() -> None:
    now = 0

    def sleep(seconds: float) -> None:
        nonlocal now
        assert seconds <= 10 * 86400
        now += int(seconds * SECOND)

    play([Due(1 << 60, dues()[0].piece)], lambda piece: None, lambda: now, sleep)
    assert now >= 1 << 60


def test_the_alternate_screen_is_left_only_if_it_was_entered() -> None:
    restorer = Restorer()
    assert b"1049l" not in restorer.restore(raw=False)
    restorer.feed(b"\x1b[?1049;25h")
    assert restorer.alternate
    assert restorer.restore(raw=False).startswith(b"\x1b[?1049l")
    restorer.feed(b"\x1b[?1049l")
    assert not restorer.alternate


def test_a_sequence_cut_in_two_is_noticed() -> None:
    restorer = Restorer()
    restorer.feed(b"x\x1b[?10")
    restorer.feed(b"49h")
    assert restorer.alternate


def test_after_raw_playing_mouse_and_paste_modes_are_turned_off() -> None:
    assert b"2004l" in Restorer().restore(raw=True)
    assert b"2004l" not in Restorer().restore(raw=False)
