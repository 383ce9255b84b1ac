"""What can go wrong at the recorder, as the client names it.

The codes are those of `recorder.errors`, which the plugin must not import: a recorder that runs elsewhere
hands over no more than its exit code and what it wrote to stderr.
"""

from recorder.log.errors import AuditError, CannotWrite
from replay.escape import printable

_ERROR = "error: "


class NoSuchTarget(AuditError):
    exit_code = 4
    meaning = "there is no such pod, container, process, cgroup, recording or session"


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


_KINDS: dict[int, type[AuditError]] = {
    kind.exit_code: kind for kind in (NoSuchTarget, CannotWrite, NotRoot, NoBcc, NoBtf, KernelRefused)
}


def of_recorder(exit_code: int | None, stderr: str, where: str) -> AuditError:
    """The error of a recorder that ended with `exit_code` (negative: by that signal) and wrote `stderr`.

    Its own message is the last line that begins with "error: "; the lines after it are the details.
    """
    lines = stderr.rstrip().splitlines()
    starts = [n for n, line in enumerate(lines) if line.startswith(_ERROR)]
    if not starts:
        ended = "ended" if exit_code is None else f"ended with exit code {exit_code}"
        if exit_code is not None and exit_code < 0:
            ended = f"was killed by signal {-exit_code}"
        return AuditError(f"the recorder {where} {ended} and said no reason", _escaped(lines))
    message = lines[starts[-1]].removeprefix(_ERROR)
    kind = _KINDS.get(exit_code or 1, AuditError)
    return kind(printable(message), _escaped(lines[starts[-1] + 1 :]))


def _escaped(lines: list[str]) -> str:
    return "\n".join(map(printable, lines))
