"""Ends terminals whose end the kernel could not tell of, or will not see.

The latter are those whose owner has closed its end without reading to the end.
"""

import time

from recorder import events
from recorder.events import Event
from recorder.scope import Scope, Terminal
from recorder.sessions import Session, Sessions

OWNERLESS_SECONDS = 5.0
SECOND_LOOK_SECONDS = 1.0  # how often it is looked whether anybody holds the terminals that sessions have opened
LOST_CLOSE_SECONDS = 2.0  # a terminal that the kernel has forgotten so long ago: its tty_close was lost

_TTY_CLOSE = {layout.name: number for number, layout in events.layouts().items()}["tty_close"]


class Terminals:
    """The terminals of the sessions that have not ended."""

    def __init__(self, scope: Scope, sessions: Sessions) -> None:
        self._scope, self._sessions = scope, sessions
        self._since: dict[int, float] = {}
        """When each was first seen to outlive its session's first process."""
        self._looked = 0.0

    def close(self) -> list[Event]:
        """The tty_close events of those that have ended, which the kernel forgets by that."""
        if not self._sessions.any:
            return []
        lingering = {session.number: session for session in self._sessions.lingering()}
        terminals = self._scope.terminals()
        self._forget_lost(lingering, {terminal.number for terminal in terminals})
        left = self._left(terminals)
        told: list[Event] = []
        for terminal in terminals:
            over = terminal.session in lingering and self._is_over(terminal)
            if not (terminal.closed or over or terminal.number in left):
                continue
            if self._scope.forget(terminal):
                # What the owner has read is in the ring by now, since it has closed its end, and is older.
                told.append(_close(terminal))
        return told

    def _left(self, terminals: list[Terminal]) -> set[int]:
        """Of the terminals that programs in sessions have opened, those whose other end nobody holds any more."""
        now = time.monotonic()
        if now - self._looked < SECOND_LOOK_SECONDS:
            return set()
        self._looked = now
        own = {number for session in self._sessions.open.values() for number in session.terminals}
        return {t.number for t in terminals if t.number not in own and not self._scope.is_held(t)}

    def _waited(self, number: int) -> float:
        now = time.monotonic()
        return now - self._since.setdefault(number, now)

    def _forget_lost(self, lingering: dict[int, Session], known: set[int]) -> None:
        """Lets sessions end whose tty_close was lost."""
        waiting = {number for session in lingering.values() for number in session.terminals}
        self._since = {number: since for number, since in self._since.items() if number in waiting | known}
        for session in lingering.values():
            for number in session.terminals - known:
                if self._waited(number) >= LOST_CLOSE_SECONDS:
                    session.terminals.discard(number)

    def _is_over(self, terminal: Terminal) -> bool:
        waited = self._waited(terminal.number)
        return not self._scope.is_held(terminal) if terminal.owner else waited >= OWNERLESS_SECONDS


def _close(terminal: Terminal) -> Event:
    return [
        _TTY_CLOSE, time.clock_gettime_ns(time.CLOCK_MONOTONIC), None, terminal.target, terminal.session, 0,
        terminal.out_bytes, terminal.in_bytes, terminal.number,
    ]  # fmt: skip
