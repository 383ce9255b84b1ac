"""Chooses the session, and the terminal or the pipes, that a verb is about."""

from collections.abc import Iterable
from typing import NamedTuple

from replay.errors import NoSuchRecording, NoTerminal, WrongUsage
from replay.escape import printable, shell_line
from replay.model import Session, Terminal, Timeline
from replay.recording import Part, Recording
from replay.terminals import with_terminals

_SHOWN = 20


class Found(NamedTuple):
    """A session, under its number in the recording, with the log that it is in and the terminal it came in on.

    `tty` is number 0 for a session that has pipes, and the number of the pipe if only one of them is meant.
    """

    number: int
    part: Part
    session: Session
    tty: Terminal
    where: str = ""
    """The container that it was in, safe to print, if there are several."""


def no_session(recording: Recording, number: int, known: Iterable[int]) -> NoSuchRecording:
    """The error of a session that is not among those `known`."""
    some = ", ".join(map(str, list(known)[:_SHOWN])) or "none"
    return NoSuchRecording(f"{printable(recording.name)} has no session {number}; it has: {some}")


def find_terminal(recording: Recording, number: int | None, tty: int | None = None, pipe: str | None = None) -> Found:
    """The session asked for, or the only one that has a terminal, or else pipes; with the terminal it came in on.

    `tty`: or with its `tty`-th. `pipe`: the one of its pipes that is meant: stdin, stdout or stderr.

    Raises NoSuchRecording, NoTerminal, or WrongUsage that lists the sessions if there are several.
    """
    name = printable(recording.name)
    if number is not None:
        part, session = _session(recording, number)
        if not (own := _way_in(session, pipe)):
            what = pipe or "terminal"
            raise NoTerminal(f"session {number} of {name} has no {what}: `kubectl ebpfaudit show` lists its commands")
        return _with(Found(number, part, session, own), tty)
    found = [
        Found(recording.number(part, of.number), part, of, own, _where(recording, timeline, of))
        for part in recording.parts
        for timeline in [with_terminals(part.log)]
        for of in timeline.sessions
        if (own := _way_in(of, pipe))
    ]
    # Probes and copies are many, and have none.
    found = [one for one in found if one.session.has_terminal] or found
    if not found:
        raise NoTerminal(f"no session of {name} has a {pipe or 'terminal'}: `kubectl ebpfaudit show` lists what ran")
    if len(found) > 1:
        found.sort(key=lambda one: one.number)
        known = ", ".join(f"{name}/{of.number} ({shell_line(of.session.argv)[:40]}{of.where})" for of in found[:_SHOWN])
        what = "a terminal" if found[0].session.has_terminal else "output"
        raise WrongUsage(f"{name} has {len(found)} sessions with {what}; say which one: {known}")
    return _with(found[0], tty)


def _with(found: Found, tty: int | None) -> Found:
    """`found` with its `tty`-th terminal. Raises NoSuchRecording."""
    terminals = found.session.terminals
    if tty is None:
        return found
    if not 1 <= tty <= len(terminals):
        raise NoSuchRecording(f"session {found.number} has no terminal {tty}; it has {len(terminals)}")
    return found._replace(tty=terminals[tty - 1])


def _way_in(session: Session, pipe: str | None) -> Terminal | None:
    if pipe is not None:
        return next((Terminal(of.number) for of in session.streams if of.name == pipe), None)
    if session.streams:
        return Terminal(0)
    return session.terminals[0] if session.terminals else None


def _session(recording: Recording, number: int) -> tuple[Part, Session]:
    place = recording.find(number)
    if not place:
        raise no_session(recording, number, recording.sessions())
    part, in_log = place
    sessions = with_terminals(part.log).sessions
    for session in sessions:
        if session.number == in_log:
            return part, session
    raise no_session(recording, number, (recording.number(part, session.number) for session in sessions))


def _where(recording: Recording, timeline: Timeline, session: Session) -> str:
    target = timeline.target(session.target)
    several = recording.is_folder or len(timeline.targets) > 1
    return f" in {printable(target.name)}" if target and several else ""
