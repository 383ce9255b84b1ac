"""`verify`: whether a recording is whole and unchanged."""

import typer

from kubectl_ebpfaudit import store
from kubectl_ebpfaudit.options import Output, Recording, Verbose
from kubectl_ebpfaudit.printing import as_data, emit
from recorder.log.errors import BadLog
from replay.clock import to_second
from replay.escape import printable, text
from replay.report import count
from replay.verify import COMPLETE, DAMAGED, Verdict
from replay.verify import verify as check


def verify(recording: Recording, output: Output = None, verbose: Verbose = False) -> None:
    """Check that a recording was not changed, is whole, and holds everything that happened.

    Says `complete`, `lossy` (something is missing), `unfinished` (it has no end) or `damaged`, where and
    why. Exit code 0 if it is complete, 3 if it is lossy or unfinished, 8 if it is damaged or no recording.

    \b
    Example:
      kubectl ebpfaudit verify s.ebpfaudit && cp s.ebpfaudit /evidence
    """
    wanted = store.resolve(recording)
    if wanted.session is not None:
        raise typer.BadParameter("verify takes a whole recording, not a session", param_hint="RECORDING")
    with store.opened(wanted.path) as log:
        verdict = check(log)
    emit(as_data(_document(verdict), output.value) if output else _text(verdict))
    if verdict.state != COMPLETE:
        raise typer.Exit(BadLog.exit_code if verdict.state == DAMAGED else 3)


def _text(verdict: Verdict) -> str:
    timeline = verdict.timeline
    lines = [f"{printable(str(timeline.path))}: {verdict.state}"]
    lines += [f"  {kind}: {printable(text)}" for kind, text in verdict.findings]
    if timeline.end and timeline.ended is not None:
        how = f"it ended {to_second(timeline.ended)} ({printable(timeline.end.reason)})"
    else:
        how = f"the last event is of {to_second(timeline.last)}"
    lines.append(f"  {count(timeline.events, 'event')}, {count(len(timeline.sessions), 'session')}; {how}")
    return "".join(f"{line}\n" for line in lines)


def _document(verdict: Verdict) -> dict[str, object]:
    timeline = verdict.timeline
    return {
        "file": text(str(timeline.path)),
        "id": text(timeline.header.recording),
        "state": verdict.state,
        "findings": [{"kind": kind, "text": text(what)} for kind, what in verdict.findings],
        "events": timeline.events,
        "sessions": len(timeline.sessions),
    }
