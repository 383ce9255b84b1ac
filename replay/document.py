"""A timeline as plain data, for JSON and YAML: the shape that docs and scripts rely on."""

from typing import Any

from recorder.log.format import Header
from replay.clock import rfc3339
from replay.escape import text
from replay.fields import Enums
from replay.model import Exec, FailedExec, Gap, Session, Timeline
from replay.values import argument_list, plain, strings, target


def _time(time: int | None) -> str | None:
    return None if time is None else rfc3339(time)


def _exec(ran: Exec, enums: Enums) -> dict[str, Any]:
    return {
        "time": rfc3339(ran.time),
        "pid": ran.pid,
        "ppid": ran.ppid,
        **strings("filename", ran.filename),
        **argument_list("argv", ran.argv),
        **strings("cwd", ran.cwd),
        "uid": ran.uid,
        "exit_code": ran.exit_code,
        "ended": _time(ran.ended),
        "signal": ran.signal,
        "gid": ran.gid,
        "tty": ran.tty or None,
        "host_pid": ran.host_pid,
        "host_ppid": ran.host_ppid,
        **(strings("interpreter", ran.interpreter) if ran.interpreter else {}),
        **({"argv_missing_bytes": ran.argv_missing} if ran.argv_missing else {}),
        **({"flags": enums.flags("exec_flag", ran.flags)} if ran.flags else {}),
    }


def _failed(failed: FailedExec) -> dict[str, Any]:
    return {
        "time": rfc3339(failed.time),
        "pid": failed.pid,
        "host_pid": failed.host_pid,
        **strings("filename", failed.filename),
        "error": failed.error,
    }


def gap(of: Gap) -> dict[str, Any]:
    """One gap; `offset`, `tty` and `direction` only if it is one in a stream."""
    stream = {"tty": of.tty, "direction": of.direction, "offset": of.offset} if of.direction else {}
    return {"time": rfc3339(of.time), "reason": of.reason, "events": of.events, "bytes": of.bytes, **stream}


def _session(session: Session, enums: Enums) -> dict[str, Any]:
    return {
        "id": session.number,
        "target": session.target,
        "kind": session.kind,
        "started": rfc3339(session.started),
        "ended": _time(session.ended),
        "tty": bool(session.terminals),
        **argument_list("argv", session.argv),
        "exit_code": session.exit_code,
        "signal": session.signal,
        "output_bytes": session.output_bytes,
        "input_bytes": session.input_bytes,
        "hidden_input_bytes": session.hidden_bytes,
        "lost_events": session.lost_events,
        "lost_bytes": session.lost_bytes,
        "under_way": session.under_way,
        "pid": session.pid,
        "host_pid": session.host_pid,
        "terminals": [{"tty": t.number, "pts": t.index, "rows": t.rows, "cols": t.cols} for t in session.terminals],
        "execs": [_exec(ran, enums) for ran in session.execs],
        "failed_execs": [_failed(failed) for failed in session.failed],
        "gaps": [gap(g) for g in session.gaps],
    }


def recording(header: Header) -> dict[str, Any]:
    """What the header says of the recording itself."""
    told = {k: plain(header.raw.get(k)) for k in ("recorder", "node", "probes", "options")}
    return {"id": text(header.recording), "format": "{}.{}".format(*header.version), **told}


def document(timeline: Timeline, session: int | None = None) -> dict[str, Any]:
    """The whole timeline, or with one session only, as `show -o json` prints it."""
    enums = Enums(timeline.header)
    end, damage = timeline.end, timeline.damage
    return {
        "recording": {
            **recording(timeline.header),
            "file": text(str(timeline.path)),
            "started": rfc3339(timeline.started),
            "ended": _time(timeline.ended),
            "state": timeline.state,
            "damage": text(damage.reason) if damage else None,
            "end_reason": text(end.reason) if end else None,
            "lost_events": timeline.lost_events,
            "lost_bytes": timeline.lost_bytes,
            "gaps": [gap(g) for g in timeline.gaps],
        },
        "targets": [target(t) for t in timeline.header.targets],
        "sessions": [_session(s, enums) for s in timeline.sessions if session in (None, s.number)],
    }
