"""Finds holes: in the sequence numbers of a target, in the offsets of a stream."""

from collections.abc import Callable
from typing import NamedTuple

_MAX_PENDING = 1024
_SPAN_BYTES = 160
"""Bytes of memory that a span takes, roughly."""


class Hole(NamedTuple):
    """Numbers from `start` up to `end` are missing; `time` (ns, CLOCK_MONOTONIC) is that of what follows."""

    start: int
    end: int
    time: int


class Coverage:
    """Which numbers from 0 up were seen. Adding them costs next to nothing if nearly in order, and little if not.

    `keep` takes so many bytes of memory, or gives them back if it is a negative number.
    """

    def __init__(self, keep: Callable[[int], None]) -> None:
        self._keep = keep
        self._spans: list[list[int]] = []
        """[start, end, time] of each, in order and with holes between them."""
        self._pending: list[list[int]] = []
        """Those that are not among them yet, as they came."""
        self._latest = [-1, -1, 0]
        """The one that was added to last."""
        self._closed = (0, 0)

    def add(self, start: int, count: int, time: int) -> None:
        """Marks `count` numbers from `start` on as seen, at `time`. What was seen before does no harm."""
        if count <= 0 or start < 0:
            return
        if start == self._latest[1]:
            self._latest[1] = start + count
            return
        self._latest = [start, start + count, time]
        self._pending.append(self._latest)
        if len(self._pending) > max(_MAX_PENDING, len(self._spans)):
            self._sort_in()

    def _sort_in(self) -> None:
        """Puts all that is pending where it belongs: so many at once that each costs little."""
        if not self._pending:
            return
        before = len(self._spans)
        found: list[list[int]] = []
        for span in sorted((*self._spans, *self._pending), key=lambda span: (span[0], span[2])):
            if found and span[0] <= found[-1][1]:
                found[-1][1] = max(found[-1][1], span[1])
            else:
                found.append(span)
        self._spans, self._latest = found, found[-1]
        self._pending.clear()
        self._keep((len(found) - before) * _SPAN_BYTES)

    def close(self, total: int, time: int) -> None:
        """Says at `time` that there are `total` numbers in all."""
        self._closed = max(self._closed, (total, time))

    @property
    def end(self) -> int:
        """One more than the largest number seen."""
        self._sort_in()
        return self._spans[-1][1] if self._spans else 0

    def holes(self) -> list[Hole]:
        """What is missing before the largest number seen or the total, in order."""
        self._sort_in()
        total, closed = self._closed
        holes, before = [], 0
        for start, end, time in (*self._spans, (total, total, closed)):
            if before < start:
                holes.append(Hole(before, start, time))
            before = end
        return holes
