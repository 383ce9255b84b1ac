"""`parquet`: one of two tables, `commands` or `sessions`, for DuckDB, Spark, pandas and the like.

Times are in UTC to the µs, which every reader takes; NULL is what is not known. Text that was no UTF-8 has `\\xNN`;
then `argv_bytes` has the very bytes, each argument ended by a NUL.
"""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from replay.errors import MissingExtra
from replay.escape import is_exact, text
from replay.exports.job import Job
from replay.exports.walk import Visit, about, visits
from replay.programs import Exec, FailedExec
from replay.session_report import command
from replay.warning_report import words

if TYPE_CHECKING:
    import pyarrow

COMMANDS, SESSIONS = "commands", "sessions"
TABLES = (COMMANDS, SESSIONS)
_MAX = (1 << 63) - 1
"""The largest number of a column."""

_TEXT, _NUMBER, _TIME, _FLAG, _WORDS, _BYTES = "string", "int64", "time", "bool", "words", "binary"

_WHERE = {
    "recording": _TEXT, "log": _TEXT, "node": _TEXT, "namespace": _TEXT, "pod": _TEXT, "container": _TEXT,
    "session": _NUMBER,
}  # fmt: skip
COLUMNS = {
    COMMANDS: {
        **_WHERE, "time": _TIME, "ended": _TIME, "command": _TEXT, "argv": _WORDS, "argv_bytes": _BYTES,
        "filename": _TEXT, "cwd": _TEXT, "pid": _NUMBER, "ppid": _NUMBER, "host_pid": _NUMBER, "uid": _NUMBER,
        "gid": _NUMBER, "tty": _NUMBER, "exit_code": _NUMBER, "signal": _NUMBER, "error": _NUMBER,
        "sha256": _TEXT, "file_flags": _WORDS,
    },
    SESSIONS: {
        **_WHERE, "container_id": _TEXT, "image": _TEXT, "owner": _TEXT, "kind": _TEXT, "started": _TIME,
        "ended": _TIME, "under_way": _FLAG, "command": _TEXT, "exit_code": _NUMBER, "signal": _NUMBER,
        "commands": _NUMBER, "failed": _NUMBER, "output_bytes": _NUMBER, "input_bytes": _NUMBER,
        "hidden_input_bytes": _NUMBER, "lost_events": _NUMBER, "lost_bytes": _NUMBER,
        "user": _TEXT, "warnings": _WORDS,
    },
}  # fmt: skip
"""The columns of each table, and what they hold. `error` is the errno of a program that could not be run."""


def export(job: Job) -> Iterator[bytes]:
    """The table `job.table`. Raises MissingExtra without pyarrow."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        need = "pip install 'kubectl-ebpfaudit[parquet]'"
        raise MissingExtra(f"the format parquet needs pyarrow, which is not installed: {need}") from error
    rows = [row for visit in visits(job) for row in _ROWS[job.table](visit)]
    schema = pyarrow.schema([(name, _type(pyarrow, kind)) for name, kind in COLUMNS[job.table].items()])
    file = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema), file, compression="zstd")
    yield file.getvalue()


def _type(arrow: "pyarrow", kind: str) -> Any:
    types = {_TIME: arrow.timestamp("us", tz="UTC"), _FLAG: arrow.bool_(), _WORDS: arrow.list_(arrow.string())}
    return types.get(kind) or getattr(arrow, kind)()


def _number(value: int | None) -> int | None:
    """The value if a column can hold it: a hostile recording may hold any."""
    return value if value is not None and abs(value) <= _MAX else None


def _time(value: int | None) -> int | None:
    """ns as the µs of a column."""
    return None if value is None else _number(value // 1000)


def _where(visit: Visit) -> dict[str, Any]:
    of = visit.target
    return {
        "recording": text(visit.timeline.header.recording),
        "log": text(visit.part.name),
        "node": visit.part.node,
        "namespace": (of and text(of.namespace)) or None,
        "pod": (of and text(of.pod)) or None,
        "container": (of and text(of.container)) or None,
        "session": _number(visit.number),
    }


def _session(visit: Visit) -> Iterator[dict[str, Any]]:
    of, session = visit.target, visit.session
    yield {
        **_where(visit),
        "container_id": (of and text(of.container_id)) or None,
        "image": about(of, "image") or None,
        "owner": about(of, "owner") or None,
        "kind": session.kind,
        "started": _time(session.started),
        "ended": _time(session.ended),
        "under_way": session.under_way,
        "command": command(session.execs[0]) if session.execs else None,
        "exit_code": _number(session.exit_code),
        "signal": _number(session.signal) or None,
        "commands": len(session.execs),
        "failed": len(session.failed),
        "output_bytes": _number(session.output_bytes),
        "input_bytes": _number(session.input_bytes),
        "hidden_input_bytes": _number(session.hidden_bytes),
        "lost_events": _number(session.lost_events),
        "lost_bytes": _number(session.lost_bytes),
        "user": text(session.user) or None,
        "warnings": [words(of) for of in session.warnings],
    }


def _commands(visit: Visit) -> Iterator[dict[str, Any]]:
    where = _where(visit)
    rows = [(ran.time, _command(ran)) for ran in visit.session.execs]
    rows += [(failed.time, _failed(failed)) for failed in visit.session.failed]
    yield from ({**where, **row} for _, row in sorted(rows, key=lambda one: one[0]))


def _command(ran: Exec) -> dict[str, Any]:
    return {
        "time": _time(ran.time),
        "ended": _time(ran.ended),
        "command": command(ran),
        "argv": [text(word) for word in ran.argv],
        "argv_bytes": None if is_exact(ran.argv_bytes) else ran.argv_bytes,
        "filename": text(ran.filename),
        "cwd": text(ran.cwd),
        "pid": _number(ran.pid),
        "ppid": _number(ran.ppid),
        "host_pid": _number(ran.host_pid),
        "uid": _number(ran.uid),
        "gid": _number(ran.gid),
        "tty": _number(ran.tty) or None,
        "exit_code": _number(ran.exit_code),
        "signal": _number(ran.signal) or None,
        "sha256": ran.file.sha256.hex() or None if ran.file else None,
        "file_flags": [text(flag) for flag in ran.file.flags] if ran.file else None,
    }


def _failed(failed: FailedExec) -> dict[str, Any]:
    return {
        "time": _time(failed.time),
        "filename": text(failed.filename),
        "pid": _number(failed.pid) or None,
        "host_pid": _number(failed.host_pid),
        "error": _number(failed.error),
    }


_ROWS = {COMMANDS: _commands, SESSIONS: _session}
