"""Finds holes: in the sequence numbers of a target, in the offsets of a stream."""

from bisect import bisect_right
from typing import NamedTuple


class Hole(NamedTuple):
    """Numbers from `start` up to `end` are missing; `time` (ns, CLOCK_MONOTONIC) is that of what follows."""

    start: int
    end: int
    time: int


class Coverage:
    """Which numbers from 0 up were seen. Adding them nearly in order costs next to nothing."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._times: list[int] = []
        self._closed = (0, 0)

    def add(self, start: int, count: int, time: int) -> None:
        """Marks `count` numbers from `start` on as seen, at `time`. What was seen before does no harm."""
        if count <= 0 or start < 0:
            return
        starts, ends = self._starts, self._ends
        end = start + count
        if ends and start == ends[-1]:
            ends[-1] = end
            return
        first = bisect_right(starts, start)
        if first and ends[first - 1] >= start:
            first -= 1
        last = bisect_right(starts, end)
        if first == last:
            starts.insert(first, start)
            ends.insert(first, end)
            self._times.insert(first, time)
            return
        start, time = min((start, time), (starts[first], self._times[first]))
        starts[first:last] = [start]
        ends[first:last] = [max(end, ends[last - 1])]
        self._times[first:last] = [time]

    def close(self, total: int, time: int) -> None:
        """Says at `time` that there are `total` numbers in all."""
        self._closed = max(self._closed, (total, time))

    @property
    def end(self) -> int:
        """One more than the largest number seen."""
        return self._ends[-1] if self._ends else 0

    def holes(self) -> list[Hole]:
        """What is missing before the largest number seen or the total, in order."""
        total, closed = self._closed
        spans = zip([0, *self._ends], [*self._starts, total], [*self._times, closed], strict=True)
        return [Hole(before, start, time) for before, start, time in spans if before < start]
