"""What gives way when the spool is full: all of it is told, and nothing twice."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from recorder import events, loss
from recorder.events import Event
from recorder.log.format import BYTE_LANE, PROCESS_LANE
from recorder.shed import _BATCH, _MAX_RUNS, SHARES, Shed

TYPES = {layout.name: number for number, layout in events.layouts().items()}
NAMES = {number: name for name, number in TYPES.items()}
FULL = events.enums()["gap_reason"]["GAP_SPOOL_FULL"]
ALWAYS = ("session_start", "session_end", "tty_open", "tty_close", "target_start", "target_end")


class Lane:
    """Makes the events of a lane as the probes do, with numbers and offsets that have no hole."""

    def __init__(self) -> None:
        self.seqs: dict[int, int] = {}
        self.offsets: dict[tuple[int, int], int] = {}
        self.sizes: dict[int, int] = {}
        self.time = 0

    def event(self, name: str, target: int, session: int, size: int) -> Event:
        self.time += 1
        tty = 10 * target + session
        seq: int | None = self.seqs.get(target, 0)
        own: list[Any] = []
        if name == "tty_out":
            own = [self._offset(tty, loss.OUT, size), tty, b"x" * size]
        elif name == "tty_in":
            own = [self._offset(tty, loss.IN, 2 * size), tty, 0, size, b"x" * size]
        elif name == "tty_resize":
            own = [tty, 24, 80 + size]
            self.sizes[tty] = 80 + size
        elif name == "tty_close":
            self.sizes.pop(tty, None)
            own = [self.offsets.get((tty, d), 0) for d in (loss.OUT, loss.IN)] + [tty]
        elif name == "gap":  # the kernel's: bytes that it could not read
            own = [None, 0, self._offset(tty, loss.OUT, size), size, tty, loss.OUT, 2]
        if name in ("session_end", "target_start", "target_end"):
            seq = None
        else:
            self.seqs[target] = self.seqs.get(target, 0) + 1
        return [TYPES[name], self.time, seq, target, session, 0, *own]

    def _offset(self, tty: int, direction: int, size: int) -> int:
        at = self.offsets.get((tty, direction), 0)
        self.offsets[tty, direction] = at + size
        return at


def tiles(pieces: list[tuple[int, int]]) -> int:
    """The end of pieces that cover everything from 0 on, none of it twice."""
    at = 0
    for first, count in sorted(piece for piece in pieces if piece[1]):
        assert first == at
        at += count
    return at


def covered(log: list[Event]) -> tuple[dict[int, int], dict[tuple[int, int], int]]:
    """(numbers by target, bytes by stream) that a log accounts for."""
    seqs: dict[int, list[tuple[int, int]]] = {}
    streams: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for event in log:
        kind, seq, target = NAMES[event[0]], event[2], event[3]
        if seq is not None:
            seqs.setdefault(target, []).append((seq, 1))
        if kind == "tty_out":
            streams.setdefault((event[7], loss.OUT), []).append((event[6], len(event[8])))
        elif kind == "tty_in":
            streams.setdefault((event[7], loss.IN), []).append((event[6], event[9] + len(event[10])))
        elif kind == "gap":
            if event[6] is not None:
                seqs.setdefault(target, []).append((event[6], event[7]))
            if event[10]:
                streams.setdefault((event[10], event[11]), []).append((event[8], event[9]))
    return {t: tiles(p) for t, p in seqs.items()}, {s: tiles(p) for s, p in streams.items()}


def by_shed(event: Event) -> bool:
    """Whether it says what was left out."""
    return (NAMES[event[0]] == "gap" and event[-1] == FULL) or (NAMES[event[0]] == "tty_resize" and event[2] is None)


KINDS = st.sampled_from(
    ["tty_out", "tty_out", "tty_in", "tty_resize", "gap", "exec_argv", "exec", "exec_failed", "fork", "exit", *ALWAYS]
)
BATCHES = st.lists(st.lists(st.tuples(KINDS, st.integers(1, 2), st.integers(1, 2), st.integers(0, 9)), max_size=90))


@given(BATCHES, st.lists(st.booleans(), min_size=1, max_size=60), st.sampled_from([PROCESS_LANE, BYTE_LANE]))
def test_what_is_kept_and_the_gaps_are_everything_once(
    batches: list[list[tuple[str, int, int, int]]], room: list[bool], lane: str
) -> None:
    made, log, answers = Lane(), [], iter(room * 1000)
    shed = Shed(lane, lambda share: next(answers))
    everything: list[Event] = []
    for batch in batches:
        arrived = [made.event(*one) for one in batch]
        everything += arrived
        for kept in shed.sift(arrived):
            log += kept
    log += shed.over(made.time + 1)
    assert shed.over(made.time + 1) == []

    times = [event[1] for event in log]
    assert times == sorted(times)
    assert covered(log) == (
        made.seqs,
        {stream: end for stream, end in made.offsets.items() if end or stream in covered(log)[1]},
    )
    sizes = {event[6]: event[8] for event in log if NAMES[event[0]] == "tty_resize"}
    assert {tty: sizes[tty] for tty in made.sizes} == made.sizes
    own = [event for event in log if not by_shed(event)]
    own_ids = {id(event) for event in own}
    assert [event for event in everything if id(event) in own_ids] == own  # unchanged, in their order, none twice
    assert all(id(event) in own_ids for event in everything if NAMES[event[0]] in ALWAYS)
    for event in log:
        if NAMES[event[0]] == "gap" and by_shed(event):
            assert event[2] is None
            assert event[7] or event[9] or event[10]


@given(BATCHES)
def test_where_there_is_room_nothing_changes(batches: list[list[tuple[str, int, int, int]]]) -> None:
    made, shed = Lane(), Shed(PROCESS_LANE, lambda share: True)
    for batch in batches:
        arrived = [made.event(*one) for one in batch]
        assert [event for kept in shed.sift(arrived) for event in kept] == arrived
    assert shed.over(made.time) == []


def test_output_gives_way_before_commands() -> None:
    asked: list[float] = []

    def room(share: float) -> bool:
        asked.append(share)
        return True

    for lane in (BYTE_LANE, PROCESS_LANE):
        list(Shed(lane, room).sift([Lane().event("exec", 1, 1, 0)]))
    assert asked == [SHARES[BYTE_LANE], SHARES[PROCESS_LANE]] == [7 / 8, 1.0]


def test_the_room_is_looked_at_again_within_a_flood() -> None:
    made, answers = Lane(), iter([True, False, True])
    shed = Shed(BYTE_LANE, lambda share: next(answers))
    first, second, third = shed.sift([made.event("tty_out", 1, 1, 1) for _ in range(3 * _BATCH)])
    assert (len(first), second) == (_BATCH, [])
    assert [e[6:9] for e in third[:2]] == [[_BATCH, _BATCH, 0], [None, 0, _BATCH]]
    assert len(third) == 2 + _BATCH


def test_the_gap_of_a_terminal_comes_before_its_close() -> None:
    made, shed = Lane(), Shed(BYTE_LANE, lambda share: False)
    arrived = [made.event(name, 1, session, 5) for session in (1, 2) for name in ("tty_out", "tty_in")]
    (kept,) = shed.sift([*arrived, made.event("tty_close", 1, 1, 0)])
    assert [NAMES[e[0]] for e in kept] == ["gap", "gap", "tty_close"]
    assert [(e[9], e[10], e[11]) for e in kept[:2]] == [(5, 11, loss.OUT), (10, 11, loss.IN)]
    assert [(e[10], e[11]) for e in shed.over(9) if e[9]] == [(12, loss.OUT), (12, loss.IN)]


def test_what_is_left_out_for_long_is_told_before_it_takes_much_memory() -> None:
    made, shed = Lane(), Shed(PROCESS_LANE, lambda share: False)
    arrived = [made.event(name, 1, 1, 0) for _ in range(3 * _MAX_RUNS) for name in ("exec", "session_start")]
    log = [event for kept in shed.sift(arrived) for event in kept]
    assert sum(NAMES[event[0]] == "gap" for event in log) >= 2 * _MAX_RUNS
    assert shed._left.count <= _MAX_RUNS
    assert covered(log + shed.over(made.time))[0] == made.seqs


def test_who_sets_the_size_of_a_terminal_without_end_takes_no_room_and_the_last_size_is_told() -> None:
    made, shed = Lane(), Shed(BYTE_LANE, lambda share: False)
    arrived = [made.event("tty_resize", 1, 1, size % 2) for size in range(1000)]
    assert [event for kept in shed.sift(arrived) for event in kept] == []
    gap, size = shed.over(made.time)
    assert gap[6:8] == [0, 1000]
    assert size == [TYPES["tty_resize"], made.time, None, 1, 1, 0, 11, 24, 81]


def test_the_size_of_a_terminal_that_is_closed_is_not_told_any_more() -> None:
    made, shed = Lane(), Shed(BYTE_LANE, lambda share: False)
    list(shed.sift([made.event("tty_resize", 1, 1, 1), made.event("tty_close", 1, 1, 0)]))
    assert [NAMES[event[0]] for event in shed.over(made.time)] == ["gap"]


def test_gaps_without_end_become_one() -> None:
    made, shed = Lane(), Shed(BYTE_LANE, lambda share: False)
    assert [event for kept in shed.sift([made.event("gap", 1, 1, 5) for _ in range(1000)]) for event in kept] == []
    of_events, of_bytes = shed.over(made.time)
    assert of_events[6:8] == [0, 1000]
    assert of_bytes[8:12] == [0, 5000, 11, loss.OUT]


def test_a_gap_that_says_not_how_much_is_kept() -> None:
    missed = loss.gap(1, 1, "GAP_PROBE_MISSED", session=1, count=1, tty=11, direction=loss.OUT, offset=5)
    assert list(Shed(BYTE_LANE, lambda share: False).sift([missed])) == [[missed]]


def test_a_gap_that_says_not_where_is_kept() -> None:
    missed = loss.gap(1, 0, "GAP_PROBE_MISSED", count=3)
    assert list(Shed(PROCESS_LANE, lambda share: False).sift([missed])) == [[missed]]
