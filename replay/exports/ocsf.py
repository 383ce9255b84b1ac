"""`ocsf`: events of the Open Cybersecurity Schema Framework 1.3.0, class Process Activity (1007), a line each.

https://schema.ocsf.io/1.3.0/classes/process_activity?profiles=container,host. A program makes a Launch, and a Terminate
with its exit code; one that could not be run a Launch with the status Failure. OCSF has no class for an entry into a
container: the session is in `process.session`.
"""

from collections.abc import Iterator
from typing import Any

from recorder.log import __version__
from replay.escape import printable, text
from replay.exports.job import Job
from replay.exports.lines import compact, joined
from replay.exports.walk import Visit, about, filled, places, visits
from replay.programs import Exec, FailedExec
from replay.session_report import command
from replay.who.words import in_brief

VERSION = "1.3.0"
_MS = 1_000_000
"""ns; times of OCSF are in ms."""

LAUNCH, TERMINATE = 1, 2
_NAMES = {LAUNCH: "Launch", TERMINATE: "Terminate"}
_CLASS, _CATEGORY = 1007, 1
_SUCCESS, _FAILURE = 1, 2
_INFORMATIONAL = 1
_REGULAR_FILE = 1
_SHA256 = 3
_LINUX = 200
_DEVICE_UNKNOWN = 0


def export(job: Job) -> Iterator[bytes]:
    """The events, session by session, in order of time within each."""
    return joined(compact(filled(event)) for visit in visits(job) for event in _events(visit))


def _events(visit: Visit) -> Iterator[dict[str, Any]]:
    known = places(visit)
    found: list[tuple[int, dict[str, Any]]] = []
    for ran in visit.session.execs:
        process, more = _process(visit, ran, known), {"working_directory": text(ran.cwd)}
        found.append((ran.time, _event(visit, LAUNCH, ran.time, unmapped=more, process=process)))
        if ran.ended is not None and ran.exit_code is not None:
            ended = _event(visit, TERMINATE, ran.ended, process=process, exit_code=ran.exit_code)
            found.append((ran.ended, ended))
    found += [(failed.time, _failed(visit, failed)) for failed in visit.session.failed]
    yield from (event for _, event in sorted(found, key=lambda one: one[0]))


def _event(
    visit: Visit, activity: int, time: int, status: int = _SUCCESS, unmapped: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    session, of = visit.session, visit.target
    return {
        "class_uid": _CLASS,
        "class_name": "Process Activity",
        "category_uid": _CATEGORY,
        "category_name": "System Activity",
        "activity_id": activity,
        "activity_name": _NAMES[activity],
        "type_uid": _CLASS * 100 + activity,
        "type_name": f"Process Activity: {_NAMES[activity]}",
        "severity_id": _INFORMATIONAL,
        "status_id": status,
        "time": time // _MS,
        "metadata": {
            "version": VERSION,
            "product": {"name": "kubectl ebpfaudit", "vendor_name": "kubectl ebpfaudit", "version": __version__},
            "profiles": ["container", "host"],
            "correlation_uid": visit.id,
        },
        "device": {
            "hostname": visit.part.node,
            "type_id": _DEVICE_UNKNOWN,
            "os": {"name": "Linux", "type_id": _LINUX},
        },
        "container": {
            "uid": text(of.container_id).rpartition("//")[2] if of else "",
            "name": text(of.container) if of else "",
            "image": {"name": about(of, "image"), "uid": about(of, "image_id")},
            "pod_uuid": about(of, "pod_uid"),
            "orchestrator": "kubernetes" if of and of.pod else "",
        },
        "actor": {"process": {"pid": session.host_pid, "uid": visit.id_of(1)}},
        "unmapped": {
            "namespace": text(of.namespace) if of else "",
            "pod": text(of.pod) if of else "",
            "session": visit.number,
            "kind": session.kind,
            **in_brief(session.who),
            **(unmapped or {}),
        },
        **more,
    }


def _session(visit: Visit) -> dict[str, Any]:
    return {"uid": visit.id, "created_time": visit.session.started // _MS, "is_remote": True}


def _process(visit: Visit, ran: Exec, known: dict[Exec, int]) -> dict[str, Any]:
    parent: dict[str, Any] = {"pid": ran.host_ppid}
    if ran.parent in known:
        parent |= {"uid": visit.id_of(known[ran.parent]), "cmd_line": command(ran.parent)}
    return {
        "pid": ran.host_pid,
        "namespace_pid": ran.pid,
        "uid": visit.id_of(known[ran]),
        "name": text(ran.filename).rpartition("/")[2],
        "cmd_line": command(ran),
        "file": _file(ran.filename, ran.file.sha256 if ran.file else b""),
        "created_time": ran.time // _MS,
        "terminated_time": ran.ended // _MS if ran.ended is not None else None,
        "user": {"uid": str(ran.uid)},
        "parent_process": parent,
        "session": _session(visit),
    }


def _file(path: bytes, sha256: bytes = b"") -> dict[str, Any]:
    hashes = [{"algorithm": "SHA-256", "algorithm_id": _SHA256, "value": sha256.hex()}] if sha256 else []
    return {"path": text(path), "name": text(path).rpartition("/")[2], "type_id": _REGULAR_FILE, "hashes": hashes}


def _failed(visit: Visit, failed: FailedExec) -> dict[str, Any]:
    process = {"pid": failed.host_pid, "namespace_pid": failed.pid or None, "session": _session(visit)}
    process["file"] = _file(failed.filename)
    detail = f"{printable(failed.name)} could not be run"
    return _event(
        visit, LAUNCH, failed.time, _FAILURE, process=process, status_code=str(failed.error), status_detail=detail
    )
