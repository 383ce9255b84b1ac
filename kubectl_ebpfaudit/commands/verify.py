"""`verify`: whether a recording is whole and unchanged."""

from typing import Any

import typer

from kubectl_ebpfaudit import store
from kubectl_ebpfaudit.complaints import warn_of_strangers
from kubectl_ebpfaudit.options import Data, Output, Recording, Verbose
from kubectl_ebpfaudit.printing import as_data, emit
from recorder.log.errors import BadLog
from replay import recording as recordings
from replay.clock import to_second
from replay.errors import Incomplete, TooMuch
from replay.escape import printable, text
from replay.recording import Broken
from replay.recording import Recording as Found
from replay.run import BROKEN, worst
from replay.verify import COMPLETE, DAMAGED, UNREAD, Verdict
from replay.verify import verify as check
from replay.words import count

_EXIT_CODES = {BROKEN: BadLog.exit_code, DAMAGED: BadLog.exit_code, UNREAD: TooMuch.exit_code}


def verify(recording: Recording, output: Output = None, verbose: Verbose = False) -> None:
    """Check that a recording was not changed, is whole, and holds everything that happened.

    Says `complete`, `lossy` (something is missing), `unfinished` (it has no end), `unread` (it holds
    more than fits into memory) or `damaged`, where and why. Exit code 0 if it is complete, 3 if it is lossy or
    unfinished, 28 if it is unread, 8 if it is damaged or no recording.
    Of a folder of logs each is checked, and the worst decides.

    \b
    Example:
      kubectl ebpfaudit verify s.ebpfaudit && cp s.ebpfaudit /evidence
    """
    wanted = store.resolve(recording)
    if wanted.session is not None:
        raise typer.BadParameter("verify takes a whole recording, not a session", param_hint="RECORDING")
    with recordings.opened(wanted.path) as found:
        if found.is_folder:
            state = _verify_folder(found, output)
        else:
            verdict = check(found.parts[0].log)
            emit(as_data(_document(verdict), output.value) if output else _text(verdict))
            state = verdict.state
    if state != COMPLETE:
        raise typer.Exit(_EXIT_CODES.get(state, Incomplete.exit_code))


def _verify_folder(found: Found, output: Data | None) -> str:
    """Prints a verdict on each log and on all; gives the worst state."""
    documents, texts = [], []
    for part in found.parts:
        verdict = check(part.log)
        documents.append({"log": text(part.name), **_document(verdict)})
        texts.append(_text(verdict))
    documents += map(_broken, found.broken)
    texts += (f"{printable(str(log.path))}: {BROKEN}\n  {printable(log.reason)}\n" for log in found.broken)
    state = worst([document["state"] for document in documents])
    if output:
        emit(as_data(_documents(found, state, documents), output.value))
    else:
        emit("".join([f"{printable(str(found.path))}: {state}, {count(len(texts), 'log')}\n", *texts]))
    warn_of_strangers(found)
    return state


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


def _document(verdict: Verdict) -> dict[str, Any]:
    timeline = verdict.timeline
    return {
        "file": text(str(timeline.path)),
        "id": text(timeline.header.recording),
        "state": verdict.state,
        "findings": [{"kind": kind, "text": text(what)} for kind, what in verdict.findings],
        "events": timeline.events,
        "sessions": len(timeline.sessions),
    }


def _documents(found: Found, state: str, documents: list[dict[str, Any]]) -> dict[str, Any]:
    ids = [text(of) for of in found.ids]
    return {
        "file": text(str(found.path)),
        "id": ids[0] if len(ids) == 1 else None,
        "state": state,
        "findings": [{"log": of["log"], **finding} for of in documents for finding in of["findings"]],
        "events": sum(of["events"] or 0 for of in documents),
        "sessions": sum(of["sessions"] or 0 for of in documents),
        "logs": documents,
    }


def _broken(log: Broken) -> dict[str, Any]:
    return {
        "log": text(log.name),
        "file": text(str(log.path)),
        "id": None,
        "state": BROKEN,
        "findings": [{"kind": BROKEN, "text": text(log.reason)}],
        "events": None,
        "sessions": None,
    }
