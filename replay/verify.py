"""Checks a log: that nothing was changed in it, that it is whole, and that it holds all that happened."""

from dataclasses import dataclass, field
from typing import Any

from recorder.log.reader import Log
from replay.model import Gap, Timeline
from replay.stream import UNEXPLAINED
from replay.timeline import build
from replay.words import RECORDER_DIED, count, gap_note

DAMAGED, UNREAD, UNFINISHED, LOSSY, COMPLETE = "damaged", "unread", "unfinished", "lossy", "complete"


@dataclass
class Verdict:
    """`state` is the worst that was found; `findings` say where and why, worst first."""

    timeline: Timeline
    findings: list[tuple[str, str]] = field(default_factory=list)

    @property
    def state(self) -> str:
        found = {kind for kind, _ in self.findings}
        return next((state for state in (DAMAGED, UNREAD, UNFINISHED, LOSSY) if state in found), COMPLETE)


def verify(log: Log) -> Verdict:
    """Reads all of `log`, as far as memory should hold it."""
    timeline = build(log)
    verdict = Verdict(timeline)
    damage, end = timeline.damage, timeline.end
    if damage:
        kind = UNREAD if damage.too_much else UNFINISHED if damage.cut else DAMAGED
        lost = log.size - damage.offset
        rest = f"; {count(lost, 'byte')} from byte {damage.offset} on cannot be relied on" if lost else ""
        verdict.findings.append((kind, damage.reason + rest))
    if end and not damage:
        verdict.findings += [(DAMAGED, text) for text in _contradictions(timeline, end.totals)]
    gaps = [("", gap) for gap in timeline.gaps]
    gaps += [(f"session {s.number}: ", gap) for s in timeline.sessions for gap in s.gaps]
    pipes = {pipe.number: pipe.name for s in timeline.sessions for pipe in s.streams}
    gaps = [(where, gap) for where, gap in gaps if _tells_of_loss(gap)]
    verdict.findings += [(LOSSY, where + _gap(gap, pipes)) for where, gap in gaps]
    if end and end.lost and not gaps:
        events, lost_bytes = end.totals.get("lost_events", 0), end.totals.get("lost_bytes", 0)
        verdict.findings.append(
            (LOSSY, f"the end record speaks of {count(events, 'event')} and {count(lost_bytes, 'byte')} lost")
        )
    return verdict


def _tells_of_loss(gap: Gap) -> bool:
    return bool(gap.events or gap.bytes) or gap.reason == RECORDER_DIED


def _contradictions(timeline: Timeline, totals: dict[str, Any]) -> list[str]:
    said = totals.get("events")
    if said is not None and said != timeline.events:
        return [f"the end record speaks of {count(said, 'event')}, the blocks hold {timeline.events:,}"]
    return []


def _gap(gap: Gap, pipes: dict[int, str]) -> str:
    note = gap_note(gap).removeprefix("!! ")
    stream = pipes.get(gap.tty) or f"terminal {gap.tty}"
    where = f" at byte {gap.offset} of {stream}" if gap.direction else ""
    hint = ": no gap event speaks of it" if gap.reason == UNEXPLAINED else ""
    return f"{note}{where}{hint}"
