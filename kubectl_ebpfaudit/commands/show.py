"""`show`: what happened in a recording."""

from kubectl_ebpfaudit import store
from kubectl_ebpfaudit.options import Output, RecordingOrSession, Verbose
from kubectl_ebpfaudit.printing import as_data, emit
from kubectl_ebpfaudit.terminals import known_session
from recorder.log.errors import BadLog
from replay.document import document
from replay.errors import Incomplete
from replay.escape import printable
from replay.model import Timeline
from replay.report import report
from replay.timeline import build


def show(recording: RecordingOrSession, output: Output = None, verbose: Verbose = False) -> None:
    """Show the sessions of a recording and every command that ran in them.

    Commands are indented below the one that started them. What is missing is shown where it is missing. In
    JSON and YAML, bytes that are not UTF-8 appear as \\xNN, and KEY_base64 then has the very bytes of KEY.

    \b
    Examples:
      kubectl ebpfaudit show latest
      kubectl ebpfaudit show s.ebpfaudit/2
      kubectl ebpfaudit show s.ebpfaudit -o json | jq '.sessions[].execs[].argv'
    """
    wanted = store.resolve(recording)
    with store.opened(wanted.path) as log:
        timeline = build(log)
    if wanted.session is not None:
        known_session(timeline.sessions, wanted.session, wanted.path)
    if output:
        emit(as_data(document(timeline, wanted.session), output.value))
    else:
        emit(report(timeline, wanted.session))
    complain(timeline)


def complain(timeline: Timeline) -> None:
    """Raises what is wrong with a recording of which all that can be read was shown: BadLog or Incomplete."""
    damage = timeline.damage
    if damage:
        kind = Incomplete if damage.cut else BadLog
        raise kind(f"{printable(timeline.path.name)}: {damage.reason}; what comes before is shown")
