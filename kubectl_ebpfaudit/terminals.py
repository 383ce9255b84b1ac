"""Chooses the session, and the terminal, that a verb is about."""

from pathlib import Path

from recorder.log.format import PROCESS_LANE
from recorder.log.reader import Log
from replay.errors import NoSuchRecording, NoTerminal, WrongUsage
from replay.escape import printable, shell_line
from replay.model import Session, Terminal
from replay.timeline import build

_SHOWN = 20


def known_session(sessions: list[Session], number: int, path: Path) -> Session:
    """The session with this number. Raises NoSuchRecording."""
    for session in sessions:
        if session.number == number:
            return session
    known = ", ".join(str(session.number) for session in sessions[:20]) or "none"
    raise NoSuchRecording(f"{printable(path.name)} has no session {number}; it has: {known}")


def find_terminal(log: Log, number: int | None) -> tuple[Session, Terminal]:
    """The session asked for, or the only one that has a terminal; with the terminal it came in on.

    Raises NoSuchRecording, NoTerminal, or WrongUsage that lists the sessions if there are several.
    """
    sessions = build(log, PROCESS_LANE).sessions
    if not any(session.terminals for session in sessions):  # what said so may be lost, but not their bytes
        sessions = build(log).sessions
    name = printable(log.path.name)
    if number is not None:
        session = known_session(sessions, number, log.path)
        if not session.terminals:
            raise NoTerminal(f"session {number} of {name} has no terminal: `kubectl ebpfaudit show` lists its commands")
        return session, session.terminals[0]
    with_terminal = [session for session in sessions if session.terminals]
    if not with_terminal:
        raise NoTerminal(f"no session of {name} has a terminal: `kubectl ebpfaudit show` lists what ran")
    if len(with_terminal) > 1:
        known = ", ".join(f"{name}/{s.number} ({shell_line(s.argv)[:40]})" for s in with_terminal[:_SHOWN])
        raise WrongUsage(f"{name} has {len(with_terminal)} sessions with a terminal; say which one: {known}")
    return with_terminal[0], with_terminal[0].terminals[0]
