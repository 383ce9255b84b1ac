"""Builds the timeline of a recording from the events of its log."""

from typing import Any

from recorder.log.errors import BadLog
from recorder.log.events import Event
from recorder.log.reader import Damage, Log
from replay import stream
from replay.channels import Channels
from replay.clock import Clock
from replay.errors import TooMuch
from replay.fields import Enums, data, number
from replay.kinds import name_all
from replay.loss import DIRECTIONS, Ledger
from replay.model import (
    SESSION_ATTACHED,
    SESSION_END_UNSEEN,
    SESSION_FROM_NODE,
    SESSION_UNDER_WAY,
    Gap,
    Session,
    Timeline,
)
from replay.processes import Processes, status
from replay.programs import EXEC_UNDER_WAY, FailedExec
from replay.targets import Targets
from replay.warnings import Warnings
from replay.who import kept

_WEIGHT = 1 << 10
"""Bytes of memory that an event which is kept takes, roughly, without its argv."""

_MAX_WEIGHT = 1 << 30
"""Bytes of memory that a recording may make a reader take."""

_WEIGHT_OF_JSON = 32
"""Bytes of memory that a byte of JSON takes, at most."""

_OF_NO_SESSION = ("gap", "target_start", "target_end")


class Memory:
    """What the timelines of one recording may take together."""

    def __init__(self) -> None:
        self._left = _MAX_WEIGHT

    def take(self, size: int) -> None:
        """Takes `size` bytes, or gives back -`size`. Raises TooMuch if there are none left."""
        self._left -= size
        if self._left < 0:
            raise TooMuch("it holds more than fits into memory: read it with `export --format jsonl` instead")


class _Builder:
    def __init__(self, log: Log, memory: Memory, lane: str | None = None) -> None:
        self.is_whole = lane is None
        self.clock = Clock(log.header)
        self.targets = Targets(log.header, self.clock.wall(log.header.monotonic))
        self.enums = Enums(log.header)
        self.sessions: dict[int, Session] = {}
        self.gaps: list[Gap] = []
        self.last = self.events = 0
        self._memory = memory
        self._processes = Processes(self.clock, self.enums, self._keep, self._free)
        self._warnings = Warnings(self.enums)
        self._channels = Channels(self.clock, self._session, self._warnings, self._keep)
        self._ledger = Ledger(memory.take)
        self._handlers = {
            "session_start": self._session_start,
            "session_end": self._session_end,
            "fork": self._processes.fork,
            "exec": self._exec,
            "exec_argv": self._processes.exec_argv,
            "exec_file": self._processes.exec_file,
            "exec_hash": self._processes.exec_hash,
            "exec_failed": self._exec_failed,
            "warning": self._warning,
            "exit": self._exit,
            "tty_open": self._channels.tty_open,
            "tty_resize": self._channels.tty_resize,
            "tty_out": self._channels.tty_bytes,
            "tty_in": self._channels.tty_bytes,
            "stream_open": self._channels.stream_open,
            "stream_data": self._channels.stream_data,
            "stream_close": self._channels.stream_close,
            "gap": self._gap,
            "target_start": self._target,
            "target_end": self._target,
        }

    def take(self, event: Event) -> None:
        self.events += 1
        self.last = max(self.last, event.time)
        if self.is_whole:
            self._ledger.take(event)
        self.clock.feed(event)
        handler = self._handlers.get(event.type)
        if handler and (event.session > 0 or event.type in _OF_NO_SESSION):
            handler(event)

    def _keep(self, more: int = 0) -> None:
        self._memory.take(_WEIGHT + more)

    def _free(self) -> None:
        self._memory.take(-_WEIGHT)

    def _target(self, event: Event) -> None:
        self._keep(_WEIGHT_OF_JSON * len(data(event, "about")))
        self.targets.take(event, self.clock.wall(event.time))

    def _session(self, event: Event) -> Session:
        session = self.sessions.get(event.session)
        if not session:
            self._keep()
            start = self.clock.wall(event.time)
            session = Session(event.session, event.target, event.pid, 0, start, event.time)
            self.sessions[event.session] = session
        return session

    def _session_start(self, event: Event) -> None:
        session = self._session(event)
        session.host_pid, session.pid = event.pid, number(event, "ns_pid")
        session.from_node = bool(number(event, "flags") & SESSION_FROM_NODE)
        session.attached = bool(number(event, "flags") & SESSION_ATTACHED)
        if number(event, "flags") & SESSION_UNDER_WAY:
            session.under_way = True
            if created := number(event, "start_time"):
                session.started = self.clock.wall(created)

    def _session_end(self, event: Event) -> None:
        session = self._session(event)
        session.ended, session.over = self.clock.wall(event.time), event.time
        session.exit_code, session.signal = status(event)
        if number(event, "flags") & SESSION_END_UNSEEN:
            session.exit_code = None
        session.outlived += self._processes.left(event.session, session.host_pid)

    def _exec(self, event: Event) -> None:
        self._session(event).execs.append(self._processes.exec(event))

    def _exec_failed(self, event: Event) -> None:
        self._keep(len(data(event, "filename")))
        pid = self._processes.inner_pid(event.pid)
        time, filename = self.clock.wall(event.time), data(event, "filename")
        self._session(event).failed.append(
            FailedExec(time, event.pid, pid, filename, number(event, "error"), event.time)
        )

    def _warning(self, event: Event) -> None:
        self._keep()
        time = self.clock.wall(event.time)
        self._warnings.event(event, self._session(event), time, self._processes.inner_pid(event.pid))

    def _exit(self, event: Event) -> None:
        self._processes.exit(event)
        session = self.sessions.get(event.session)
        if session and session.host_pid == event.pid and session.exit_code is None:
            session.exit_code, session.signal = status(event)

    def _gap(self, event: Event) -> None:
        self._add_gap(
            event.session,
            event.time,
            reason=self.enums.name("gap_reason", number(event, "reason")),
            events=max(number(event, "events"), 0),
            bytes=max(number(event, "bytes"), 0),
            offset=number(event, "offset"),
            tty=number(event, "tty"),
            direction=DIRECTIONS.get(number(event, "direction"), ""),
        )

    def _add_gap(self, session: int, time: int, **fields: Any) -> None:
        self._keep()
        known = self.sessions.get(session)
        (known.gaps if known else self.gaps).append(Gap(self.clock.wall(time), **fields, monotonic=time))

    def add_missing(self) -> None:
        """Adds the gaps that no event speaks of."""
        for session, tty, direction, (start, end, time) in self._ledger.missing_bytes():
            where = {"offset": start, "tty": tty, "direction": direction}
            self._add_gap(session, time, reason=stream.UNEXPLAINED, bytes=end - start, **where)
        for start, end, time in self._ledger.missing_events():
            self._add_gap(0, time, reason=stream.UNEXPLAINED, events=end - start)

    def close(self) -> None:
        """Sorts what is in order of time."""
        self._warnings.close(self.sessions, self.clock.wall(self.last), self.last)
        for gaps in (self.gaps, *(s.gaps for s in self.sessions.values())):
            gaps.sort(key=lambda gap: gap.time)
        for known in self.sessions.values():
            if known.attached:  # what it found there is told a moment after it began
                known.execs.sort(key=lambda ran: not ran.flags & EXEC_UNDER_WAY)
            known.warnings.sort(key=lambda warned: warned.time)


def build(log: Log, lane: str | None = None, memory: Memory | None = None) -> Timeline:
    """The timeline of `log`, as far as it can be read.

    A block that cannot be decoded ends it with a Damage, and so does more than memory should hold.
    With a lane, only of the events in that one: quicker, but nothing then can be said of what is missing.
    `memory` is given where several timelines are kept.
    """
    builder = _Builder(log, memory or Memory(), lane)
    started = builder.clock.wall(log.header.monotonic)
    damage = _read(builder, log, lane)
    if builder.is_whole:
        builder.close()
    name_all(builder.sessions.values(), builder.targets.known, log.header.version)
    last = builder.clock.wall(builder.last or log.header.monotonic)
    known = kept.load(log.path, log.header, log.end)
    for session in builder.sessions.values():
        session.who = known.sessions.get(session.number) if known else None
    return Timeline(
        path=log.path,
        header=log.header,
        end=log.end,
        damage=damage,
        targets=builder.targets.known,
        sessions=sorted(builder.sessions.values(), key=lambda session: session.number),
        gaps=builder.gaps,
        started=started,
        last=last,
        ended=builder.clock.wall(log.end.time) if log.end else None,
        events=builder.events,
    )


def _read(builder: _Builder, log: Log, lane: str | None) -> Damage | None:
    """Gives the events to `builder`; what kept it from the last one."""
    damage = log.damage
    try:
        try:
            for event in log.events(lane):
                builder.take(event)
        except BadLog as error:
            damage = Damage(log.size, str(error), cut=False)
        if builder.is_whole:
            builder.add_missing()
    except TooMuch as error:
        return Damage(log.size, str(error), cut=False, too_much=True)
    return damage
