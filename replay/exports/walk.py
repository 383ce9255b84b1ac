"""The sessions of a recording with all that is known of them, for formats that are about what ran."""

from collections.abc import Iterator
from dataclasses import dataclass

from recorder.log.format import Target
from replay.escape import text
from replay.exports.job import Entry, Job
from replay.model import Timeline
from replay.programs import Exec
from replay.timeline import Memory, build


@dataclass(frozen=True)
class Visit(Entry):
    """A session, and the timeline of its log."""

    timeline: Timeline

    @property
    def target(self) -> Target | None:
        """Where it was, if that is known."""
        return self.timeline.target(self.session.target)

    @property
    def id(self) -> str:
        """A name that no other session has: that of the recording, the log and the number in it."""
        return f"{text(self.timeline.header.recording)}/{text(self.part.name)}/{self.session.number}"

    def id_of(self, place: int) -> str:
        """The same for a program of it, by its place among all of them."""
        return f"{self.id}/{place}"


def visits(job: Job) -> Iterator[Visit]:
    """The sessions that are wanted, log by log, in order of their numbers."""
    memory = Memory()
    for part in job.recording.parts if job.session is None else [job.session[0]]:
        timeline = build(part.log, memory=memory)
        part.damage = timeline.damage or part.damage
        for session in timeline.sessions:
            if job.session is None or session.number == job.session[1]:
                yield Visit(job.recording.number(part, session.number), part, session, timeline)


def places(visit: Visit) -> dict[Exec, int]:
    """The programs of a session by their place among all of them, from 1."""
    return {ran: place for place, ran in enumerate(visit.session.execs, 1)}


def about(target: Target | None, key: str) -> str:
    """What else is known of a target, as text; empty if it is not."""
    value = target.more.get(key) if target else None
    return text(value) if isinstance(value, str) else ""


def filled(value: object) -> object:
    """`value` without its parts that are empty, at any depth: what is not known has no field."""
    if isinstance(value, dict):
        parts = {key: filled(part) for key, part in value.items()}
        return {key: part for key, part in parts.items() if part not in (None, "", {}, [])}
    return value
