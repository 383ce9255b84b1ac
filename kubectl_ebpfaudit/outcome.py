"""What is said at the end of a run, and with which exit code the program ends."""

import json
import os
import sys
from pathlib import Path

from kubectl_ebpfaudit.live import Live
from kubectl_ebpfaudit.parts import Part
from kubectl_ebpfaudit.printing import emit
from recorder.log.errors import AuditError
from recorder.log.format import RECORDER_DIED, End
from replay.escape import printable
from replay.words import count, probe_runs

_EARLY = {
    "terminated": "somebody else has ended the recorder, such as who deletes its pod or drains its node",
    "no client": "nobody was connected to the recorder for longer than --client-timeout",
}
"""Reasons of an end record that nobody here has asked for."""


class Lossy(AuditError):
    exit_code = 3
    meaning = "recorded, but something was lost or the log has no end"


def conclude(parts: list[Part], live: Live, path: Path, as_json: bool = False) -> None:
    """Says what was recorded, then raises what was wrong with it. `path` is of the file or the folder."""
    live.note(summary(parts, live))
    try:
        if as_json:
            emit(json.dumps({"type": "end", "file": printable(str(path)), "lost": _lost_of(parts)}) + "\n")
        elif not live.quiet:
            emit(f"{printable(str(path))}\n" if sys.stdout.isatty() else os.fsencode(path) + b"\n")
    finally:  # that nobody reads the path must not hide it
        wrong = [error for part in parts if (error := _wrong(part))]
        for part in parts:  # a privileged pod that stays is told whatever else went wrong
            if part.left and part.left not in map(str, wrong):
                live.warn(f"warning: {part.left}")
        for error in wrong[:-1]:
            live.warn(f"error: {printable(str(error))}")
        if wrong:
            raise wrong[-1]


def summary(parts: list[Part], live: Live) -> str:
    """One line: what was recorded, and what was lost."""
    ends = [part.outcome.end for part in parts if part.outcome and part.outcome.end]
    if len(ends) < len(parts) or any(end.reason == RECORDER_DIED for end in ends):
        counts = f"{count(live.sessions, 'session')}, {count(live.commands, 'command')}"
        return f"Recorded {counts}; the log {'has no end' if len(ends) < len(parts) else 'ends too early'}"
    totals = {key: sum(end.totals.get(key, 0) for end in ends) for key in _TOTALS}
    runs = totals["probe_runs"]
    probes = f" and {probe_runs(runs)}" if runs else ""
    counts = f"{count(totals['sessions'] - runs, 'session')}{probes}, {count(totals['execs'], 'command')}"
    out, typed = totals["output_bytes"], totals["input_bytes"]
    missing = _missing(totals["lost_events"], totals["lost_bytes"]) if any(e.lost for e in ends) else "nothing was lost"
    return f"Recorded {counts}, {count(out, 'byte')} of output, {typed:,} of input; {missing}"


_TOTALS = ("sessions", "execs", "output_bytes", "input_bytes", "lost_events", "lost_bytes", "probe_runs")


def _wrong(part: Part) -> AuditError | None:
    outcome = part.outcome
    shown = printable(str(part.file.path)) if part.file.keeps else part.carrier.name  # type: ignore[union-attr]
    if part.error is not None:
        return part.error if isinstance(part.error, AuditError) else AuditError(str(part.error))
    if outcome is None:
        return AuditError(part.left or f"{shown}: nothing was recorded on node {printable(part.node)}")
    if outcome.end is None:
        return Lossy(f"{shown} has no end record: {outcome.cut}", outcome.details)
    if outcome.cut:
        return Lossy(f"{shown} ends too early: {outcome.cut}", outcome.details)
    if why := _EARLY.get(outcome.end.reason):
        return Lossy(f"{shown} ends too early: {why}")
    if outcome.end.lost:
        return Lossy(f"{shown}: {_lost(outcome.end)}; kubectl ebpfaudit verify says where")
    return AuditError(part.left) if part.left else None


def _lost(end: End) -> str:
    if end.reason == RECORDER_DIED:
        return "the recorder died, and what happened then is not recorded"
    return _missing(end.totals.get("lost_events", 0), end.totals.get("lost_bytes", 0))


def _missing(events: int, lost_bytes: int) -> str:
    return f"lost {count(events, 'event')} and {count(lost_bytes, 'byte')}"


def _lost_of(parts: list[Part]) -> bool:
    return any(not part.outcome or not part.outcome.end or part.outcome.end.lost for part in parts)
