"""What an overview needs of a log that its header and end record do not tell. Nothing is checked."""

from dataclasses import dataclass, field
from pathlib import Path

from recorder.log.errors import BadLog
from recorder.log.events import decode_block
from recorder.log.format import End, Header, Target
from recorder.log.reader import read_process_blocks
from replay.clock import Clock
from replay.kinds import probes
from replay.probe_runs import ProbeRuns
from replay.targets import Targets

MAX_BYTES = 64 << 20
"""Bytes of a log that are looked through. Of a larger one, what comes after them is not known."""

_MAX_EVENTS = 250_000
_MAX_EVENT_BYTES = 64 << 20
"""Events, and bytes that these take when decompressed, that are looked at: a hostile log packs much into little."""

_LATER_TARGETS = (1, 1)
"""The version of the format since which targets may come after the header."""
_MAX_TARGETS = 10_000
_KINDS = ("session_start", "session_end", "exec", "target_start", "target_end", "clock")


@dataclass
class Glimpse:
    """The targets, and counts like those of an end record where there is none."""

    targets: list[Target]
    clock: Clock
    """The last that is known of it."""
    totals: dict[str, int] = field(default_factory=dict)


def glimpse(path: Path, size: int, header: Header, end: End | None) -> Glimpse:
    """Looks through the log at `path`, of `size` bytes, as far as is needed and costs little. Raises OSError."""
    counted = end is None and size <= MAX_BYTES
    clock = Clock(header)
    if not counted and header.version < _LATER_TARGETS:
        return Glimpse(list(header.targets), clock)
    targets = Targets(header, clock.wall(header.monotonic))
    totals = dict.fromkeys(("sessions", "execs", "probe_runs"), 0)
    runs = ProbeRuns()
    events = decompressed = 0
    try:
        for block in read_process_blocks(path, MAX_BYTES):
            if not counted and 0 not in block.sessions:  # of session 0 are the events about targets
                continue
            events, decompressed = events + block.events, decompressed + block.size
            if events > _MAX_EVENTS or decompressed > _MAX_EVENT_BYTES:
                counted = False
                break
            for event in decode_block(header, block, _KINDS):
                clock.feed(event)
                totals["sessions"] += event.type == "session_start"
                totals["execs"] += event.type == "exec"
                totals["probe_runs"] += bool(runs.begins(event, targets.known))
                if event.session == 0 and len(targets.known) < _MAX_TARGETS:
                    targets.take(event, clock.wall(event.time))
    except BadLog:  # the rest of it is not known either
        pass
    if not any(probes(of.target) for of in targets.known.values()):
        del totals["probe_runs"]
    return Glimpse([of.target for of in targets.known.values()], clock, totals if counted else {})
