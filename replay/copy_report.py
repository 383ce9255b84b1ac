"""The look that kubectl cp takes before it copies, in what `show` prints: a line of the copy, no session of its own."""

from collections.abc import Iterable
from dataclasses import replace

from replay.escape import shell_line
from replay.session_report import Shown


def fold(shown: Iterable[Shown]) -> list[Shown]:
    """The sessions in order, without the looks of those copies that are among them, which say so."""
    every = list(shown)
    copies = {id(one.session) for one in every if one.session.told_kind == "cp"}
    looks = {id(one.session.part_of): one for one in every if id(one.session.part_of) in copies}
    folded = {id(look.session) for look in looks.values()}
    return [
        replace(one, looked=_line(looks[id(one.session)])) if id(one.session) in looks else one
        for one in every
        if id(one.session) not in folded
    ]


def _line(look: Shown) -> str:
    return (
        f"{shell_line(look.session.argv)}, exit code {look.session.exit_code} (session {look.number}; --all shows it)"
    )
