"""`ecs`: documents of the Elastic Common Schema 8.17 (https://www.elastic.co/guide/en/ecs/8.17/), a line each.

One for each session (`event.category: session`), each program (`process`) until it ended or ran another one, and
each that could not be run (`event.outcome: failure`, with `error.code`). What ECS has no field for is in `ebpfaudit`.
"""

from collections.abc import Iterator
from typing import Any

from replay.clock import rfc3339
from replay.escape import shell_line, text
from replay.exports.job import Job
from replay.exports.lines import compact, joined
from replay.exports.walk import Visit, about, filled, places, visits
from replay.programs import Exec, FailedExec
from replay.session_report import command
from replay.values import argument_list
from replay.warning_report import words
from replay.who.words import in_brief

VERSION = "8.17.0"


def export(job: Job) -> Iterator[bytes]:
    """The documents, session by session, in order of time within each."""
    return joined(compact(filled(document)) for visit in visits(job) for document in _documents(visit))


def _documents(visit: Visit) -> Iterator[dict[str, Any]]:
    yield _session(visit)
    known = places(visit)
    found = [(ran.time, _process(visit, ran, known)) for ran in visit.session.execs]
    found += [(failed.time, _failed(visit, failed)) for failed in visit.session.failed]
    yield from (document for _, document in sorted(found, key=lambda one: one[0]))


def _common(visit: Visit, time: int) -> dict[str, Any]:
    of = visit.target
    return {
        "@timestamp": rfc3339(time),
        "ecs": {"version": VERSION},
        "host": {"name": visit.part.node},
        "container": {
            "id": text(of.container_id).rpartition("//")[2] if of else "",
            "name": text(of.container) if of else "",
            "image": {"name": about(of, "image")},
        },
        "orchestrator": {
            "type": "kubernetes" if of and of.pod else "",
            "namespace": text(of.namespace) if of else "",
            "resource": {
                "type": "pod" if of and of.pod else "",
                "name": text(of.pod) if of else "",
                "id": about(of, "pod_uid"),
            },
        },
        "ebpfaudit": {
            "recording": text(visit.timeline.header.recording),
            "session": visit.number,
            **in_brief(visit.session.who),
        },
    }


def _event(category: str, time: int, ended: int | None, outcome: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "event",
        "module": "ebpfaudit",
        "dataset": f"ebpfaudit.{category}",
        "category": [category],
        "type": ["start"] if ended is None else ["start", "end"],
        "outcome": outcome,
        "start": rfc3339(time),
        "end": rfc3339(ended) if ended is not None else None,
        "duration": max(ended - time, 0) if ended is not None else None,
        **more,
    }


def _outcome(code: int | None) -> str:
    return "unknown" if code is None else "failure" if code else "success"


def _session(visit: Visit) -> dict[str, Any]:
    session = visit.session
    shown = _common(visit, session.started)
    shown["event"] = _event(
        "session", session.started, session.ended, _outcome(session.exit_code), id=visit.id, action="exec"
    )
    shown["process"] = {
        "entity_id": visit.id_of(1) if session.execs else "",
        "pid": session.host_pid,
        "command_line": shell_line(session.argv),
        "exit_code": session.exit_code,
        "interactive": bool(session.terminals),
    }
    shown["ebpfaudit"] |= {
        "kind": session.kind,
        "output_bytes": session.output_bytes,
        "input_bytes": session.input_bytes,
        "hidden_input_bytes": session.hidden_bytes,
        "commands": len(session.execs),
        "lost_events": session.lost_events,
        "lost_bytes": session.lost_bytes,
        "signal": session.signal or None,
        "warnings": [words(of) for of in session.warnings],
    }
    return shown


def _process(visit: Visit, ran: Exec, known: dict[Exec, int]) -> dict[str, Any]:
    identity = visit.id_of(known[ran])
    parent = {"pid": ran.host_ppid, "entity_id": ""}
    if ran.parent in known:
        parent |= {"entity_id": visit.id_of(known[ran.parent]), "command_line": command(ran.parent)}
    shown = _common(visit, ran.time)
    shown["event"] = _event("process", ran.time, ran.ended, _outcome(ran.exit_code), id=identity, action="exec")
    shown["process"] = {
        "entity_id": identity,
        "pid": ran.host_pid,
        "executable": text(ran.filename),
        "name": text(ran.filename).rpartition("/")[2],
        "args": [text(word) for word in ran.argv],
        "args_count": len(ran.argv),
        "command_line": command(ran),
        "working_directory": text(ran.cwd),
        "start": rfc3339(ran.time),
        "end": rfc3339(ran.ended) if ran.ended is not None else None,
        "exit_code": ran.exit_code,
        "interactive": bool(ran.tty),
        "parent": parent,
        "entry_leader": {"entity_id": visit.id_of(1), "pid": visit.session.host_pid},
        "user": {"id": str(ran.uid)},
        "group": {"id": str(ran.gid)},
    }
    shown["user"] = {"id": str(ran.uid)}
    if ran.file:
        shown["process"]["hash"] = {"sha256": ran.file.sha256.hex()}
        shown["ebpfaudit"] |= {"file": text(ran.file.path), "file_flags": [text(flag) for flag in ran.file.flags]}
    exact = argument_list("args", ran.argv).get("args_base64")
    shown["ebpfaudit"] |= {"container_pid": ran.pid, "signal": ran.signal or None, "args_base64": exact}
    if ran.argv_missing:
        shown["ebpfaudit"]["args_missing_bytes"] = ran.argv_missing
    return shown


def _failed(visit: Visit, failed: FailedExec) -> dict[str, Any]:
    shown = _common(visit, failed.time)
    shown["event"] = _event("process", failed.time, None, "failure", action="exec_failed")
    shown["process"] = {
        "pid": failed.host_pid,
        "executable": text(failed.filename),
        "entry_leader": {"entity_id": visit.id_of(1), "pid": visit.session.host_pid},
    }
    shown["error"] = {"code": str(failed.error)}
    shown["ebpfaudit"] |= {"container_pid": failed.pid}
    return shown
