"""Warnings of a session: from events of the kernel, and from the output of its terminals."""

from recorder.log.events import Event
from replay.answers import Answers
from replay.fields import Enums, data, number
from replay.model import Session, Warned

_MAX_NAME = 16


def told_by(event: Event, enums: Enums, time: int = 0, pid: int = 0) -> Warned:
    """What a warning event tells."""
    return Warned(
        time,
        enums.name("warning_kind", number(event, "kind")),
        pid=pid,
        host_pid=event.pid,
        value=number(event, "value"),
        other=number(event, "other"),
        other_session=number(event, "other_session"),
        tty=number(event, "tty"),
        name=data(event, "comm")[:_MAX_NAME],
        monotonic=event.time,
    )


class Warnings:
    """Adds warnings to sessions: the same again counts up the first, so that there are few."""

    def __init__(self, enums: Enums) -> None:
        self._enums = enums
        self._known: dict[tuple[int, ...] | tuple[int, int, str], Warned] = {}
        self._terminals: dict[tuple[int, int], Answers] = {}

    def event(self, event: Event, session: Session, time: int, pid: int) -> None:
        """Takes a warning event of a session; `pid` is that of who did it, in the container, or 0."""
        told = told_by(event, self._enums, time, pid)
        key = (session.number, event.pid, number(event, "start_time"), number(event, "kind"), told.other, told.value)
        self._add(session, key, told)

    def output(self, session: Session, tty: int, printed: bytes, time: int, monotonic: int) -> None:
        """Takes output of a terminal of a session, in order; `time` on both clocks."""
        key = (session.number, tty)
        if key not in self._terminals:
            self._terminals[key] = Answers()
        for kind in self._terminals[key].feed(printed):
            self._add(session, (*key, kind), Warned(time, kind, tty=tty, monotonic=monotonic))

    def close(self, sessions: dict[int, Session], time: int, monotonic: int) -> None:
        """Looks at what the outputs ended with, at `time` on both clocks."""
        for (session, tty), answers in self._terminals.items():
            for kind in answers.close():
                told = Warned(time, kind, tty=tty, monotonic=monotonic)
                self._add(sessions[session], (session, tty, kind), told)

    def _add(self, session: Session, key: tuple[int, ...] | tuple[int, int, str], told: Warned) -> None:
        if known := self._known.get(key):
            known.count += 1
            return
        self._known[key] = told
        session.warnings.append(told)
