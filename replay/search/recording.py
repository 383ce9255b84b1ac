"""Searches one recording."""

from collections.abc import Iterator
from dataclasses import dataclass

from recorder.log.errors import BadLog
from recorder.log.format import PROCESS_LANE
from recorder.log.reader import Damage, Log
from replay.clock import SECOND
from replay.model import Session, Timeline
from replay.recording import Part, Recording
from replay.search.commands import in_commands, may_be_in
from replay.search.hit import ARGV, INPUT, OUTPUT, PLACES, SCREEN, Hit
from replay.search.lines import Found
from replay.search.pattern import Pattern
from replay.search.screens import on_screen
from replay.search.streams import in_input, in_output
from replay.terminals import with_terminals
from replay.timeline import build

_MOST_SORTED = 10_000
"""Hits that are put in order of time; of more, so many at a time."""

_SAME_SECOND = SECOND


@dataclass(frozen=True)
class Query:
    """What to look for, and where. `since` and `until` are ns since 1970-01-01 UTC."""

    pattern: Pattern
    places: frozenset[str] = frozenset(PLACES)
    context: int = 0
    namespace: str | None = None
    since: int | None = None
    until: int | None = None

    def takes(self, time: int) -> bool:
        """Whether what happened then is looked for."""
        return (self.since is None or time >= self.since) and (self.until is None or time < self.until)


def search(recording: Recording, query: Query, session: int | None = None) -> Iterator[Hit]:
    """The hits in a recording, or in one session of it, in order of time as far as they fit into memory."""
    batch: list[Hit] = []
    for hit in _unordered(recording, query, session):
        batch.append(hit)
        if len(batch) >= _MOST_SORTED:
            yield from _in_order(batch)
            batch = []
    yield from _in_order(batch)


def _in_order(hits: list[Hit]) -> Iterator[Hit]:
    hits.sort(key=lambda hit: (hit.time, PLACES.index(hit.place)))
    raw: dict[tuple[int, int, int], int] = {}
    for hit in hits:
        key = hit.number, hit.tty, hit.line.looks
        if hit.place == OUTPUT:
            raw[key] = hit.time
        # What is on the screen as it was printed is told once.
        if hit.place != SCREEN or hit.time - raw.get(key, -_SAME_SECOND) >= _SAME_SECOND:
            yield hit


def _unordered(recording: Recording, query: Query, only: int | None) -> Iterator[Hit]:
    for part in recording.parts:
        try:
            if query.places == {ARGV} and not may_be_in(part.log, query.pattern):
                continue
            timeline = _timeline(part.log, query)
            part.damage = timeline.damage
            for session in timeline.sessions:
                number = recording.number(part, session.number)
                if only in (None, number) and _is_wanted(timeline, session, query):
                    yield from _of_session(part, timeline, session, number, query)
        except BadLog as error:
            part.damage = Damage(part.log.size, str(error).removeprefix(f"{part.log.path}: "), cut=False)


def _timeline(log: Log, query: Query) -> Timeline:
    if ARGV not in query.places:
        return with_terminals(log)
    if query.places == {ARGV}:
        timeline = build(log, PROCESS_LANE)
        # What an argv has beyond its first few KiB is in the other lane.
        if not any(ran.argv_missing for session in timeline.sessions for ran in session.execs):
            return timeline
    return build(log)


def _is_wanted(timeline: Timeline, session: Session, query: Query) -> bool:
    target = timeline.target(session.target)
    if query.namespace is not None and (not target or target.namespace != query.namespace):
        return False
    if query.since is not None and (over := session.all_over) is not None and over < query.since:
        return False
    return query.until is None or session.started < query.until


def _of_session(part: Part, timeline: Timeline, session: Session, number: int, query: Query) -> Iterator[Hit]:
    target = timeline.target(session.target)
    for place, tty, found in _places(part.log, session, query):
        for moment, line in found:
            time = part.clocks.wall(moment)
            if query.takes(time):
                yield Hit(number, session, target, time, max(moment - session.began, 0), place, line, tty)


def _places(log: Log, session: Session, query: Query) -> Iterator[tuple[str, int, Iterator[Found]]]:
    """Each place to search in a session: which, of which terminal if any, the search."""
    pattern, context = query.pattern, query.context
    if ARGV in query.places:
        yield ARGV, 0, in_commands(session, pattern, context)
    for tty in session.terminals:
        if OUTPUT in query.places:
            yield OUTPUT, tty.number, in_output(log, session, tty.number, pattern, context)
        if INPUT in query.places:
            yield INPUT, tty.number, in_input(log, session, tty.number, pattern, context)
        if SCREEN in query.places:
            yield SCREEN, tty.number, on_screen(log, session, tty, pattern, context)
    for pipe in session.streams:
        if pipe.fd and OUTPUT in query.places:
            yield OUTPUT, 0, in_output(log, session, pipe.number, pattern, context)
        elif not pipe.fd and INPUT in query.places:
            yield INPUT, 0, in_input(log, session, pipe.number, pattern, context)
