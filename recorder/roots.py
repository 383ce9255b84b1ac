"""Finds sessions whose first process has ended without an event: the ring was full, or a probe was skipped."""

import time

from recorder import pids, processes
from recorder.scope import Scope
from recorder.sessions import Session, Sessions

LOOK_SECONDS = 1.0
LOST_EXIT_SECONDS = 2.0  # an exit event that has not come by then was lost: nothing is held back for longer


class Roots:
    """The first processes of the sessions that have not ended."""

    def __init__(self, scope: Scope, sessions: Sessions) -> None:
        self._scope, self._sessions = scope, sessions
        self._looked = 0.0
        self._since: dict[int, float] = {}
        """When each was first seen to be gone."""
        self._shown = pids.are_of_host()

    def look(self) -> None:
        """Ends the sessions whose first process has been gone for long enough."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        gone = [s for s in self._sessions.open.values() if not s.exit and self._is_gone(s)]
        self._since = {s.number: self._since.get(s.number, now) for s in gone}
        for session in gone:
            if now - self._since[session.number] >= LOST_EXIT_SECONDS:
                self._sessions.lost(session)

    def _is_gone(self, session: Session) -> bool:
        if not self._scope.knows(session.root, session.started):
            return True
        if not self._shown:
            return False
        return not processes.is_alive(session.root, session.started)
