"""What `show` prints of one log: a summary that fits a ticket, its targets, then its sessions."""

from collections import Counter

from replay.clock import duration, to_second
from replay.escape import printable
from replay.fields import keeps_input, node_name
from replay.folded import folded
from replay.model import Timeline
from replay.probe_report import entered
from replay.session_report import Shown, sessions
from replay.table import columns
from replay.target_report import Row, summary, table, worth_a_table
from replay.view import WHOLE, View
from replay.warning_report import warnings
from replay.words import count, gap_note, lost, pairs


def node(timeline: Timeline) -> str:
    """The node's name, kernel and architecture, safe to print."""
    known = timeline.header.raw.get("node")
    if not isinstance(known, dict):
        return ""
    name, *rest = [printable(known[k]) for k in ("name", "kernel", "arch") if known.get(k)] or [""]
    return f"{name} ({', '.join(rest)})" if rest else name


def _probes(timeline: Timeline) -> str:
    probes = timeline.header.raw.get("probes")
    if not isinstance(probes, dict):
        return ""
    kinds: dict[str, list[str]] = {}
    for kind, way in probes.items():
        kinds.setdefault(printable(way), []).append(printable(kind))
    return "; ".join(f"{', '.join(of)} by {way}" for way, of in kinds.items())


def _ended(timeline: Timeline) -> str:
    if timeline.ended is None or timeline.end is None:
        return f"no end record; the last event is of {to_second(timeline.last)}"
    lasted = duration(timeline.ended - timeline.started)
    return f"{to_second(timeline.ended)} after {lasted} ({printable(timeline.end.reason)})"


def _summary(timeline: Timeline) -> str:
    damage = f": {printable(timeline.damage.reason)}" if timeline.damage else ""
    execs = sum(len(s.execs) for s in timeline.sessions)
    return pairs(
        [
            ("Recording", f"{printable(timeline.path.name)} {printable(timeline.header.recording)}".rstrip()),
            summary(timeline.targets.values()),
            ("Node", node(timeline)),
            ("Probes", _probes(timeline)),
            ("Started", to_second(timeline.started)),
            ("Ended", _ended(timeline)),
            ("State", timeline.state + damage),
            ("Holds", f"{entered(timeline.sessions)}, {count(execs, 'command')}"),
            ("Lost", lost(timeline.lost_events, timeline.lost_bytes)),
        ]
    )


def target_rows(timeline: Timeline) -> list[Row]:
    """The rows of its targets."""
    entered = Counter(of.target for of in timeline.sessions)
    name = node_name(timeline.header)
    return [Row(of, name, entered[number]) for number, of in timeline.targets.items()]


def report(timeline: Timeline, session: int | None = None, view: View = WHOLE) -> str:
    """The text that `show` prints, of all sessions or of one."""
    shown = [
        Shown(of.number, of, timeline.target(of.target), keeps_input=keeps_input(timeline.header))
        for of in view.sessions(timeline.sessions)
        if session in (None, of.number)
    ]
    parts = [_summary(timeline), *warnings(shown)]
    if worth_a_table(timeline.targets.values()):
        parts.append(table(target_rows(timeline), view.wide))
    if timeline.gaps:
        rows_of_gaps = [(to_second(gap.time), gap_note(gap)) for gap in timeline.gaps]
        parts.append(columns(("TIME", "MISSING IN THE RECORDING"), rows_of_gaps))
    kept, probes = (shown, []) if session else folded(shown, view)
    parts += ["".join(probes)] * bool(probes)
    return "\n".join([*parts, *sessions(kept, timeline.started, by_pod=len(timeline.targets) > 1, view=view)])
