"""Finds a pattern in the commands of a session."""

from collections.abc import Iterator

from recorder.log.argv import split
from recorder.log.errors import BadLog
from recorder.log.format import PROCESS_LANE
from recorder.log.reader import Log
from replay.escape import shell_line
from replay.fields import data, number
from replay.model import Session
from replay.programs import Exec
from replay.search.hit import Line, excerpt, short
from replay.search.lines import Found
from replay.search.pattern import Pattern

_UNQUOTED = b" %+,-./0123456789:=@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
"""What a shell takes as it is: where there is nothing else, both forms of a command line are the same."""


def in_commands(session: Session, pattern: Pattern, context: int) -> Iterator[Found]:
    """The commands whose arguments or program match, in order; times are ns of CLOCK_MONOTONIC.

    The arguments are tried with spaces between, and as a shell would need them typed.
    """
    execs = session.execs
    for place, ran in enumerate(execs):
        if line := _match(ran.argv, ran.filename, pattern):
            if context:
                line.before = [_shown(other) for other in execs[max(place - context, 0) : place]]
                line.after = [_shown(other) for other in execs[place + 1 : place + 1 + context]]
            yield Found(ran.monotonic, line)
    for failed in session.failed:
        name = failed.filename.decode("utf-8", "surrogateescape")
        if place_in := pattern.find(name):
            yield Found(failed.monotonic, excerpt(name, *place_in))


def may_be_in(log: Log, pattern: Pattern) -> bool:
    """Whether `in_commands` can find anything in a log: a look at its commands, quicker than its timeline.

    True if in doubt.
    """
    try:
        for event in log.of_kinds(PROCESS_LANE, ("exec", "exec_failed")):
            argv, filename = data(event, "argv"), data(event, "filename")
            if len(argv) < number(event, "argv_total") or _match(split(argv), filename, pattern):
                return True
    except BadLog:
        return True  # who reads it will say so
    return False


def _match(argv: tuple[bytes, ...], program: bytes, pattern: Pattern) -> Line | None:
    plain = b" ".join(argv)
    text = plain.decode("utf-8", "surrogateescape")
    if place := pattern.find(text):
        return excerpt(text, *place)
    is_quoted = len(argv) != plain.count(b" ") + 1 or plain.translate(None, _UNQUOTED)
    if is_quoted and (place := pattern.find(quoted := shell_line(argv))):
        return excerpt(quoted, *place)
    filename = program.decode("utf-8", "surrogateescape")
    if place := pattern.find(filename):
        return excerpt(filename, *place)
    for span in pattern.byte_lines(plain):
        return excerpt(text, *_in_text(plain, span.start + span.match_start, span.start + span.match_end))
    return None


def _in_text(data: bytes, start: int, end: int) -> tuple[int, int]:
    before, match = (part.decode("utf-8", "surrogateescape") for part in (data[:start], data[start:end]))
    return len(before), len(before) + len(match)


def _shown(ran: Exec) -> str:
    return short(shell_line(ran.argv))
