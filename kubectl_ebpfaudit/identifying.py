"""Finds out who the sessions of a recording were, from audit logs, and keeps it beside the recording's logs."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubectl_ebpfaudit.duration import parse_duration
from kubectl_ebpfaudit.printing import note, say
from kubectl_ebpfaudit.status_line import StatusLine, size
from recorder.log.errors import AuditError
from recorder.log.format import SUFFIX
from recorder.log.reader import open_log
from replay.clock import rfc3339
from replay.errors import WrongUsage
from replay.escape import printable, text
from replay.recording import Part, Recording
from replay.run import Run
from replay.who.audit_log import AuditLog, read_requests
from replay.who.identify import Other, has_pods, identify, wanted
from replay.who.identity import Identity
from replay.who.kept import Kept, as_data, save
from replay.who.request import Seen
from replay.who.words import in_words

DEFAULT_SKEW = "2s"
MAX_SKEW_SECONDS = 600.0
_WORTH_TELLING = 64 << 20
"""Bytes that take about a second to read."""


@dataclass(frozen=True)
class Answer:
    """Who the sessions of `run` were, by their numbers; `others` are requests that no session comes from."""

    run: Run
    who: dict[int, Identity]
    others: list[Other]
    logs: list[AuditLog]
    skew: int

    def keep(self) -> list[Path]:
        """Keeps it beside each log; gives where. Raises CannotWrite."""
        logs = [log_data(log) for log in self.logs]
        paths = []
        for part, timeline in self.run.logs:
            mine = {m.session.number: self.who[m.number] for m in self.run.sessions if m.part is part}
            pods = {(of.target.namespace, of.target.pod) for of in timeline.targets.values()}
            others = [of.as_data() for of in self.others if (of.request.namespace, of.request.pod) in pods]
            log = part.log
            paths.append(save(log.path, log.header, log.end, Kept(mine, logs, others, self.skew)))
        return paths

    def as_data(self) -> dict[str, Any]:
        """As `identify -o json` prints it."""
        return {
            "recording": text(str(self.run.recording.path)),
            "clock_skew_seconds": self.skew / 1e9,
            "audit_logs": [log_data(log) for log in self.logs],
            "sessions": [{"id": number, **as_data(of)} for number, of in sorted(self.who.items())],
            "other_requests": [of.as_data() for of in self.others],
        }


def log_data(log: AuditLog) -> dict[str, Any]:
    """What was read, so that somebody else can check it."""
    return {
        "file": text(log.name),
        "bytes": log.size,
        "sha256": log.sha256,
        "from": rfc3339(log.begin) if log.begin else None,
        "until": rfc3339(log.end) if log.end else None,
        "unreadable": log.unreadable,
    }


def parse_skew(value: str) -> int:
    """ns. Raises WrongUsage."""
    try:
        seconds = parse_duration(value)
    except ValueError as error:
        raise WrongUsage(f"--clock-skew: {error}") from error
    if seconds > MAX_SKEW_SECONDS:
        raise WrongUsage(f"--clock-skew {printable(value)}: clocks that differ by more than 10m tell nothing")
    return int(seconds * 1e9)


def find_out(recording: Recording, files: list[str], skew: int) -> Answer:
    """Reads the audit logs at these paths, `-` for stdin. Raises BadAuditLog, AuditError, or WrongUsage."""
    run = Run(recording)
    if not has_pods(run):
        raise WrongUsage(
            f"{printable(recording.name)} knows no pod, so no audit log can say who it was: "
            "it was made with record --local"
        )
    is_wanted = wanted(run, skew)
    logs = []
    line = StatusLine(sys.stderr)
    for name in files:
        try:
            logs.append(_read(name, is_wanted, line))
        finally:
            line.clear()
        _warn(logs[-1])
    who, others = identify(run, logs, skew)
    return Answer(run, who, others, logs, skew)


def _read(name: str, is_wanted: Callable[[Seen], bool], line: StatusLine) -> AuditLog:
    shown = "standard input" if name == "-" else name

    def tell(done: int) -> None:
        if done >= _WORTH_TELLING:
            line.show(f"Reading {printable(shown)}: {size(done)}")

    progress = tell if sys.stderr.isatty() else None
    if name == "-":
        return read_requests(sys.stdin.buffer, shown, is_wanted, progress)
    try:
        with open(name, "rb") as file:
            return read_requests(file, shown, is_wanted, progress)
    except OSError as error:
        raise AuditError(f"cannot read the audit log {printable(name)}: {error.strerror}") from error


def _warn(log: AuditLog) -> None:
    name = printable(log.name)
    if log.unreadable:
        note(f"warning: {name}: {log.unreadable:,} lines or elements are no JSON and were passed over")
    if not log.entering:
        note(f"warning: {name}: no exec or attach of any pod in it: does its audit policy record pods/exec?")


def identify_logs(paths: list[Path], files: list[str], say_who: Callable[[str], None]) -> AuditError | None:
    """Finds out who the sessions of these logs of one run were, tells it and keeps it; gives what went wrong."""
    try:
        with ExitStack() as opened:
            parts = [Part(path.name.removesuffix(SUFFIX), log, log.damage) for path in paths
                     for log in [opened.enter_context(open_log(path))]]  # fmt: skip
            recording = Recording(paths[0].parent, parts, [], is_folder=len(parts) > 1)
            answer = find_out(recording, files, parse_skew(DEFAULT_SKEW))
            for member in answer.run.sessions:
                where = f"{printable(member.part.node)}/" if len(parts) > 1 else ""
                say_who(f"session {where}{member.session.number}: {in_words(answer.who[member.number])}")
            answer.keep()
    except AuditError as error:
        return error
    except OSError as error:
        return AuditError(f"{printable(str(error.filename))}: {error.strerror}")
    return None


def check_readable(files: list[str]) -> None:
    """Sees before a recording begins whether its audit logs are there. Raises AuditError or WrongUsage."""
    for name in files:
        if name == "-":
            raise WrongUsage("record reads the audit log at its end, so give it a file: --audit-log - is for identify")
        try:
            with open(name, "rb"):
                pass
        except OSError as error:
            raise AuditError(f"cannot read the audit log {printable(name)}: {error.strerror}") from error


def tell_kept(paths: list[Path]) -> None:
    """Says where it is kept."""
    if paths:
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        say(f"Kept in {printable(str(paths[0]))}{more}")
