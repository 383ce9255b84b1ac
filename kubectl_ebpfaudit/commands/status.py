"""`status`: the recorders of the cluster, and how they do."""

from typing import TYPE_CHECKING, Any

from kubectl_ebpfaudit.cluster_options import connected
from kubectl_ebpfaudit.connection import Connection
from kubectl_ebpfaudit.options import Output, Verbose
from kubectl_ebpfaudit.printing import as_data, emit, note
from kubectl_ebpfaudit.progress import Progress
from kubectl_ebpfaudit.status_line import size
from replay.clock import duration
from replay.escape import printable, text
from replay.table import columns
from replay.words import count

if TYPE_CHECKING:
    from kubectl_ebpfaudit.cluster.recorders import Recorder

_HEADERS = ("NAME", "NODE", "STATE", "TARGETS", "SESSIONS", "LOG", "WAITING", "LOST", "CLIENTS", "AGE", "DEADLINE")
_COUNTS = ("sessions", "open_sessions", "execs", "output_bytes", "input_bytes", "lost_events", "lost_bytes")


@connected
def status(
    output: Output = None,
    *,
    connection: Connection,
    verbose: Verbose = False,
) -> None:
    """List the recorders that run in the cluster, and those that have left a pod.

    WAITING is what of a log nobody has fetched yet. A recorder that is `ended` waits for somebody to fetch its log
    with attach; one that is `finished` has left nothing but its pod: remove it with cleanup.

    \b
    Examples:
      kubectl ebpfaudit status
      kubectl ebpfaudit status -o json | jq '.[] | select(.clients == 0).name'
    """
    api = connection.api()

    from kubectl_ebpfaudit.cluster import recorders

    with Progress("asking the API server") as progress:
        pods = recorders.find(api, connection.namespace_of_recorders)
        progress.tell(f"asking {count(len(pods), 'recorder')}")
        found = recorders.ask_all(api, pods)
    if output:
        emit(as_data([_document(recorder) for recorder in found], output.value))
    elif found:
        emit(columns(_HEADERS, [_row(recorder) for recorder in found]))
    else:
        note(f"No recorders found in namespace {printable(connection.namespace_of_recorders)}.")
    for recorder in found:
        if recorder.problem:
            note(f"warning: {printable(recorder.name)} does not say how it does: {recorder.problem}")


def _number(recorder: "Recorder", key: str) -> int | None:
    value = recorder.says.get(key)
    return value if isinstance(value, int) else None


def _waiting(recorder: "Recorder") -> int | None:
    written, taken = _number(recorder, "log_bytes"), _number(recorder, "acknowledged_bytes")
    return None if written is None or taken is None else max(0, written - taken)


def _row(recorder: "Recorder") -> list[str]:
    def shown(key: str) -> str:
        value = _number(recorder, key)
        return "-" if value is None else str(value)

    log, waiting = _number(recorder, "log_bytes"), _waiting(recorder)
    lost = [_number(recorder, key) for key in ("lost_events", "lost_bytes")]
    return [
        printable(recorder.name),
        printable(recorder.node),
        recorder.state + (" (detached)" if recorder.detached else ""),
        shown("targets"),
        shown("sessions"),
        "-" if log is None else size(log),
        "-" if waiting is None else size(waiting),
        "-" if None in lost else "yes" if any(lost) else "no",
        shown("clients"),
        duration(int(recorder.age * 1e9)),
        printable(recorder.deadline) or "-",
    ]


def _document(recorder: "Recorder") -> dict[str, Any]:
    return {
        "name": text(recorder.name),
        "recording": text(recorder.recording),
        "node": text(recorder.node),
        "state": recorder.state,
        "detached": recorder.detached,
        "age_seconds": round(recorder.age, 3),
        "deadline": text(recorder.deadline) or None,
        "clients": _number(recorder, "clients"),
        "targets": _number(recorder, "targets"),
        **{key: _number(recorder, key) for key in _COUNTS},
        "log_bytes": _number(recorder, "log_bytes"),
        "waiting_bytes": _waiting(recorder),
        "version": text(str(recorder.says["version"])) if "version" in recorder.says else None,
        "problem": text(recorder.problem) or None,
    }
