"""The sessions of a log and their terminals, without reading what was printed: quicker than a whole timeline."""

from recorder.log.errors import BadLog
from recorder.log.format import BYTE_LANE, PROCESS_LANE
from recorder.log.reader import Log
from replay.fields import number
from replay.model import Session, Stream, Terminal, Timeline
from replay.timeline import build

_MAX_TERMINALS = 100_000


def with_terminals(log: Log) -> Timeline:
    """The timeline of what ran, its sessions with their terminals and pipes; of bytes and loss it tells nothing.

    It is the whole timeline if what says that a session began is lost.
    """
    timeline = build(log, PROCESS_LANE)
    sessions = {session.number: session for session in timeline.sessions}
    known: dict[int, Terminal] = {}
    pipes: set[int] = set()
    try:
        for event in log.events(BYTE_LANE):
            if not event.type.startswith(("tty_", "stream_")) or event.session <= 0:
                continue
            session = sessions.get(event.session)
            if not session or len(known) + len(pipes) > _MAX_TERMINALS:
                return build(log)
            if event.type.startswith("stream_"):
                _add_pipe(session, number(event, "stream"), number(event, "fd"), pipes)
                continue
            tty = number(event, "tty")
            terminal = known.get(tty) or _add(session, tty, known)
            if event.type == "tty_open":
                terminal.index = number(event, "index")
            if event.type in ("tty_open", "tty_resize"):
                terminal.resize(number(event, "rows"), number(event, "cols"))
    except BadLog:
        return build(log)  # which keeps what comes before
    return timeline


def _add_pipe(session: Session, pipe: int, fd: int, known: set[int]) -> None:
    if pipe not in known:
        session.streams.append(Stream(pipe, fd))
        known.add(pipe)


def _add(session: Session, tty: int, known: dict[int, Terminal]) -> Terminal:
    terminal = next((one for one in session.terminals if one.number == tty), None)
    if not terminal:
        terminal = Terminal(tty)
        session.terminals.append(terminal)
    known[tty] = terminal
    return terminal
