"""A timeline as plain data, for JSON and YAML: the shape that docs and scripts rely on."""

from typing import Any

from recorder.log.format import Header, Target
from replay.clock import rfc3339
from replay.escape import text
from replay.fields import Enums
from replay.model import Copied, Gap, Session, Stream, Survivor, Terminal, Timeline, Warned, Watched
from replay.programs import Exec, FailedExec, File, Rights
from replay.values import argument_list, place, plain, strings
from replay.values import target as describe
from replay.view import WHOLE, View
from replay.warning_report import words
from replay.who.kept import as_data as identity_data


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
        **(_rights(ran.rights) if ran.rights else {}),
        **({"file": _file(ran.file)} if ran.file else {}),
    }


def _rights(of: Rights) -> dict[str, Any]:
    """The capabilities as /proc/PID/status has them, for `capsh --decode`."""
    return {
        "euid": of.euid,
        "egid": of.egid,
        "effective_capabilities": f"{of.capabilities:016x}",
        "no_new_privs": of.no_new_privs,
    }


def _file(of: File) -> dict[str, Any]:
    return {
        **strings("path", of.path),
        "filesystem": text(of.filesystem),
        "device": f"{of.device >> 20}:{of.device & 0xFFFFF}",
        "inode": of.inode,
        "size_bytes": of.size,
        "mode": f"{of.mode & 0o7777:04o}",
        "flags": list(of.flags),
        **({"sha256": of.sha256.hex() or None, "sha256_result": of.hash_result} if of.hash_result else {}),
    }


def _failed(failed: FailedExec) -> dict[str, Any]:
    return {
        "time": rfc3339(failed.time),
        "pid": failed.pid,
        "host_pid": failed.host_pid,
        **strings("filename", failed.filename),
        "error": failed.error,
    }


def _warning(of: Warned) -> dict[str, Any]:
    """One warning; what there is none of is left out."""
    numbers = {"pid": of.pid, "host_pid": of.host_pid, "other_host_pid": of.other, "other_session": of.other_session}
    return {
        "time": rfc3339(of.time),
        "kind": text(of.kind),
        "about": words(of),
        "count": of.count,
        **{name: value for name, value in {**numbers, "tty": of.tty, "value": of.value}.items() if value},
        **(strings("name", of.name) if of.name else {}),
    }


def gap(of: Gap) -> dict[str, Any]:
    """One gap; `offset`, `tty` and `direction` only if it is one in a stream."""
    stream = {"tty": of.tty, "direction": of.direction, "offset": of.offset} if of.direction else {}
    return {"time": rfc3339(of.time), "reason": of.reason, "events": of.events, "bytes": of.bytes, **stream}


def watched(of: Watched) -> dict[str, Any]:
    """One target, and when it was under watch."""
    times = {"started": rfc3339(of.started), "ended": _time(of.ended), "end_reason": text(of.end_reason) or None}
    return {**describe(of.target), **times}


def _copied(of: Copied) -> dict[str, Any]:
    return {
        **strings("name", of.name),
        "size": of.size,
        "mode": f"{of.mode:04o}",
        "type": text(of.type.decode("latin-1")),
    }


def _stream(of: Stream) -> dict[str, Any]:
    """One pipe; of what it carried `left_out_bytes` are not in the recording."""
    return {
        "stream": of.number,
        "name": of.name,
        "bytes": of.size,
        "left_out_bytes": of.left_out,
        "sha256": of.sha256.hex() or None,
    }


def session(of: Session, target: Target | None, enums: Enums, view: View = WHOLE) -> dict[str, Any]:
    """One session with all that ran in it."""
    return {
        "id": of.number,
        "target": of.target,
        **place(target),
        "kind": of.kind,
        **({"part_of": of.part_of.number} if of.part_of else {}),
        "user": identity_data(of.who) if of.who else None,
        "started": rfc3339(of.started),
        "ended": _time(of.ended),
        "tty": of.has_terminal,
        **argument_list("argv", of.argv),
        "exit_code": of.exit_code,
        "signal": of.signal,
        "output_bytes": of.output_bytes,
        "input_bytes": of.input_bytes,
        "hidden_input_bytes": of.hidden_bytes,
        "lost_events": of.lost_events,
        "lost_bytes": of.lost_bytes,
        **({"warnings": [_warning(warned) for warned in of.warnings]} if of.warnings else {}),
        "under_way": of.under_way,
        "pid": of.pid,
        "host_pid": of.host_pid,
        "terminals": [_terminal(t, number) for number, t in enumerate(of.terminals, 1)],
        "streams": [_stream(s) for s in of.streams],
        **({"files": [_copied(f) for f in of.files], "more_files": of.more_files} if of.is_copy else {}),
        "execs": [_exec(ran, enums) for ran in view.execs(of)],
        "failed_execs": [_failed(failed) for failed in view.failed(of)],
        "gaps": [gap(g) for g in view.gaps(of)],
        "outlived": [_survivor(lived) for lived in of.outlived],
    }


def _terminal(of: Terminal, number: int) -> dict[str, Any]:
    return {
        "number": number,
        "tty": of.number,
        "pts": of.index,
        "rows": of.rows,
        "cols": of.cols,
        "output_bytes": of.output_bytes,
        "input_bytes": of.input_bytes,
        "hidden_input_bytes": of.hidden_bytes,
    }


def _survivor(of: Survivor) -> dict[str, Any]:
    """A process that lived on after its session; `ended` is null if it outlived the recording, too."""
    return {
        "pid": of.pid,
        "host_pid": of.host_pid,
        **argument_list("argv", of.ran.argv if of.ran else ()),
        "started": _time(of.started),
        "ended": _time(of.ended),
        "exit_code": of.exit_code,
        "signal": of.signal,
    }


def recording(header: Header) -> dict[str, Any]:
    """What the header says of the recording itself."""
    told = {k: plain(header.raw.get(k)) for k in ("recorder", "node", "probes", "options")}
    return {"id": text(header.recording), "format": "{}.{}".format(*header.version), **told}


def log_document(timeline: Timeline) -> dict[str, Any]:
    """What is known of the log itself."""
    end, damage = timeline.end, timeline.damage
    return {
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
    }


def document(timeline: Timeline, number: int | None = None, view: View = WHOLE) -> dict[str, Any]:
    """The whole timeline, or with one session only, as `show -o json` prints it."""
    enums = Enums(timeline.header)
    shown = [of for of in view.sessions(timeline.sessions) if number in (None, of.number)]
    return {
        "recording": log_document(timeline),
        "targets": [watched(of) for of in timeline.targets.values()],
        "sessions": [session(of, timeline.target(of.target), enums, view) for of in shown],
    }
