"""Makes one recording: starts a recorder, writes its log to a file, removes the recorder on every way out."""

import time
from dataclasses import dataclass, field

from kubectl_ebpfaudit.carrier import Carrier
from kubectl_ebpfaudit.interrupt import Interrupted, Signals
from kubectl_ebpfaudit.live import Live
from kubectl_ebpfaudit.output import LogFile
from recorder.log.errors import AuditError, BadLog
from recorder.log.format import End
from recorder.log.stream import Stream

STOP_SECONDS = 30.0
"""How long the end record may take once the recorder was asked to end, from the last bytes of the log."""

_IDLE_SECONDS = 3600.0


class Lossy(AuditError):
    exit_code = 3
    meaning = "recorded, but something was lost or the log has no end"


@dataclass
class Outcome:
    """How a recording that began has ended.

    `cut` says why the log has no end record, `left` what of the recorder could not be removed; else empty.
    """

    end: End | None = None
    cut: str = ""
    details: str = field(default="", repr=False)
    left: str = ""


def record(carrier: Carrier, file: LogFile, live: Live, signals: Signals) -> Outcome:
    """Records until the log ends.

    Raises AuditError if the recording did not begin, or CannotWrite if it could not go on; else returns how
    it ended. Whatever happens, the carrier is closed.
    """
    try:
        carrier.start(signals.interruptible)
        outcome = _follow(carrier, file, live, signals)
    except BaseException:
        if left := carrier.close(whole=False):
            live.warn(f"warning: {left}")
        raise
    outcome.left = carrier.close(whole=outcome.end is not None)
    return outcome


def _follow(carrier: Carrier, file: LogFile, live: Live, signals: Signals) -> Outcome:
    stream = Stream()
    patience, deadline = _IDLE_SECONDS, float("inf")
    while stream.end is None:
        if signals.count and stream.header is None:
            raise Interrupted
        if signals.count > 1:
            return Outcome(cut="it was interrupted a second time")
        if signals.count and deadline == float("inf"):
            carrier.stop()
            patience, deadline = STOP_SECONDS, time.monotonic() + STOP_SECONDS
        data = carrier.read(signals.fd, patience)
        if data is None:
            signals.drain()
            if time.monotonic() > deadline:
                return Outcome(cut=f"the recorder did not end within {STOP_SECONDS:.0f} s")
            continue
        if not data:
            return _ended_early(carrier, stream)
        if deadline != float("inf"):
            deadline = time.monotonic() + STOP_SECONDS
        try:
            _take(data, stream, file, live)
        except BadLog as error:
            if stream.header is None:
                raise
            return Outcome(cut=str(error))
    return Outcome(end=stream.end)


def _take(data: bytes, stream: Stream, file: LogFile, live: Live) -> None:
    for raw, parsed in stream.feed(data):
        file.append(raw)
        live.object(parsed)


def _ended_early(carrier: Carrier, stream: Stream) -> Outcome:
    failure = carrier.failure()
    if stream.header is None:
        raise failure
    return Outcome(cut=str(failure), details=failure.details)


def summary(outcome: Outcome, live: Live) -> str:
    """One line: what was recorded, and what was lost."""
    if outcome.end is None:
        counts = f"{_count(live.sessions, 'session')}, {_count(live.commands, 'command')}"
        return f"Recorded {counts}; the log has no end"
    totals = outcome.end.totals
    counts = f"{_count(totals.get('sessions', 0), 'session')}, {_count(totals.get('execs', 0), 'command')}"
    out, typed = totals.get("output_bytes", 0), totals.get("input_bytes", 0)
    return f"Recorded {counts}, {_count(out, 'byte')} of output, {typed:,} of input; {lost(outcome.end)}"


def lost(end: End) -> str:
    """What is missing, in words."""
    if not end.lost:
        return "nothing was lost"
    events, lost_bytes = end.totals.get("lost_events", 0), end.totals.get("lost_bytes", 0)
    return f"lost {_count(events, 'event')} and {_count(lost_bytes, 'byte')}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
