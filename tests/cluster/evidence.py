"""What a log holds of a busy session, against what kubectl has shown of it."""

from dataclasses import dataclass
from pathlib import Path

from recorder.log.format import RECORDER_DIED
from recorder.log.reader import Log, open_log
from replay.fields import Enums
from replay.model import Session, Timeline
from replay.stream import HIDDEN, OUT, UNEXPLAINED, ordered
from replay.timeline import build
from tests.cluster.busy import Busy


@dataclass(frozen=True)
class Evidence:
    """`recorded` of `shown` bytes are in the log, exactly; `holes` are (offset, bytes, reason) of those that are not.

    `commands` of the session's are in the log. `end` is the reason of its end record, None if it has none.
    """

    recorded: int
    shown: int
    commands: int
    holes: list[tuple[int, int, str]]
    end: str | None

    @property
    def is_whole(self) -> bool:
        return self.end not in (None, RECORDER_DIED) and not self.holes and self.recorded == self.shown

    @property
    def lost(self) -> str:
        """In words, for the table of faults."""
        if self.is_whole:
            return "nothing"
        if self.holes:
            return ", ".join(f"{count} bytes ({reason.replace('_', ' ')})" for _, count, reason in self.holes)
        whole = self.end not in (None, RECORDER_DIED)
        return "what came after the recorder's end" if whole else "what came after the last block that arrived"


def find(timeline: Timeline, busy: Busy) -> Session:
    """The session of the log that is this one. Raises AssertionError if there is not exactly one."""
    found = [session for session in timeline.sessions if session.argv[-1:] == (busy.name.encode(),)]
    assert len(found) == 1, f"{len(found)} sessions of {timeline.path.name} are {busy.name}"
    return found[0]


def check(path: Path, busy: Busy, *, acknowledged: bytes = b"") -> Evidence:
    """Compares a log with a session that ran while it was written; call it once both have ended.

    Raises AssertionError unless `acknowledged`, the log's bytes at an earlier time, are still there; every byte that is
    in the log is what kubectl has shown at that place; every command is there in its order; and all that is missing is
    one gap with a reason, or lies after the end of a log that was cut; a log that its client has closed for a recorder
    that died has a gap that says so. A kubectl that has lost its connection
    shows less than there was: then the log may know more.
    """
    assert path.read_bytes().startswith(acknowledged), f"{path.name} has lost what was acknowledged"
    with open_log(path) as log:
        assert log.damage is None or log.damage.cut, log.damage
        timeline = build(log)
        session = find(timeline, busy)
        recorded, holes = _compare(log, session, busy.output)
        end = log.end.reason if log.end else None
    died = [gap for gap in timeline.gaps if gap.reason == "recorder_died"]
    assert len(died) == (end == RECORDER_DIED), f"the log ends with {end!r} and has the gaps {timeline.gaps}"
    goes_on = end is None or session.ended is None
    assert len(holes) <= 1, f"there is more than one gap: {holes}"
    shown = len(busy.output)
    if not goes_on:
        assert recorded + sum(count for _, count, _ in holes) == shown, f"{recorded} of {shown} bytes, {holes}"
    return Evidence(recorded, shown, _check_commands(session, busy, goes_on), holes, end)


def _compare(log: Log, session: Session, shown: bytes) -> tuple[int, list[tuple[int, int, str]]]:
    """How many bytes of `shown` are in the log, and the holes between them."""
    [terminal] = session.terminals
    enums, recorded, holes = Enums(log.header), 0, []
    for piece in ordered(log.events(session=session.number), terminal.number, OUT):
        if piece.missing:
            assert piece.reason not in (UNEXPLAINED, HIDDEN), f"{piece.missing} bytes are missing at {piece.offset}"
            missing = min(piece.missing, len(shown) - piece.offset)
            if missing > 0:
                holes.append((piece.offset, missing, enums.name("gap_reason", int(piece.reason))))
            continue
        true = shown[piece.offset : piece.offset + len(piece.data)]
        assert piece.data[: len(true)] == true, f"byte {piece.offset} and on: {piece.data!r} is not {true!r}"
        recorded += len(true)
    return recorded, holes


def _check_commands(session: Session, busy: Busy, goes_on: bool) -> int:
    """How many are in the log."""
    ran = [[word.decode() for word in run.argv] for run in session.execs if run.argv[:1] == (b"/bin/true",)]
    expected = busy.commands()
    if session.lost_events == 0:
        common = min(len(ran), len(expected))
        assert ran[:common] == expected[:common]
        assert goes_on or len(ran) >= len(expected), f"{len(ran)} of {len(expected)} commands"
    return len(ran)
