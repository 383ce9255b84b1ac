"""Ends pipes whose end the kernel could not tell of, or does not see.

The latter are those that a session's first process leaves: of its stdin nobody reads a last time, and an owner
may have closed its end of the others without reading to the end.
"""

import time

from recorder import events
from recorder.events import Event
from recorder.pipes import Pipe, Pipes
from recorder.sessions import Session, Sessions

PATIENCE_SECONDS = 5.0
"""So long a session waits for the end of its output: what it has left behind may hold it for ever."""
LOST_CLOSE_SECONDS = 2.0
UNREAD_SECONDS = 60.0
"""So long somebody may still come to read a pipe that nobody has read."""

_TYPES = {layout.name: number for number, layout in events.layouts().items()}


class StreamEnds:
    """The pipes of the sessions of a recording."""

    def __init__(self, pipes: Pipes, sessions: Sessions) -> None:
        self._pipes, self._sessions = pipes, sessions
        self._since: dict[int, float] = {}
        """When each was first seen to outlive its session's first process."""
        self._any = False

    def close(self) -> list[Event]:
        """The stream_close events of those that have ended, which the kernel forgets by that."""
        if not self._sessions.open and not self._any:
            return []
        pipes = self._pipes.open()
        self._any = bool(pipes)
        lingering = {session.number: session for session in self._sessions.lingering()}
        known = {pipe.number for pipe in pipes}
        waiting = {number for session in lingering.values() for number in session.streams}
        self._since = {number: since for number, since in self._since.items() if number in waiting | known}
        with_output = {pipe.session for pipe in pipes if pipe.fd}
        told: list[Event] = []
        for pipe in pipes:
            if (pipe.closed or self._is_over(pipe, with_output)) and self._pipes.forget(pipe):
                told.append(_close(pipe))
        for session in lingering.values():
            self._wait_no_more(session, known)
        return told

    def _waited(self, number: int) -> float:
        now = time.monotonic()
        return now - self._since.setdefault(number, now)

    def _is_over(self, pipe: Pipe, with_output: set[int]) -> bool:
        session = self._sessions.open.get(pipe.session)
        if session and not session.exit:
            return False
        if pipe.fd == 0:
            return pipe.session not in with_output
        waited = self._waited(pipe.number)
        if not pipe.owner:
            return waited >= UNREAD_SECONDS
        return not self._pipes.has_reader(pipe)

    def _wait_no_more(self, session: Session, known: set[int]) -> None:
        """Lets a session end whose stream_close was lost, or whose output somebody holds who may never end."""
        for number in list(session.streams):
            if self._waited(number) >= (PATIENCE_SECONDS if number in known else LOST_CLOSE_SECONDS):
                session.streams.discard(number)


def _close(pipe: Pipe) -> Event:
    return [
        _TYPES["stream_close"], time.clock_gettime_ns(time.CLOCK_MONOTONIC), None, pipe.target, pipe.session, 0,
        pipe.bytes, pipe.number, pipe.fd, b"",
    ]  # fmt: skip
