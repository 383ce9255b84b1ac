"""Keeps the runs of pods' probes and hooks out of what `record` says while it records: they come every few seconds."""

from recorder.log.argv import split
from recorder.log.events import Event
from recorder.log.format import Header
from replay.escape import printable
from replay.fields import data, number
from replay.kinds import probes
from replay.probe_runs import ProbeRuns
from replay.targets import Targets
from replay.words import short_command

_ALWAYS = ("warning", "gap")


class Folding:
    """What is told of one recorder's events, and what of it counts as somebody's. With `every` all is told.

    A session counts, and else is told of, once it is known whether it is a run: that is as it runs its first command.
    `runs` is how many were not told of.
    """

    def __init__(self, header: Header, every: bool) -> None:
        self.runs = 0
        self._every = every
        self._targets = Targets(header, header.realtime)
        self._begin = ProbeRuns()
        self._held: dict[int, Event] = {}
        self._folded: set[int] = set()
        self._said: set[tuple[int, str]] = set()

    def take(self, event: Event) -> tuple[list[Event], list[Event], str]:
        """(the events to tell of now, those that count now, a line to say besides or nothing)."""
        counted, aside = self._sift(event)
        return ([event], counted, "") if self._every else (counted, counted, aside)

    def _sift(self, event: Event) -> tuple[list[Event], str]:
        self._targets.take(event, 0)
        kind = self._begin.begins(event, self._targets.known)
        if event.session in self._folded:
            if event.type == "session_end":
                self._folded.discard(event.session)
            return [event] if event.type in _ALWAYS else [], ""
        if event.type == "session_start" and self._may_be_run(event):
            self._held[event.session] = event
            return [], ""
        held = [start] if (start := self._held.pop(event.session, None)) else []
        if held and kind:
            self.runs += not self._every
            self._folded.add(event.session)
            return [], self._first(event, kind)
        return [*held, event], ""

    def _may_be_run(self, start: Event) -> bool:
        watched = self._targets.known.get(start.target)
        return bool(watched and probes(watched.target)) and not number(start, "flags")

    def _first(self, event: Event, kind: str) -> str:
        if (event.target, kind) in self._said:
            return ""
        self._said.add((event.target, kind))
        command = short_command(split(data(event, "argv")))
        return f"{printable(kind)} `{command}`: its runs are counted, and not shown (--all shows each)"
