"""Follows sessions from their first event to their end."""

from dataclasses import dataclass, field

from recorder import events
from recorder.events import Event

_LAYOUTS = {layout.name: layout for layout in events.layouts().values()}
_START, _END, _EXIT, _OPEN, _CLOSE = (
    _LAYOUTS[name].type for name in ("session_start", "session_end", "exit", "tty_open", "tty_close")
)
_STREAM_OPEN, _STREAM_CLOSE = (_LAYOUTS[name].type for name in ("stream_open", "stream_close"))
_UNSEEN = events.enums()["session_end_flag"]["SESSION_END_UNSEEN"]


@dataclass
class Session:
    """A session that has not ended. `exit` is (exit code, signal, flags) of its first process, once that has ended."""

    number: int
    target: int
    root: int
    started: int
    """When the first process was created, ns of CLOCK_MONOTONIC; 0 if it had ended before anybody could ask."""
    terminals: set[int] = field(default_factory=set)
    streams: set[int] = field(default_factory=set)
    exit: tuple[int, int, int] | None = None


class Sessions:
    """The sessions of a recording."""

    def __init__(self) -> None:
        self.open: dict[int, Session] = {}
        self.ended = 0

    @property
    def any(self) -> bool:
        """Whether there has been one."""
        return bool(self.open or self.ended)

    def see(self, arrived: list[Event]) -> None:
        """Takes note of events."""
        for event in arrived:
            kind = event[0]
            if kind == _EXIT:
                session = self.open.get(event[4])
                # Another one may have its ID by now, while a terminal is still open.
                if session and session.root == event[5] and session.started in (event[6], 0) and not session.exit:
                    session.exit = (event[7], event[8], 0)
            elif kind == _START:
                self.open[event[4]] = Session(event[4], event[3], event[5], event[6])
            elif kind == _OPEN:
                # Its own: one that a program in it has opened (tmux) may outlive it.
                if (session := self.open.get(event[4])) and event[5] == session.root:
                    session.terminals.add(event[6])
            elif kind == _CLOSE and (session := self.open.get(event[4])):
                session.terminals.discard(event[8])
            elif kind == _STREAM_OPEN and (session := self.open.get(event[4])):
                session.streams.add(event[7])
            elif kind == _STREAM_CLOSE and (session := self.open.get(event[4])):
                session.streams.discard(event[7])

    def lost(self, session: Session) -> None:
        """Says that the first process of a session has ended without an event."""
        session.exit = (0, 0, _UNSEEN)

    def lingering(self) -> list[Session]:
        """Sessions whose first process has ended while a terminal or pipe of theirs is open."""
        return [s for s in self.open.values() if s.exit and (s.terminals or s.streams)]

    def finish(self, now: int) -> list[Event]:
        """The session_end events (of time `now`, ns) of the sessions that are over."""
        over = [s for s in self.open.values() if s.exit and not s.terminals and not s.streams]
        told: list[Event] = []
        for session in over:
            assert session.exit
            del self.open[session.number]
            self.ended += 1
            told.append([_END, now, None, session.target, session.number, session.root, *session.exit])
        return told
