"""Runs of the pod's probes and hooks in what `show` prints: a line for all of one kind, since they are many."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from replay.clock import to_second
from replay.escape import printable
from replay.model import Session
from replay.session_report import Shown, in_brackets
from replay.words import count, probe_runs, short_command

_NAMED = 5
"""So many of the programs that runs have run are named."""


@dataclass
class Runs:
    """The runs of one probe or hook of a pod that ran the same, in order of their start.

    `programs`: what they ran, or tried to, after the first, each once. `flags`: of the files that they ran.
    """

    pod: str
    kind: str
    argv: tuple[bytes, ...]
    programs: tuple[bytes, ...]
    flags: tuple[str, ...]
    all: list[Shown] = field(default_factory=list)

    @property
    def numbers(self) -> str:
        """Of its sessions: 3 to 14."""
        first, last = self.all[0].number, self.all[-1].number
        return str(first) if len(self.all) == 1 else f"{first} to {last}"

    def words(self) -> str:
        """How many, of what, when, and how they ended; safe to print."""
        codes = Counter(one.session.exit_code for one in self.all)
        ended = ", ".join(
            f"{number:,} {'not ended' if code is None else f'with exit code {code}'}"
            for code, number in sorted(codes.items(), key=lambda item: (item[0] is None, item[0] or 0))
        )
        times = to_second(self.all[0].session.started)
        if len(self.all) > 1:
            times = f"{times} to {to_second(self.all[-1].session.started)}"
        what = f"{printable(self.kind)} `{short_command(self.argv)}`{in_brackets(self.flags)}"
        if self.programs:
            named = [printable(program) for program in self.programs[:_NAMED]]
            more = [f"{len(self.programs) - _NAMED:,} more"] if len(self.programs) > _NAMED else []
            what += f" (runs {', '.join(named + more)})"
        return f"{count(len(self.all), 'run')} of {what} in {self.pod}, {times}: {ended}"


def groups(shown: Iterable[Shown]) -> tuple[list[Shown], list[Runs]]:
    """(the sessions that are shown one by one, the runs of each probe), both in order.

    A run is shown of which something is missing, that warns of something, opens a terminal or leaves something behind.
    Those that ran other programs than the rest, or what did not come with the image, have a line of their own: somebody
    may have changed the script or the program.
    """
    kept: list[Shown] = []
    runs: dict[tuple[str, str, tuple[bytes, ...], tuple[bytes, ...], tuple[str, ...]], Runs] = {}
    for one in shown:
        of = one.session
        if of.is_probe and not (of.gaps or of.warnings or of.terminals or of.outlived):
            flags = {flag for ran in of.execs if ran.file for flag in ran.file.flags}
            programs = {ran.filename for ran in of.execs[1:]} | {failed.name for failed in of.failed}
            key = one.pod[1], of.kind, of.argv, tuple(sorted(programs)), tuple(sorted(flags))
            runs.setdefault(key, Runs(*key)).all.append(one)
        else:
            kept.append(one)
    return kept, [*runs.values()]


def fold(shown: Iterable[Shown]) -> tuple[list[Shown], list[str]]:
    """The same with a line for the runs of each probe."""
    kept, runs = groups(shown)
    return kept, [f"{of.words()} (session {of.numbers}; --all shows each)\n" for of in runs]


def entered(sessions: Sequence[Session]) -> str:
    """How many sessions there are, and how many runs of probes."""
    runs = sum(of.is_probe for of in sessions)
    return count(len(sessions) - runs, "session") + (f" and {probe_runs(runs)}" if runs else "")
