"""What can go wrong at the recorder, as the client names it.

A recorder that runs elsewhere hands over no more than its exit code and what it wrote to stderr.
"""

from recorder.log.errors import (
    AuditError,
    CannotWrite,
    Fetched,
    KernelRefused,
    NoBcc,
    NoBtf,
    NoSuchTarget,
    NotRoot,
    OtherProtocol,
)
from replay.escape import printable

_ERROR = "error: "


_KINDS: dict[int, type[AuditError]] = {
    kind.exit_code: kind
    for kind in (NoSuchTarget, CannotWrite, NotRoot, NoBcc, NoBtf, KernelRefused, OtherProtocol, Fetched)
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
