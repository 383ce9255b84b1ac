"""Whether the API server answers a follower, what is told of that, and how long to wait before asking again."""

import random
import time
from collections.abc import Callable
from threading import Event

from kubectl_ebpfaudit.cluster.changes import Back, Lost
from recorder.log.errors import AuditError

FIRST_PAUSE, LAST_PAUSE = 0.25, 15.0
STABLE_SECONDS = 10.0
"""A connection that held so long was a good one."""


class Line:
    """Pauses double from one failure to the next, each cut by up to a half at random; `closing` ends one at once."""

    def __init__(self, closing: Event, clock: Callable[[], float] = time.monotonic) -> None:
        self._closing, self._clock = closing, clock
        self._lost = False
        self._pause = FIRST_PAUSE
        self._since = clock()

    def begin(self) -> None:
        """A connection is about to be made."""
        self._since = self._clock()

    def answered(self) -> list[Back]:
        """The server has answered: what is to be told."""
        was_lost, self._lost = self._lost, False
        return [Back()] if was_lost else []

    def failed(self, error: AuditError) -> list[Lost]:
        """It has not, or said no: what is to be told."""
        was_lost, self._lost = self._lost, True
        return [] if was_lost else [Lost(error)]

    def works(self) -> None:
        """Something came through it."""
        self._pause = FIRST_PAUSE

    def pause(self) -> None:
        """Waits until the next connection may be made."""
        if self._clock() - self._since >= STABLE_SECONDS:
            self.works()
        self._closing.wait(self._pause * random.uniform(0.5, 1))
        self._pause = min(2 * self._pause, LAST_PAUSE)
