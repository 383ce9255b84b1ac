"""What can go wrong when a recording is read. The message says what, where and what to do next."""

from recorder.log.errors import AuditError, BadLog
from recorder.log.reader import Damage


class WrongUsage(AuditError):
    exit_code = 2
    meaning = "wrong usage: the command line asks for something that makes no sense"


class NoSuchRecording(AuditError):
    exit_code = 4
    meaning = "there is no such pod, container, process, cgroup, recording or session"


class NoTerminal(AuditError):
    exit_code = 18
    meaning = "the session has no terminal, so there is nothing to replay or export"


class Incomplete(AuditError):
    exit_code = 3
    meaning = "recorded, but something was lost or the log has no end"


class TooMuch(AuditError):
    exit_code = 28
    meaning = "the log holds more than fits into memory: only its beginning was read"


class MissingExtra(AuditError):
    """An optional package is needed that is not installed."""


def fault_of(damage: Damage) -> type[AuditError]:
    """The error that it is to have read a log up to this damage."""
    if damage.too_much:
        return TooMuch
    return Incomplete if damage.cut else BadLog
