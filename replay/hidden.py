"""Finds commands that left no trace on a terminal: what no replay shows."""

from array import array
from bisect import bisect_left
from collections import defaultdict

from recorder.log.format import BYTE_LANE
from recorder.log.reader import Log
from replay.clock import SECOND, Clock
from replay.fields import number
from replay.model import Timeline

_BEFORE = SECOND
"""What is typed is run when Enter comes; the first command of a script follows that closely."""

_STEP = 1_000_000
"""ns: times are kept only this finely, so that a flood of output takes little memory."""

RULE = (
    "Commands without a visible trace: while they ran nothing was printed in their session, and nothing was typed "
    "into it, nor in the second before they began."
)


def hidden(log: Log, timeline: Timeline) -> frozenset[int]:
    """The IDs (`id(ran)`) of the commands of `timeline` for which RULE holds. Raises BadLog.

    The first program of a session is none: the request itself named it.
    """
    printed, typed = _times(log)
    found = set()
    for session in timeline.sessions:
        out, keys = printed[session.number], typed[session.number]
        if not session.terminals and not out and not keys:
            continue  # nothing of what went through it was recorded: nothing can be said
        last = session.ended if session.ended is not None else timeline.last
        for ran in session.execs[1:]:
            end = last if ran.ended is None else ran.ended
            if not _any(out, ran.time, end) and not _any(keys, ran.time - _BEFORE, end):
                found.add(id(ran))
    return frozenset(found)


def _times(log: Log) -> "tuple[defaultdict[int, array[int]], defaultdict[int, array[int]]]":
    """When anything was printed, and typed, by sessions: ns since 1970-01-01 UTC, rounded down, ascending."""
    clock = Clock(log.header)
    printed: defaultdict[int, array[int]] = defaultdict(lambda: array("q"))
    typed: defaultdict[int, array[int]] = defaultdict(lambda: array("q"))
    for event in log.events():
        clock.feed(event)
        if event.lane != BYTE_LANE or not event.type.startswith(("tty_out", "tty_in", "stream_data")):
            continue
        is_typed = event.type == "tty_in" or (event.type == "stream_data" and not number(event, "fd"))
        times = (typed if is_typed else printed)[event.session]
        moment = clock.wall(event.time) // _STEP * _STEP
        if abs(moment) < 1 << 62 and (not times or moment != times[-1]):
            times.append(moment)
    for of in (printed, typed):
        for session, times in of.items():  # the clock may have been set back
            of[session] = array("q", sorted(times))
    return printed, typed


def _any(times: "array[int]", start: int, end: int) -> bool:
    place = bisect_left(times, start // _STEP * _STEP)
    return place < len(times) and times[place] <= end
