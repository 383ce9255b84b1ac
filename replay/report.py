"""What `show` prints: a summary that fits a ticket, then the commands of each session as a tree."""

from collections.abc import Iterator

from replay.clock import duration, time_of_day, to_second
from replay.escape import printable, shell_line
from replay.model import Exec, FailedExec, Gap, Session, Terminal, Timeline
from replay.table import columns

_MAX_COMMAND_BYTES = 1000
_MAX_DEPTH = 20
_INDENT = "  "
_HEADERS = ("TIME", "PID", "DURATION", "EXIT", "UID", "COMMAND")

# The numbers of Linux, on whatever system the recording is read.
_SIGNAL_NAMES = """HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT
    STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS"""
_SIGNALS = dict(enumerate(_SIGNAL_NAMES.split(), 1))
_ERRORS = {
    1: "EPERM", 2: "ENOENT", 5: "EIO", 7: "E2BIG", 8: "ENOEXEC", 11: "EAGAIN", 12: "ENOMEM", 13: "EACCES",
    14: "EFAULT", 20: "ENOTDIR", 21: "EISDIR", 22: "EINVAL", 24: "EMFILE", 26: "ETXTBSY", 36: "ENAMETOOLONG",
    40: "ELOOP", 80: "ELIBBAD",
}  # fmt: skip


def count(number: int, what: str) -> str:
    """1 byte, 1,234 bytes."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def lost(events: int, lost_bytes: int) -> str:
    """What is missing, in words."""
    parts = [count(events, "event")] * bool(events) + [count(lost_bytes, "byte")] * bool(lost_bytes)
    return " and ".join(parts) or "nothing"


def _pairs(pairs: list[tuple[str, str]]) -> str:
    return "".join(f"{name + ':':<13}{value}\n" for name, value in pairs if value)


def _names(timeline: Timeline) -> str:
    return ", ".join(printable(t.name) for t in timeline.header.targets) or "none"


def _node(timeline: Timeline) -> str:
    node = timeline.header.raw.get("node")
    if not isinstance(node, dict):
        return ""
    name, *rest = (printable(node[k]) for k in ("name", "kernel", "arch") if node.get(k))
    return f"{name} ({', '.join(rest)})" if rest else name


def _probes(timeline: Timeline) -> str:
    probes = timeline.header.raw.get("probes")
    if not isinstance(probes, dict):
        return ""
    return "; ".join(f"{printable(kind)} by {printable(way)}" for kind, way in probes.items())


def _ended(timeline: Timeline) -> str:
    if timeline.ended is None or timeline.end is None:
        return f"no end record; the last event is of {to_second(timeline.last)}"
    lasted = duration(timeline.ended - timeline.started)
    return f"{to_second(timeline.ended)} after {lasted} ({printable(timeline.end.reason)})"


def _summary(timeline: Timeline) -> str:
    damage = f": {printable(timeline.damage.reason)}" if timeline.damage else ""
    execs = sum(len(s.execs) for s in timeline.sessions)
    return _pairs(
        [
            ("Recording", f"{printable(timeline.path.name)} {printable(timeline.header.recording)}".rstrip()),
            ("Target" if len(timeline.header.targets) == 1 else "Targets", _names(timeline)),
            ("Node", _node(timeline)),
            ("Probes", _probes(timeline)),
            ("Started", to_second(timeline.started)),
            ("Ended", _ended(timeline)),
            ("State", timeline.state + damage),
            ("Holds", f"{count(len(timeline.sessions), 'session')}, {count(execs, 'command')}"),
            ("Lost", lost(timeline.lost_events, timeline.lost_bytes)),
        ]
    )


def _status(code: int | None, signal: int) -> str:
    if code is None:
        return "-"
    return f"{code} (SIG{_SIGNALS[signal]})" if signal in _SIGNALS else str(code)


def _session_summary(timeline: Timeline, session: Session) -> str:
    target = timeline.target(session.target)
    name = printable(target.name) if target else "no known target"
    ended = "not within the recording"
    if session.ended is not None:
        lasted = duration(session.ended - session.started)
        status = _status(session.exit_code, session.signal)
        ended = f"{to_second(session.ended)} after {lasted}, exit code {status}"
    hidden = f" and {count(session.hidden_bytes, 'byte')} unseen, with echo off" if session.hidden_bytes else ""
    sizes = map(_size, session.terminals)
    return _pairs(
        [
            ("Session", f"{session.number}, {session.kind} in {name}"),
            ("Started", to_second(session.started) + " (before the recording)" * session.under_way),
            ("Ended", ended),
            ("Terminal", "; ".join(sizes) or "none"),
            ("Output", count(session.output_bytes, "byte") if session.terminals else ""),
            ("Input", count(session.input_bytes, "byte") + hidden if session.terminals else ""),
            ("Lost", lost(session.lost_events, session.lost_bytes)),
        ]
    )


def command(ran: Exec) -> str:
    """The command line of `ran`, safe to print, cut to what a line of a table can bear."""
    if not ran.argv_bytes:
        return f"{printable(ran.filename)} (argv unknown)" if ran.argv_total else printable(ran.filename)
    if len(ran.argv_bytes) <= _MAX_COMMAND_BYTES:
        more = f" … ({count(ran.argv_missing, 'byte')} not recorded)" if ran.argv_missing else ""
        return shell_line(ran.argv) + more
    shown = tuple(ran.argv_bytes[:_MAX_COMMAND_BYTES].split(b"\0"))
    rest = ran.argv_total - _MAX_COMMAND_BYTES
    return f"{shell_line(shown)} … ({count(rest, 'byte')} more)"


def gap_note(gap: Gap) -> str:
    """What is missing here, where and why, in one line."""
    stream = {"out": " of output", "in": " of input"}.get(gap.direction, "")
    what = lost(gap.events, gap.bytes)
    missing = "an unknown amount" if what == "nothing" else what
    return f"!! missing: {missing}{stream} ({printable(gap.reason).replace('_', ' ')})"


def _size(terminal: Terminal) -> str:
    first, last = (f"{terminal.cols}x{terminal.rows}", f"{terminal.last_cols}x{terminal.last_rows}")
    return f"pts/{terminal.index}, {first}" + (f", {last} in the end" if last != first else "")


def _rows(session: Session, day: int) -> Iterator[tuple[int, tuple[str, ...]]]:
    depths: dict[Exec, int] = {}
    for ran in session.execs:
        inside = ran.parent and ran.parent.session == ran.session
        depths[ran] = depth = depths.get(ran.parent, 0) + 1 if inside and ran.parent else 0
        lasted = "-" if ran.ended is None else duration(ran.ended - ran.time)
        yield (
            ran.time,
            (
                time_of_day(ran.time, day),
                str(ran.pid),
                lasted,
                _status(ran.exit_code, ran.signal),
                str(ran.uid),
                _INDENT * min(depth, _MAX_DEPTH) + command(ran),
            ),
        )
    for failed in session.failed:
        yield (
            failed.time,
            (
                time_of_day(failed.time, day),
                str(failed.pid or "-"),
                "-",
                _error(failed),
                "-",
                _failed(failed),
            ),
        )
    for gap in session.gaps:
        yield gap.time, (time_of_day(gap.time, day), "-", "-", "-", "-", gap_note(gap))


def _error(failed: FailedExec) -> str:
    return _ERRORS.get(failed.error, f"error {failed.error}")


def _failed(failed: FailedExec) -> str:
    return f"({printable(failed.filename)} could not be run)"


def report(timeline: Timeline, session: int | None = None) -> str:
    """The text that `show` prints, of all sessions or of one."""
    parts = [_summary(timeline)]
    if timeline.gaps:
        rows = [(to_second(gap.time), gap_note(gap)) for gap in timeline.gaps]
        parts.append(columns(("TIME", "MISSING IN THE RECORDING"), rows))
    for shown in timeline.sessions:
        if session not in (None, shown.number):
            continue
        rows_of = sorted(_rows(shown, timeline.started), key=lambda row: row[0])
        parts.append(_session_summary(timeline, shown))
        if rows_of:
            parts.append(columns(_HEADERS, [row for _, row in rows_of]))
    return "\n".join(parts)
