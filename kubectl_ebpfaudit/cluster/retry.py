"""When to connect again, and when to give it up. Knows time, and nothing of connections."""

import random
import time
from collections.abc import Callable

FIRST_PAUSE, LAST_PAUSE = 0.25, 5.0
JITTER = 0.3  # of a pause: clients that lost one server do not come back all at once
STABLE_SECONDS = 10.0
"""A connection that held so long was a good one, also if nothing came through it."""


class Retry:
    """The first attempt is due at once, the next after pauses that double; all times are seconds of `clock`."""

    def __init__(self, give_up_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._give_up_seconds, self._clock = give_up_seconds, clock
        self._away_since: float | None = None
        self._attempt_at = 0.0
        self._pause = FIRST_PAUSE

    @property
    def due_in(self) -> float:
        """Seconds until the next attempt, at least 0."""
        return max(0.0, self._attempt_at - self._clock())

    @property
    def away_seconds(self) -> float:
        """How long nothing has come through."""
        return 0.0 if self._away_since is None else self._clock() - self._away_since

    @property
    def expired(self) -> bool:
        """Whether it has been away for too long."""
        return self._away_since is not None and self._clock() - self._away_since > self._give_up_seconds

    def attempt(self) -> None:
        """An attempt is made now; if it fails, the next is due after a pause."""
        now = self._clock()
        self._away_since = now if self._away_since is None else self._away_since
        self._attempt_at = now + self._pause * (1 + JITTER * random.random())
        self._pause = min(2 * self._pause, LAST_PAUSE)

    def works(self) -> None:
        """Something came through the connection."""
        self._away_since = None
        self._pause = FIRST_PAUSE

    def dropped(self, held_seconds: float) -> None:
        """The connection is gone, after it held for so long."""
        if held_seconds >= STABLE_SECONDS:
            self.works()
