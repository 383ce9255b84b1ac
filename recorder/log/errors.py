"""The one family of errors. `main()` of each program catches it and ends with its exit code.

The message is one line: what went wrong, where, and what to do next. docs/exit-codes.md lists the
codes and is checked against these classes. What can go wrong on the node is here, too: the recorder hands over
an exit code, and the client names the same error by it.
"""

from typing import ClassVar


class AuditError(Exception):
    """Something foreseeable went wrong. `details` are more lines, shown with -v."""

    exit_code: int = 1
    meaning: ClassVar[str] = "failed"

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


class BadLog(AuditError):
    exit_code = 8
    meaning = "the file is not a log, or is damaged"


class NewerLog(AuditError):
    exit_code = 16
    meaning = "the log was written by a newer major version of the format"


class CannotWrite(AuditError):
    exit_code = 9
    meaning = "the output file exists already or cannot be written (disk full, no permission)"


class NotRoot(AuditError):
    exit_code = 10
    meaning = "recording needs root on the node"


class NoBcc(AuditError):
    exit_code = 11
    meaning = "bcc (python3-bpfcc) is not installed"


class NoBtf(AuditError):
    exit_code = 12
    meaning = "the kernel has no type information (BTF)"


class KernelRefused(AuditError):
    exit_code = 13
    meaning = "the kernel refused a program that recording cannot do without"


class NoSuchTarget(AuditError):
    exit_code = 4
    meaning = "there is no such pod, container, process, cgroup, recording or session"


class OtherProtocol(AuditError):
    exit_code = 19
    meaning = "client and recorder are of versions that do not understand each other"


class Fetched(AuditError):
    exit_code = 22
    meaning = "the beginning of the log was fetched by another client, and the recorder has it no longer"
