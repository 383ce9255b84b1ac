"""Follows the targets of a log: those of its header, and those that come and go while it is written."""

from recorder.log.events import Event
from recorder.log.format import Header, Target
from recorder.log.objects import parse_about
from replay.fields import Enums, data, number
from replay.model import Watched

NOT_FOUND = "not_found"
"""The reason of a target that was not there when the recorder looked for it."""

TOO_MANY = "too_many"
"""The reason of one that the recorder could not watch beside all that it had had."""


class Targets:
    """`known` are the targets by number. `started` is when the recording began, ns since 1970-01-01 UTC."""

    def __init__(self, header: Header, started: int) -> None:
        self._enums = Enums(header)
        self.known = {of.number: Watched(of, started) for of in header.targets}

    def take(self, event: Event, time: int) -> None:
        """Takes note of an event, of `time` in ns since 1970-01-01 UTC."""
        if event.type == "target_start":
            self._start(event, time)
        elif event.type == "target_end":
            self._end(event, time)

    def _start(self, event: Event, time: int) -> None:
        cgroup = max(number(event, "cgroup"), 0)
        told = parse_about(event.target, data(event, "about"), cgroup)
        known = self.known.get(event.target)
        if not known:
            target = told or _unknown(event.target, cgroup)
            self.known[event.target] = Watched(target, time, later=True)
            return
        known.target = told or known.target
        if cgroup and known.end_reason == NOT_FOUND:  # now it is there
            known.ended, known.end_reason = None, ""

    def _end(self, event: Event, time: int) -> None:
        known = self.known.setdefault(event.target, Watched(_unknown(event.target), time, later=True))
        known.ended = time
        known.end_reason = self._enums.name("target_end_reason", number(event, "reason"))


def _unknown(number: int, cgroup: int = 0) -> Target:
    return Target(number, "", "", "", "", "", cgroup)
