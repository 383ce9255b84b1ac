"""Ends a search whose expression has run away: some take longer than the age of the universe for one line."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from recorder.log.errors import AuditError
from replay.search.pattern import Pattern

_TICK_SECONDS = 1.0
_MAX_TICKS = 5


class TooSlow(AuditError):
    """The expression took five seconds of CPU for a single line or a few hundred KB."""


@contextlib.contextmanager
def watched(pattern: Pattern) -> Iterator[None]:
    """While it lasts, TooSlow is raised out of an expression that does not come to an end.

    Python's `re` runs handlers of signals on its way (Modules/_sre/sre_lib.h), for this one as for ctrl-C. It is
    CPU time that counts: a laptop that slept, or a slow disk, is no fault of the pattern.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ticks, before = 0, -1

    def tick(number: int, frame: FrameType | None) -> None:
        nonlocal ticks, before
        ticks = ticks + 1 if pattern.busy and pattern.calls == before else 0
        before = pattern.calls
        if ticks >= _MAX_TICKS:
            pattern.busy = False
            raise TooSlow("the pattern takes too long for what was recorded: make it simpler, or use -F for plain text")

    handler = signal.signal(signal.SIGVTALRM, tick)
    signal.setitimer(signal.ITIMER_VIRTUAL, _TICK_SECONDS, _TICK_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, handler)
