"""Puts the events of a lane in order and finds what is missing among them.

Each event has the next number of its target and lane, taken before room in the ring is; each piece
of a terminal has the offset of its first byte. A hole in either is loss, and becomes a `gap` event
in its place.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter

from recorder import events
from recorder.events import Event

_LAYOUTS = {layout.name: layout for layout in events.layouts().values()}
_GAP = _LAYOUTS["gap"].type
_TTY_OUT, _TTY_IN, _TTY_CLOSE = (_LAYOUTS[n].type for n in ("tty_out", "tty_in", "tty_close"))
_STREAM_DATA, _STREAM_CLOSE = (_LAYOUTS[n].type for n in ("stream_data", "stream_close"))
_REASON = events.enums()["gap_reason"]
_DIRECTION = events.enums()["tty_direction"]
OUT, IN = _DIRECTION["TTY_DIRECTION_OUT"], _DIRECTION["TTY_DIRECTION_IN"]

NO_SEQ = (1 << 64) - 1
"""`first_seq` of a gap that the kernel made, where no event is missing; `seq` of an event that it did not number."""

PATIENCE_NS = 1_000_000_000
"""How long a missing number may be one that is still on its way, if the kernel reports no loss."""

_time = itemgetter(1)
_first = itemgetter(0)

_Runs = list[tuple[int, int]]
"""Numbers as (first, count) of each run of neighbours, ascending: millions that are missing take no room."""


def way(fd: int) -> int:
    """The direction in which bytes go through a pipe that is this file descriptor to its session."""
    return OUT if fd else IN


def gap(
    time: int,
    target: int,
    reason: str,
    *,
    session: int = 0,
    first_seq: int | None = None,
    count: int = 0,
    tty: int = 0,
    direction: int = 0,
    offset: int = 0,
    size: int = 0,
) -> Event:
    """A gap event made by the recorder. `count` events, or `size` bytes from `offset` on, are missing."""
    return [
        _GAP,
        time,
        None,
        target,
        session,
        0,
        first_seq,
        count,
        offset,
        size,
        tty,
        direction,
        _REASON[reason],
    ]


class Lane:
    """The events of one lane on their way from the ring to the log.

    `lost(target)` is how many of a target's events the kernel could not store in this lane so far.
    """

    def __init__(self, lost: Callable[[int], int]) -> None:
        self._lost = lost
        self._pending: list[Event] = []
        self._next: dict[int, int] = {}
        self._declared: dict[int, int] = {}
        self._waiting_since: int | None = None
        self._ahead: dict[int, tuple[int, int]] = {}
        """Of targets, what the next number was at some time, and when: until all before it have come."""

    @property
    def waiting(self) -> bool:
        """Whether events are held back."""
        return bool(self._pending)

    def take(self, arrived: list[Event]) -> None:
        self._pending += arrived

    def release(self, until: int, final: bool = False) -> list[Event]:
        """The events up to `until` (ns), in order of time, with a gap event in each hole.

        Events without a number, made by the recorder, only take their place in time. One that comes
        after it was declared missing is given all the same: a gap may say too much, never too little.

        A hole is one when the kernel says that it lost so many events, or after PATIENCE_NS: before
        that the missing event may be on its way, and all are held back. `final`: nothing comes any more.
        """
        if not self._pending:
            return []
        self._pending.sort(key=_time)
        cut = len(self._pending) if final else bisect_right(self._pending, until, key=_time)
        ready, later = self._pending[:cut], self._pending[cut:]
        counts: dict[int, int] = {}
        tops: dict[int, int] = {}
        expected = self._next.get
        for event in ready:
            target, seq = event[3], event[2]
            if seq == NO_SEQ:
                event[2] = seq = None
            if seq is None or seq < expected(target, 0):
                continue
            counts[target] = counts.get(target, 0) + 1
            if seq > tops.get(target, -1):
                tops[target] = seq
        holes: dict[int, _Runs] = {}
        for target, top in tops.items():
            first = self._next.get(target, 0)
            if top + 1 - first != counts[target]:
                holes[target] = _missing(first, {e[2] for e in ready if e[3] == target and e[2] is not None})
        if holes and not final and not self._real(holes, later, until):
            return []
        self._pending, self._waiting_since = later, None
        for target, top in tops.items():
            self._next[target] = top + 1
        return list(self._with_gaps(ready, holes)) if holes else ready

    def _real(self, holes: dict[int, _Runs], later: list[Event], now: int) -> bool:
        if any(_is_in(holes.get(e[3], []), e[2]) for e in later if e[2] is not None):  # on its way
            return False
        if all(self._lost(t) - self._declared.get(t, 0) >= _count(runs) for t, runs in holes.items()):
            return True
        if self._waiting_since is None:
            self._waiting_since = now
        return now - self._waiting_since >= PATIENCE_NS

    def _with_gaps(self, ready: list[Event], holes: dict[int, _Runs]) -> Iterator[Event]:
        for target, runs in holes.items():
            self._declared[target] = self._declared.get(target, 0) + _count(runs)
        before = {target: deque(runs) for target, runs in holes.items()}
        for event in ready:
            told = before.get(event[3])
            while told and event[2] is not None and told[0][0] < event[2]:
                first, count = told.popleft()
                yield gap(event[1], event[3], "GAP_RING_FULL", first_seq=first, count=count)
            yield event

    def overdue(self, target: int, next_seq: int, now: int) -> list[Event]:
        """The gap after the last event, once it has been there for PATIENCE_NS: no later event may ever show it.

        `next_seq` is the target's next number. Only when the ring has just been emptied.
        """
        reached, since = self._ahead.get(target, (0, 0))
        if reached <= self._next.get(target, 0):
            self._ahead[target] = next_seq, now
            return []
        if now - since < PATIENCE_NS or any(e[3] == target and e[2] not in (None, NO_SEQ) for e in self._pending):
            return []
        told = self.tail(target, reached, now)
        self._declared[target] = self._declared.get(target, 0) + sum(event[7] for event in told)
        return told

    def tail(self, target: int, next_seq: int, now: int) -> list[Event]:
        """The gap between the last event and the end of the recording, after the last release."""
        first = self._next.get(target, 0)
        if next_seq <= first:
            return []
        self._next[target] = next_seq
        return [gap(now, target, "GAP_RING_FULL", first_seq=first, count=next_seq - first)]


def _missing(first: int, present: Iterable[int]) -> _Runs:
    """What is missing from `first` on, up to the last number that is present."""
    runs: _Runs = []
    for number in sorted(present):
        if number > first:
            runs.append((first, number - first))
        first = max(first, number + 1)
    return runs


def _is_in(runs: _Runs, number: int) -> bool:
    at = bisect_right(runs, number, key=_first) - 1
    return at >= 0 and number < sum(runs[at])


def _count(runs: _Runs) -> int:
    return sum(count for _, count in runs)


class Streams:
    """Follows the offsets of every terminal and every pipe."""

    def __init__(self) -> None:
        self._next: dict[tuple[int, int], int] = {}

    def check(self, arrived: list[Event]) -> list[Event]:
        """The events of the byte lane with a gap event before each piece that does not follow the last."""
        out: list[Event] = []
        expected = self._next
        for event in arrived:
            kind = event[0]
            if kind == _TTY_OUT:
                key, offset, size = (event[7], OUT), event[6], len(event[8])
            elif kind == _TTY_IN:
                key, offset, size = (event[7], IN), event[6], event[9] + len(event[10])
            elif kind == _STREAM_DATA:
                key, offset, size = (event[8], way(event[9])), event[6], event[7] + len(event[10])
            elif kind == _STREAM_CLOSE:
                key = (event[7], way(event[8]))
                self._hole(out, event, key, event[6])
                self._next.pop(key, None)
                out.append(event)
                continue
            elif kind == _TTY_CLOSE:
                for direction, total in ((OUT, event[6]), (IN, event[7])):
                    self._hole(out, event, (event[8], direction), total)
                    self._next.pop((event[8], direction), None)
                out.append(event)
                continue
            elif kind == _GAP:
                # Made in the kernel, which could not read these bytes, or by a Lane.
                key, offset, size = (event[10], event[11]), event[8], event[9]
                if event[6] == NO_SEQ:
                    event[6] = None
            else:
                out.append(event)
                continue
            if expected.get(key, 0) != offset:
                self._hole(out, event, key, offset)
            out.append(event)
            expected[key] = max(offset + size, expected.get(key, 0))
        return out

    def tail(self, now: int, whose: tuple[int, int], stream: tuple[int, int], total: int) -> list[Event]:
        """The gap between the last bytes of `stream` (number, direction) and all that went through it so far, `total`.

        For one that is open at the end of the recording; `whose` are its target and session.
        """
        told: list[Event] = []
        self._hole(told, [_GAP, now, None, *whose], stream, total)
        return told

    def _hole(self, out: list[Event], event: Event, key: tuple[int, int], offset: int) -> None:
        first = self._next.get(key, 0)
        if offset > first:
            tty, direction = key
            out.append(
                gap(
                    event[1],
                    event[3],
                    "GAP_RING_FULL",
                    session=event[4],
                    tty=tty,
                    direction=direction,
                    offset=first,
                    size=offset - first,
                )
            )
            self._next[key] = offset
