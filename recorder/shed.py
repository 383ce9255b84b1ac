"""Leaves events out while the spool has no room for them, and says exactly what was left out.

What tells sessions, terminals and targets apart is kept in any case; it is little. Of the rest, what was printed gives
way first, what ran last: each lane has its share of the spool. Of a terminal's sizes the last one is told afterwards.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from recorder import events, loss
from recorder.events import Event
from recorder.log.format import BYTE_LANE, PROCESS_LANE

SHARES = {BYTE_LANE: 7 / 8, PROCESS_LANE: 1.0}
"""How full the spool may be before a lane gives way."""

_REASON = "GAP_SPOOL_FULL"
_BATCH = 64  # events of at most 4 KiB that go in between two looks at the room
_MAX_RUNS = 1024  # so many are remembered before they are told, also where there is no room

_TYPES = {layout.name: number for number, layout in events.layouts().items()}
_OUT, _IN, _CLOSE = _TYPES["tty_out"], _TYPES["tty_in"], _TYPES["tty_close"]
_STREAM, _STREAM_CLOSE = _TYPES["stream_data"], _TYPES["stream_close"]
_RESIZE, _GAP = _TYPES["tty_resize"], _TYPES["gap"]
_OF_PROCESSES = ("exec_argv", "exec", "exec_file", "exec_hash", "exec_failed", "fork", "exit", "warning")
_GIVE_WAY = {_OUT, _IN, _STREAM, _RESIZE, *(_TYPES[name] for name in _OF_PROCESSES)}

_Stream = tuple[int, int, int, int]  # target, session, terminal or pipe, direction


@dataclass
class _Left:
    """What was left out, as runs of [first, count]: of sequence numbers by target, of bytes by stream.

    `sizes` are the last tty_resize of each terminal by its number.
    """

    runs: dict[int, list[list[int]]] = field(default_factory=dict)
    streams: dict[_Stream, list[list[int]]] = field(default_factory=dict)
    sizes: dict[int, Event] = field(default_factory=dict)
    count: int = 0

    def __bool__(self) -> bool:
        return bool(self.runs or self.streams)

    def add(self, event: Event) -> None:
        kind, seq, target = event[0], event[2], event[3]
        if seq is not None:
            self._add_events(target, seq, 1)
        if kind == _OUT:
            self._add_bytes((target, event[4], event[7], loss.OUT), event[6], len(event[8]))
        elif kind == _IN:
            self._add_bytes((target, event[4], event[7], loss.IN), event[6], event[9] + len(event[10]))
        elif kind == _STREAM:
            self._add_bytes((target, event[4], event[8], loss.way(event[9])), event[6], event[7] + len(event[10]))
        elif kind == _RESIZE:
            self.sizes[event[6]] = event
        elif kind == _GAP:
            if event[6] is not None:
                self._add_events(target, event[6], event[7])
            if event[10]:
                self._add_bytes((target, event[4], event[10], event[11]), event[8], event[9])

    def _add_events(self, target: int, first: int, count: int) -> None:
        self.count += _extend(self.runs.setdefault(target, []), first, count)

    def _add_bytes(self, stream: _Stream, offset: int, size: int) -> None:
        self.count += _extend(self.streams.setdefault(stream, []), offset, size)

    def told(self, now: int) -> Iterator[Event]:
        """The gap events, and the sizes that terminals have by now, of time `now` in ns."""
        for target, runs in self.runs.items():
            for first, count in runs:
                yield loss.gap(now, target, _REASON, first_seq=first, count=count)
        for stream, runs in self.streams.items():
            yield from _stream_gaps(now, stream, runs)
        for size in self.sizes.values():
            yield [_RESIZE, now, None, *size[3:]]

    def closed(self, close: Event) -> Iterator[Event]:
        """The gap events of a terminal or pipe that is closed here: they belong before that."""
        number = close[8] if close[0] == _CLOSE else close[7]
        self.sizes.pop(number, None)
        for direction in (loss.OUT, loss.IN):
            stream = (close[3], close[4], number, direction)
            runs = self.streams.pop(stream, [])
            self.count -= len(runs)
            yield from _stream_gaps(close[1], stream, runs)


def _stream_gaps(now: int, stream: _Stream, runs: list[list[int]]) -> Iterator[Event]:
    target, session, tty, direction = stream
    place = {"session": session, "tty": tty, "direction": direction}
    for offset, size in runs:
        yield loss.gap(now, target, _REASON, offset=offset, size=size, **place)


def _has_place(event: Event) -> bool:
    """Whether it is a gap that says which events or bytes are missing, so that it can be part of another one."""
    return event[0] == _GAP and (event[6] is not None or (event[10] > 0 and event[9] > 0))


def _extend(runs: list[list[int]], first: int, count: int) -> bool:
    """Adds to the last run, or begins another: whether it did that."""
    if runs and sum(runs[-1]) == first:
        runs[-1][1] += count
        return False
    runs.append([first, count])
    return True


class Shed:
    """One lane before the log. `room(share)` says whether the spool is less full than that."""

    def __init__(self, lane: str, room: Callable[[float], bool]) -> None:
        self._share, self._room = SHARES[lane], room
        self._left = _Left()

    def sift(self, arrived: list[Event]) -> Iterator[list[Event]]:
        """What of `arrived`, in order of time, goes into the log, in batches; with it the gaps that are over."""
        for at in range(0, len(arrived), _BATCH):
            batch = arrived[at : at + _BATCH]
            if self._room(self._share):
                yield [*self.over(batch[0][1]), *batch]
                continue
            yield self._thinned(batch)

    def _thinned(self, batch: list[Event]) -> list[Event]:
        kept: list[Event] = []
        for event in batch:
            if event[0] in _GIVE_WAY or _has_place(event):
                self._left.add(event)
                if self._left.count > _MAX_RUNS:
                    kept += self.over(event[1])
                continue
            if event[0] in (_CLOSE, _STREAM_CLOSE):
                kept += self._left.closed(event)
            kept.append(event)
        return kept

    def over(self, now: int) -> list[Event]:
        """What tells (at time `now`, ns) of what was left out and not told yet."""
        if not self._left:
            return []
        told, self._left = list(self._left.told(now)), _Left()
        return told
