"""What `show` prints of a folder of logs: the summary of a run, its logs, its targets, and the sessions by pod."""

from replay.clock import duration, to_second
from replay.escape import printable
from replay.fields import keeps_input
from replay.folded import folded
from replay.probe_report import entered
from replay.report import target_rows
from replay.run import BROKEN, Run
from replay.session_report import Shown, sessions
from replay.table import columns
from replay.target_report import summary, table
from replay.view import WHOLE, View
from replay.warning_report import warnings
from replay.words import count, gap_note, lost, pairs

_HEADERS = ("LOG", "NODE", "STARTED", "ENDED", "SESSIONS", "COMMANDS", "LOST", "STATE")


def run_report(run: Run, session: int | None = None, view: View = WHOLE) -> str:
    """The text that `show` prints, of all sessions or of one."""
    shown = [
        Shown(
            number,
            of,
            member.target,
            f" on {printable(part.node)} ({printable(part.name)}/{of.number})",
            keeps_input(part.log.header),
        )
        for member in run.sessions
        for number, part, _, of in [member]
        if session in (None, number) and view.sessions([of])
    ]
    parts = [_summary(run), *warnings(shown), _logs(run)]
    if rows := [row for _, timeline in run.logs for row in target_rows(timeline)]:
        parts.append(table(rows, view.wide))
    gaps = sorted(
        (gap.time, printable(part.name), gap_note(gap)) for part, timeline in run.logs for gap in timeline.gaps
    )
    if gaps:
        rows_of_gaps = [(to_second(time), log, note) for time, log, note in gaps]
        parts.append(columns(("TIME", "LOG", "MISSING IN THE RECORDING"), rows_of_gaps))
    kept, probes = (shown, []) if session else folded(shown, view)
    parts += ["".join(probes)] * bool(probes)
    return "\n".join([*parts, *sessions(kept, run.started, by_pod=True, view=view)])


def _summary(run: Run) -> str:
    recording = run.recording
    nodes = dict.fromkeys(printable(part.node) for part in recording.parts)
    execs = sum(len(member.session.execs) for member in run.sessions)
    logs = count(len(recording.parts) + len(recording.broken), "log")
    return pairs(
        [
            ("Recording", " ".join([printable(recording.name), *map(printable, recording.ids)]).rstrip()),
            summary([of for _, timeline in run.logs for of in timeline.targets.values()]),
            ("Nodes" if len(nodes) > 1 else "Node", ", ".join(nodes)),
            ("Started", to_second(run.started)),
            ("Ended", _ended(run)),
            ("State", run.state),
            ("Holds", f"{entered([of.session for of in run.sessions])}, {count(execs, 'command')} in {logs}"),
            ("Lost", lost(run.lost_events, run.lost_bytes)),
        ]
    )


def _ended(run: Run) -> str:
    if run.ended is None:
        return f"not all logs have an end; the last event is of {to_second(run.last)}"
    return f"{to_second(run.ended)} after {duration(run.ended - run.started)}"


def _logs(run: Run) -> str:
    rows = []
    for part, timeline in run.logs:
        ended = "-"
        if timeline.ended is not None and timeline.end:
            ended = f"{to_second(timeline.ended)} ({printable(timeline.end.reason)})"
        cells = [part.name, part.node, to_second(timeline.started), ended, len(timeline.sessions)]
        cells += [sum(len(of.execs) for of in timeline.sessions), lost(timeline.lost_events, timeline.lost_bytes)]
        why = f": {timeline.damage.reason}" if timeline.damage else ""
        rows.append([printable(cell) for cell in (*cells, timeline.state + why)])
    for log in run.recording.broken:
        rows.append([printable(log.name), *["-"] * 6, f"{BROKEN}: {printable(log.reason)}"])
    return columns(_HEADERS, sorted(rows))
