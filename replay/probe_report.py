"""Runs of the pod's probes and hooks in what `show` prints: a line for all of one kind, since they are many."""

from collections import Counter
from collections.abc import Iterable

from replay.clock import to_second
from replay.escape import printable, shell_line
from replay.session_report import Shown
from replay.words import count

_MAX_COMMAND = 120


def fold(shown: Iterable[Shown]) -> tuple[list[Shown], list[str]]:
    """(the sessions that are shown one by one, a line for the runs of each probe), both in order.

    A run of which something is missing, or that warns of something, is shown.
    """
    kept: list[Shown] = []
    runs: dict[tuple[str, str, tuple[bytes, ...]], list[Shown]] = {}
    for one in shown:
        of = one.session
        if of.is_probe and not of.gaps and not of.warnings:
            runs.setdefault((one.pod[1], of.kind, of.argv), []).append(one)
        else:
            kept.append(one)
    return kept, [_line(pod, kind, argv, of) for (pod, kind, argv), of in runs.items()]


def _line(pod: str, kind: str, argv: tuple[bytes, ...], runs: list[Shown]) -> str:
    command = shell_line(argv)
    command = command if len(command) <= _MAX_COMMAND else f"{command[:_MAX_COMMAND]} …"
    codes = Counter(one.session.exit_code for one in runs)
    ended = ", ".join(
        f"{number:,} {'not ended' if code is None else f'with exit code {code}'}"
        for code, number in sorted(codes.items(), key=lambda item: (item[0] is None, item[0] or 0))
    )
    first, last = runs[0], runs[-1]
    times = to_second(first.session.started)
    if len(runs) > 1:
        times = f"{times} to {to_second(last.session.started)}"
    numbers = str(first.number) if len(runs) == 1 else f"{first.number} to {last.number}"
    what = f"{count(len(runs), 'run')} of {printable(kind)} `{command}` in {pod}"
    return f"{what}, {times}: {ended} (session {numbers}; --all shows each)\n"
