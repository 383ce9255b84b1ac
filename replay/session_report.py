"""The sessions in what `show` prints: a summary each, then its commands as a tree."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from recorder.log.format import Target
from replay.clock import duration, time_of_day, to_second
from replay.escape import printable, shell_line
from replay.jobs import marks as job_marks
from replay.model import Session, Stream, Survivor, Terminal
from replay.programs import Exec, FailedExec
from replay.table import columns
from replay.view import WHOLE, View
from replay.who.words import in_words
from replay.words import count, gap_note, lost, pairs

_MAX_COMMAND_BYTES = 1000
_MAX_DEPTH = 20
_INDENT = "  "
_HEADERS_OF_SURVIVORS = ("LIVED UNTIL", "PID", "EXIT", "LEFT BEHIND")
_HEADERS = ("TIME", "PID", "DURATION", "EXIT", "UID", "COMMAND")
_WIDE_HEADERS = ("TIME", "PID", "DURATION", "EXIT", "UID", "PPID", "CWD", "COMMAND")
_COLOURS = {"failed": "\x1b[31m", "running": "\x1b[33m", "missing": "\x1b[1;35m"}

# The numbers of Linux, on whatever system the recording is read.
_SIGNAL_NAMES = """HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT
    STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS"""
SIGNALS = dict(enumerate(_SIGNAL_NAMES.split(), 1))
"""Names of signals by their numbers, without SIG."""

_ERRORS = {
    1: "EPERM", 2: "ENOENT", 5: "EIO", 7: "E2BIG", 8: "ENOEXEC", 11: "EAGAIN", 12: "ENOMEM", 13: "EACCES",
    14: "EFAULT", 20: "ENOTDIR", 21: "EISDIR", 22: "EINVAL", 24: "EMFILE", 26: "ETXTBSY", 36: "ENAMETOOLONG",
    40: "ELOOP", 80: "ELIBBAD",
}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """A session to show. `where` says more of where it was, safe to print; `keeps_input`: whether its log has input.

    `looked` is what a kubectl cp ran before it, safe to print.
    """

    number: int
    session: Session
    target: Target | None
    where: str = ""
    keeps_input: bool = True
    looked: str = ""

    @property
    def pod(self) -> tuple[str, str]:
        """What it is shown under: a kind and a name."""
        of = self.target
        if of and of.pod:
            return "Pod", printable("/".join(part for part in (of.namespace, of.pod) if part))
        return "Container", named(of)


def named(target: Target | None) -> str:
    """What a target is called, safe to print."""
    return (printable(target.name) if target else "") or "no known target"


def _status(code: int | None, signal: int) -> str:
    if code is None:
        return "-"
    return f"{code} (SIG{SIGNALS[signal]})" if signal in SIGNALS else str(code)


def _summary(shown: Shown) -> str:
    session = shown.session
    name = named(shown.target)
    ended = "not within the recording"
    if session.ended is not None:
        lasted = duration(session.ended - session.started)
        status = _status(session.exit_code, session.signal)
        ended = f"{to_second(session.ended)} after {lasted}, exit code {status}"
    terminals = [("Terminal", _size(of)) for of in session.terminals] or [("Terminal", "none")]
    if len(session.terminals) > 1:
        terminals = [
            (f"Terminal {number}", f"{_size(of)}, {_amounts(of)}") for number, of in enumerate(session.terminals, 1)
        ]
    return pairs(
        [
            ("Session", f"{shown.number}, {session.kind} in {name}{shown.where}"),
            ("User", in_words(session.who) if session.who else ""),
            ("Looked by", shown.looked),
            ("Started", to_second(session.started) + " (before the recording)" * session.under_way),
            ("Ended", ended),
            *terminals,
            ("Output", count(session.output_bytes, "byte") if session.terminals else ""),
            ("Input", _input(shown) if session.terminals else ""),
            *((pipe.name.capitalize(), carried(pipe)) for pipe in session.streams),
            ("Left behind", _left_behind(session)),
            ("Lost", lost(session.lost_events, session.lost_bytes)),
        ]
    )


def carried(pipe: Stream) -> str:
    """How much went through a pipe."""
    left_out = f", {pipe.left_out:,} of them not kept" if pipe.left_out else ""
    digest = f", SHA-256 {pipe.sha256.hex()}" if pipe.sha256 and pipe.size else ""
    return count(pipe.size, "byte") + left_out + digest


def _input(shown: Shown) -> str:
    session = shown.session
    if not shown.keeps_input:
        return f"{count(session.hidden_bytes, 'byte')}, not kept (--no-input)"
    hidden = f" and {count(session.hidden_bytes, 'byte')} unseen, with echo off" if session.hidden_bytes else ""
    return count(session.input_bytes, "byte") + hidden


def _amounts(of: Terminal) -> str:
    return f"{count(of.output_bytes, 'byte')} of output, {of.input_bytes + of.hidden_bytes:,} of input"


def _left_behind(session: Session) -> str:
    if not session.outlived:
        return ""
    alive = sum(lived.ended is None for lived in session.outlived)
    total = len(session.outlived)
    many = f"{total:,} process{'' if total == 1 else 'es'}"
    some = "" if alive == total else f"{alive:,} of them "
    return f"{many}, {some}alive when the recording ended" if alive else many


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


def marks(ran: Exec) -> str:
    """What is odd about the program, in words in brackets, which in a command are always within quotes."""
    words = list(ran.file.flags) if ran.file else []
    if ran.rights and (ran.rights.euid, ran.rights.egid) != (ran.uid, ran.gid):
        words.append(f"as {ran.rights.euid}:{ran.rights.egid}")
    return in_brackets(words)


def in_brackets(words: Iterable[str]) -> str:
    """Flags of files and the like, safe to print after a command; empty if there are none."""
    told = ", ".join(printable(word).replace("_", " ") for word in words)
    return f"  [{told}]" if told else ""


def _size(terminal: Terminal) -> str:
    first, last = (f"{terminal.cols}x{terminal.rows}", f"{terminal.last_cols}x{terminal.last_rows}")
    return f"pts/{terminal.index}, {first}" + (f", {last} in the end" if last != first else "")


class _Row(NamedTuple):
    """A line of the table of commands, by time; `state` says in which colour."""

    time: int
    cells: tuple[str, ...]
    state: str = ""


def _rows(session: Session, day: int, view: View) -> Iterator[_Row]:
    depths, jobs = _depths(session), job_marks(session.execs)
    shown = set(map(id, view.execs(session)))
    cwd = session.execs[0].cwd if session.execs else b""
    for ran in session.execs:
        place = f"  [in {printable(ran.cwd)}]" if ran.cwd and ran.cwd != cwd and not view.wide else ""
        cwd = ran.cwd or cwd
        if id(ran) not in shown:
            continue
        before, after = jobs.get(ran, ("", ""))
        indent = "" if view.flat else _INDENT * min(depths[ran], _MAX_DEPTH)
        yield _Row(
            ran.time,
            (
                time_of_day(ran.time, day),
                str(ran.pid),
                "-" if ran.ended is None else duration(ran.ended - ran.time),
                _status(ran.exit_code, ran.signal),
                str(ran.uid),
                *([str(ran.ppid), printable(ran.cwd) or "-"] if view.wide else []),
                indent + before + command(ran) + after + marks(ran) + place,
            ),
            "running" if ran.exit_code is None and ran.ended is None else "failed" if ran.exit_code else "",
        )
    dashes = ["-"] * (2 if view.wide else 0)
    for failed in view.failed(session):
        cells = time_of_day(failed.time, day), str(failed.pid or "-"), "-", error_name(failed), "-", *dashes
        yield _Row(failed.time, (*cells, _failed(failed)), "failed")
    for gap in view.gaps(session):
        yield _Row(gap.time, (time_of_day(gap.time, day), "-", "-", "-", "-", *dashes, gap_note(gap)), "missing")


def _depths(session: Session) -> dict[Exec, int]:
    """How many commands of the session each is below."""
    depths: dict[Exec, int] = {}
    for ran in session.execs:
        inside = ran.parent and ran.parent.session == ran.session
        depths[ran] = depths.get(ran.parent, 0) + 1 if inside and ran.parent else 0
    return depths


def error_name(failed: FailedExec) -> str:
    """Why it could not be run: ENOENT."""
    return _ERRORS.get(failed.error, f"error {failed.error}")


def _failed(failed: FailedExec) -> str:
    return f"({printable(failed.name)} could not be run)"


def sessions(shown: Iterable[Shown], day: int, by_pod: bool, view: View = WHOLE) -> Iterator[str]:
    """The sessions, a text for each; times are of the date of `day` (ns) unless they say otherwise.

    With `by_pod` those of one pod stand together, under its name.
    """
    if not by_pod:
        yield from (text for one in shown for text in _session(one, day, view))
        return
    pods: dict[tuple[str, str], list[Shown]] = {}
    for one in shown:
        pods.setdefault(one.pod, []).append(one)
    for pod, of_pod in pods.items():
        yield pairs([pod])
        yield from (text for one in of_pod for text in _session(one, day, view))


def _files(session: Session) -> str:
    rows = [(f"{of.mode:04o}", f"{of.size:,}", printable(of.name)) for of in session.files]
    more = "and maybe more, which the recording does not have\n" if session.more_files else ""
    return columns(("MODE", "BYTES", "FILE"), rows) + more


def _session(shown: Shown, day: int, view: View) -> Iterator[str]:
    yield _summary(shown)
    if shown.session.files:
        yield _files(shown.session)
    rows = sorted(_rows(shown.session, day, view), key=lambda row: row.time)
    if rows:
        yield _table(rows, view)
    if shown.session.outlived:
        yield columns(_HEADERS_OF_SURVIVORS, [_lived_on(lived, day) for lived in shown.session.outlived])


def _table(rows: list[_Row], view: View) -> str:
    table = columns(_WIDE_HEADERS if view.wide else _HEADERS, [row.cells for row in rows])
    if not view.colours:
        return table
    head, *lines = table.splitlines()
    coloured = (_coloured(line, row.state) for line, row in zip(lines, rows, strict=True))
    return "".join(f"{line}\n" for line in (head, *coloured))


def _coloured(line: str, state: str) -> str:
    colour = _COLOURS.get(state)
    return f"{colour}{line}\x1b[0m" if colour else line


def _lived_on(lived: Survivor, day: int) -> tuple[str, ...]:
    until = "the end" if lived.ended is None else time_of_day(lived.ended, day)
    ran = command(lived.ran) if lived.ran else "?"
    return until, str(lived.pid or "-"), _status(lived.exit_code, lived.signal), ran
