"""Finds recorders that run and the files of this machine that their logs go on in."""

import contextlib
import glob
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubectl_ebpfaudit import store
from kubectl_ebpfaudit.connection import Connection
from kubectl_ebpfaudit.files import Files
from kubectl_ebpfaudit.interrupt import Signals
from kubectl_ebpfaudit.live import Live, View
from kubectl_ebpfaudit.output import LogFile
from kubectl_ebpfaudit.parts import Part
from kubectl_ebpfaudit.run import Run
from recorder.log.errors import AuditError, BadLog, CannotWrite, NewerLog
from recorder.log.format import SUFFIX
from recorder.log.reader import open_log, read_ends
from replay.escape import printable

if TYPE_CHECKING:
    from kubectl_ebpfaudit.cluster.api import Api
    from kubectl_ebpfaudit.cluster.plan import Plan
    from kubectl_ebpfaudit.cluster.recorders import Recorder
    from kubectl_ebpfaudit.cluster.selection import Selection


class Whole(AuditError):
    exit_code = 21
    meaning = "the log of that recorder is here already, whole"


def attach_to(
    connection: Connection,
    name: str | None,
    write: str | None,
    live: Live,
    signals: Signals,
    closing: contextlib.ExitStack,
    follow: bool,
) -> tuple[Run, Path]:
    """The run that goes on, yet to be started, and the path of its file or folder.

    `follow`: what comes to what is recorded is recorded as well, also on further nodes.
    What is to be closed in the end is put on `closing`. Raises NoRecorder, WrongUsage, Whole, or CannotWrite.
    """
    api = connection.api()

    from kubectl_ebpfaudit.cluster import recorders
    from kubectl_ebpfaudit.cluster.carrier import PodCarrier

    if name is None and write is not None:
        name = _recording_in(write)
    namespace = connection.namespace_of_recorders
    there = recorders.find(api, namespace)
    known = [recorders.Recorder(pod, {}) for pod in recorders.named(there, namespace, name)]
    recording = known[0].recording
    found = _files_of(recording, write)
    selection = _selection(known[0], live)
    files = _new_files(recording, write, found, len(known) > 1 or bool(selection and selection.may_span_nodes))
    wanted = []
    for recorder in known:
        if any(_is_whole(path) for path in found if _recorder_of(path) == recorder.name):
            files.has(recorder.node)
            if left := PodCarrier(api, recorder.pod, exists=True).close(whole=True):
                live.warn(f"warning: {left}")
        else:
            wanted.append(recorder)
    if not wanted:
        raise Whole(
            f"{printable(str(_path_of(found, files, write)))} has all of that recording; its recorder was removed"
        )
    asked = zip(wanted, recorders.ask_all(api, [one.pod for one in wanted]), strict=True)
    running = [one for one, answer in asked if answer.state not in ("ended", "finished")]
    live.expect(len(running))
    parts, logs = [], []
    for recorder in wanted:
        view = live.view(recorder.node, awaited=recorder in running)
        file = _file_of(found, recorder, view, len(known))
        if file:
            files.has(recorder.node)
        else:
            file = files.open(recorder.node)
        closing.callback(file.close)
        carrier = PodCarrier(api, recorder.pod, exists=True, offset=file.size)
        parts.append(Part(recorder.node, carrier, file, view))
        logs.append(file.path)
    closing.callback(files.tidy)
    make = changes = is_over = None
    if follow and selection and running and (plan := _plan(api, selection, wanted[0], live)):
        closing.callback(plan.close)
        is_over = plan.is_over
        changes = plan.changes(_followed_by_others([recorders.Recorder(pod, {}) for pod in there], wanted))

        def make(node: str, targets: list[dict[str, Any]], live: Live) -> Part:
            return Part(node, plan.carrier(node, targets), files.open(node), live.view(node, awaited=False))

    return Run(parts, live, signals, make, changes, is_over=is_over, are_ours=False), _path_of(logs, files, write)


def _selection(recorder: "Recorder", live: Live) -> "Selection | None":
    """What its recording follows; None if nothing."""
    from kubectl_ebpfaudit.cluster.selection import Selection

    if not recorder.selection:
        return None
    try:
        return Selection.from_dict(_json(recorder.selection))
    except (AuditError, ValueError) as error:  # anybody may have changed it: the log is fetched all the same
        live.warn(f"warning: new containers are not followed: {printable(ascii(str(error)))}")
        return None


def _plan(api: "Api", selection: "Selection", recorder: "Recorder", live: Live) -> "Plan | None":
    """How to go on recording, also on further nodes, with recorders like that one; None if it does not say."""
    from kubectl_ebpfaudit.cluster import sibling
    from kubectl_ebpfaudit.cluster.plan import Plan

    try:
        return Plan(api, selection, sibling.how(recorder), goes_on=True)
    except AuditError as error:
        live.warn(f"warning: new containers are not followed: {printable(str(error))}")
        return None


def _followed_by_others(there: "list[Recorder]", wanted: "list[Recorder]") -> set[str]:
    """The nodes of those recorders of the recording that are not `wanted` here."""
    own = {one.name for one in wanted}
    return {one.node for one in there if one.recording == wanted[0].recording and one.name not in own}


def _path_of(logs: list[Path], files: Files, write: str | None) -> Path:
    """What the user is told: the file of the recording, or the folder of its files."""
    if write is not None or files.is_folder:
        return files.path
    return logs[0] if len(logs) == 1 else logs[0].parent


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _files_of(recording: str, write: str | None) -> list[Path]:
    """The files of this machine that have a log of this recording, in the store or where `write` says."""
    if write is None:
        candidates = [log for path in store.files() for log in _logs(path)]
    else:
        candidates = _logs(Path(write))
    # A file that was made and killed before anything came is as good as none.
    return [path for path in candidates if _recording_of(path) == recording or (write and _is_empty(path))]


def _recording_in(write: str) -> str | None:
    """The recording that -w names a log of, so that it need not be named twice."""
    return next((found for path in _logs(Path(write)) if (found := _recording_of(path))), None)


def _logs(path: Path) -> list[Path]:
    """The logs that a path stands for; of a file also those that its run has put beside it for further nodes."""
    if path.is_dir():
        return sorted(path.glob(f"*{SUFFIX}"))
    if not path.is_file():
        return []
    beside = path.parent.glob(f"{glob.escape(path.stem)}.*{path.suffix}")
    return [path, *sorted(one for one in beside if one != path and one.is_file())]


def _is_empty(path: Path) -> bool:
    return path.is_file() and not path.stat().st_size


def _is_whole(path: Path) -> bool:
    """Whether nothing more is to come; all of it is read, since the recorder's copy is given up for it."""
    try:
        with open_log(path) as log:
            return log.end is not None and log.damage is None
    except (BadLog, NewerLog, OSError):
        return False


def _recorder_of(path: Path) -> str:
    """The name of the recorder that has written a log; "" if nothing says."""
    try:
        node = read_ends(path)[0].raw.get("node")
    except (BadLog, NewerLog, OSError):
        return ""
    return str(node.get("recorder", "")) if isinstance(node, dict) else ""


def _recording_of(path: Path) -> str:
    """ "" if it is no log."""
    try:
        return read_ends(path)[0].recording
    except (BadLog, NewerLog, OSError):
        return ""


def _new_files(recording: str, write: str | None, found: list[Path], may_span: bool) -> Files:
    """Where the log of a recorder goes of which nothing is here yet."""
    if write and not found and Path(write).is_file():
        raise CannotWrite(f"{printable(write)} is no log of that recording: name another file with -w")
    if write is None and found:
        write = str(found[0]) if found[0].parent == store.directory() else f"{found[0].parent}/"
    return Files(f"attached-{recording[:8]}", write, False, may_span)


def _file_of(found: list[Path], recorder: "Recorder", view: View, count: int) -> LogFile | None:
    """The file that has the log of that recorder so far, or was made for it."""
    for path in found:
        made_for_it = _is_empty(path) and (count == 1 or path.stem == recorder.node)
        if made_for_it or _recorder_of(path) == recorder.name:
            return LogFile.resume(path, lambda parsed: view.object(parsed, again=True))
    return None
