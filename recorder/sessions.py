"""Follows sessions from their first event to their end, and counts what a recording holds."""

from dataclasses import dataclass, field

from recorder import events
from recorder.events import Event

_LAYOUTS = {layout.name: layout for layout in events.layouts().values()}
_START, _END, _EXEC, _EXIT, _OPEN, _CLOSE, _OUT, _IN, _GAP = (
    _LAYOUTS[name].type
    for name in (
        "session_start", "session_end", "exec", "exit", "tty_open", "tty_close", "tty_out", "tty_in", "gap",
    )
)  # fmt: skip


@dataclass
class Session:
    """A session that has not ended. `exit` is (exit code, signal) of its first process, once that has ended."""

    number: int
    target: int
    root: int
    terminals: set[int] = field(default_factory=set)
    exit: tuple[int, int] | None = None


class Sessions:
    """The sessions of a recording."""

    def __init__(self) -> None:
        self.open: dict[int, Session] = {}
        self.ended = 0
        self.totals = dict.fromkeys(
            ("sessions", "execs", "output_bytes", "input_bytes", "lost_events", "lost_bytes"), 0
        )

    def see(self, arrived: list[Event]) -> None:
        """Takes note of events."""
        totals = self.totals
        for event in arrived:
            kind = event[0]
            if kind == _OUT:
                totals["output_bytes"] += len(event[8])
            elif kind == _EXEC:
                totals["execs"] += 1
            elif kind == _IN:
                totals["input_bytes"] += event[9] + len(event[10])
            elif kind == _EXIT:
                session = self.open.get(event[4])
                if session and session.root == event[5]:
                    session.exit = (event[7], event[8])
            elif kind == _START:
                totals["sessions"] += 1
                self.open[event[4]] = Session(event[4], event[3], event[5])
            elif kind == _OPEN:
                # Its own: one that a program in it has opened (tmux) may outlive it.
                if (session := self.open.get(event[4])) and event[5] == session.root:
                    session.terminals.add(event[6])
            elif kind == _CLOSE:
                if session := self.open.get(event[4]):
                    session.terminals.discard(event[8])
            elif kind == _GAP:
                totals["lost_events"] += event[7]
                totals["lost_bytes"] += event[9]

    def lingering(self) -> list[Session]:
        """Sessions whose first process has ended while a terminal of theirs is open."""
        return [s for s in self.open.values() if s.exit and s.terminals]

    def finish(self, now: int) -> list[Event]:
        """The session_end events (of time `now`, ns) of the sessions that are over."""
        over = [s for s in self.open.values() if s.exit and not s.terminals]
        told: list[Event] = []
        for session in over:
            assert session.exit
            del self.open[session.number]
            self.ended += 1
            told.append([_END, now, None, session.target, session.number, session.root, *session.exit])
        return told
