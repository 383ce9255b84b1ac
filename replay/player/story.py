"""What a player knows of a session besides its output: commands, input and its length, by time since it began."""

import bisect
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from recorder.log.argv import split
from recorder.log.errors import BadLog
from recorder.log.events import Event
from recorder.log.format import BYTE_LANE, PROCESS_LANE
from recorder.log.reader import Log
from replay.clocks import Clocks
from replay.escape import shell_line
from replay.fields import data
from replay.model import Session, Terminal
from replay.stream import IN, ordered

_MAX_COMMAND = 200
_MAX_ENTRIES = 1_000_000


class Moment(NamedTuple):
    """Something at a time: a command line, safe to print, or bytes that were typed; `hidden` of them are not kept."""

    at: int
    text: str = ""
    typed: bytes = b""
    hidden: int = 0


@dataclass
class Story:
    """Of one terminal of a session. Times are ns since the session began."""

    log: Log
    session: Session
    tty: Terminal
    number: int
    """The session's, in the recording."""
    user: str = ""
    """Who it was, safe to print, if anybody knows."""
    title: str = ""

    def wall(self, at: int) -> int:
        """ns since 1970-01-01 UTC."""
        return self._clocks.wall(self.session.began + at)

    def at(self, value: str) -> int:
        """The time that `value` means, as `Clocks.parse` takes it. Raises WrongUsage."""
        return self._clocks.parse(value, self.session.began)

    @cached_property
    def start(self) -> int:
        """When the session began, ns since 1970-01-01 UTC."""
        return self.wall(0)

    @cached_property
    def _clocks(self) -> Clocks:
        return Clocks(self.log)

    def _process_events(self) -> Iterator[Event]:
        with suppress(BadLog):  # said when its output is read
            yield from self.log.events(PROCESS_LANE, session=self.session.number)

    @cached_property
    def commands(self) -> list[Moment]:
        """Every program that was run."""
        found: list[Moment] = []
        for event in self._process_events():
            if event.type == "exec" and len(found) < _MAX_ENTRIES:
                argv = split(data(event, "argv")[: _MAX_COMMAND * 4])
                words = shell_line(argv or (data(event, "filename"),))
                found.append(Moment(max(event.time - self.session.began, 0), words[:_MAX_COMMAND]))
        return sorted(found)

    @cached_property
    def inputs(self) -> list[Moment]:
        """Every piece of input."""
        try:
            events = self.log.events(BYTE_LANE, session=self.session.number)
            pieces = ordered(events, self.tty.number, IN)
            return [
                Moment(max(piece.time - self.session.began, 0), "", piece.data, piece.missing)
                for piece, _ in zip(pieces, range(_MAX_ENTRIES), strict=False)
                if piece.data or piece.missing
            ]
        except BadLog:
            return []

    @cached_property
    def prompts(self) -> list[Moment]:
        """Where somebody began to type a line: the first input, and the first after each end of a line."""
        found: list[Moment] = []
        fresh = True
        for moment in self.inputs:
            if fresh:
                found.append(moment)
            fresh = bool({*moment.typed} & {*b"\r\n\x03\x04"})
        return found

    @cached_property
    def length(self) -> int:
        """When the last event of the session came."""
        last = 0
        for event in self._process_events():
            last = max(last, event.time)
        blocks = list(self.log.blocks(BYTE_LANE, self.session.number))
        try:
            for block in blocks[-1:]:
                last = max(last, *(e.time for e in block.events if e.session == self.session.number))
        except (BadLog, TypeError, ValueError):
            pass
        return max(last - self.session.began, 0)

    def grown(self) -> None:
        """Forgets what the log said before it became longer."""
        for name in ("length", "commands", "inputs", "prompts", "_clocks"):
            self.__dict__.pop(name, None)


def around(moments: list[Moment], at: int) -> int:
    """How many of `moments` are not after `at`."""
    return bisect.bisect_right(moments, at, key=lambda moment: moment.at)
