"""The timelines of a folder of logs, as one."""

from collections.abc import Iterator
from typing import NamedTuple

from recorder.log.format import Target
from replay.model import Session, Timeline
from replay.recording import Part, Recording
from replay.timeline import Memory, build

BROKEN = "broken"
_WORST_FIRST = (BROKEN, "damaged", "unread", "unfinished", "lossy", "complete")


def worst(states: list[str]) -> str:
    """The worst of the states of several logs."""
    return min(states, key=_WORST_FIRST.index)


class Member(NamedTuple):
    """A session of a run: its number in the run, where it was, and itself with its number in that log."""

    number: int
    part: Part
    timeline: Timeline
    session: Session

    @property
    def target(self) -> Target | None:
        """What it entered."""
        return self.timeline.target(self.session.target)


class Run:
    """All logs of a recording, read."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        memory = Memory()
        self.logs = [(part, build(part.log, memory=memory)) for part in recording.parts]
        for part, timeline in self.logs:
            part.damage = timeline.damage
        self.sessions = sorted(self._members(), key=lambda member: member.number)

    def _members(self) -> Iterator[Member]:
        for part, timeline in self.logs:
            for session in timeline.sessions:
                yield Member(self.recording.number(part, session.number), part, timeline, session)

    @property
    def state(self) -> str:
        """broken | damaged | unread | unfinished | complete: the worst of its logs."""
        states = [timeline.state for _, timeline in self.logs]
        return worst([*states, *[BROKEN] * bool(self.recording.broken)])

    @property
    def started(self) -> int:
        """When the first log began, ns since 1970-01-01 UTC."""
        return min(timeline.started for _, timeline in self.logs)

    @property
    def last(self) -> int:
        """The time of the last event."""
        return max(timeline.last for _, timeline in self.logs)

    @property
    def ended(self) -> int | None:
        """When the last log ended, None if one has no end or cannot be read."""
        ends = [timeline.ended for _, timeline in self.logs if timeline.ended is not None]
        return max(ends) if len(ends) == len(self.logs) and not self.recording.broken else None

    @property
    def lost_events(self) -> int:
        return sum(timeline.lost_events for _, timeline in self.logs)

    @property
    def lost_bytes(self) -> int:
        return sum(timeline.lost_bytes for _, timeline in self.logs)
