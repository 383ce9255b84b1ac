"""Times of a whole log, in any order: from the node's monotonic clock to the wall clock and back."""

import bisect
import contextlib

from recorder.log.errors import BadLog
from recorder.log.format import PROCESS_LANE
from recorder.log.reader import Log
from replay.clock import Clock, is_moment, parse_at


class Clocks:
    """Relates the two clocks of a log by its header and all of its `clock` events.

    CLOCK_MONOTONIC stands still while a node sleeps, and nobody sets it: only those events tell where the wall clock
    went. Of what cannot be decoded nothing is known here: who reads the log will say so.
    """

    def __init__(self, log: Log) -> None:
        clock = Clock(log.header)
        known = {-(1 << 63): clock.wall(0)}
        with contextlib.suppress(BadLog):
            for event in log.of_kinds(PROCESS_LANE, ("clock",)):
                clock.feed(event)
                known[event.time] = clock.wall(0)
        self._times = sorted(known)
        self._offsets = [known[time] for time in self._times]

    def wall(self, time: int) -> int:
        """ns since 1970-01-01 UTC of `time`, in ns of CLOCK_MONOTONIC."""
        return time + self._offsets[max(bisect.bisect_right(self._times, time) - 1, 0)]

    def monotonic(self, wall: int) -> int:
        """When the wall clock first showed `wall` (ns since 1970-01-01 UTC), or more: in ns of CLOCK_MONOTONIC."""
        for time, offset, until in zip(self._times, self._offsets, self._times[1:], strict=False):
            if (found := max(wall - offset, time)) < until:
                return found
        return max(wall - self._offsets[-1], self._times[-1])

    def parse(self, value: str, began: int) -> int:
        """The time that `value` means, in ns after `began`, both of CLOCK_MONOTONIC; negative if it is before that.

        It is what `parse_at` takes, an offset being one from `began`. Raises WrongUsage.
        """
        found = parse_at(value, 0)
        return self.monotonic(found) - began if is_moment(value) else found
