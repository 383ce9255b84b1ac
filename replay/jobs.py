"""Tells which commands were parts of one pipeline, and which ran in the background, from when they ran.

The recording has no process groups. A shell starts all parts of a pipeline before it waits for any, and waits for
what is in the foreground before it starts the next. So of two commands that one process started, of which the first
still ran when the second began: they are of one pipeline if they began within 50 ms and nothing was started between
them (their process IDs follow one another), else the first was in the background. Parts that were over before the
next one began look like commands of their own.
"""

from collections.abc import Iterable

from replay.programs import Exec

_AT_ONCE = 50_000_000
"""ns within which a shell starts the parts of a pipeline. A person takes longer for the next command."""

PIPED, BACKGROUND = "| ", " &"


def marks(execs: Iterable[Exec]) -> dict[Exec, tuple[str, str]]:
    """What goes before a command (`| ` if it read from the one before it) and after it (` &` in the background)."""
    before: dict[Exec | None, Exec] = {}
    prefix: dict[Exec, str] = {}
    suffix: dict[Exec, str] = {}
    for ran in execs:
        first = before.get(ran.parent)
        before[ran.parent] = ran
        if first is None or first.host_pid == ran.host_pid or ran.parent is None:
            continue
        if first.ended is not None and first.ended <= ran.time:
            continue
        if ran.time - first.time <= _AT_ONCE and ran.pid == first.pid + 1:
            prefix[ran] = PIPED
        else:
            suffix[first] = BACKGROUND
    return {ran: (prefix.get(ran, ""), suffix.get(ran, "")) for ran in {**prefix, **suffix}}
