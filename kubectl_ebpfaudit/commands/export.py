"""`export`: the recorded bytes or events, for other programs."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from kubectl_ebpfaudit import store
from kubectl_ebpfaudit.complaints import complain, warn_of_strangers
from kubectl_ebpfaudit.options import Direction, RecordingOrSession, Verbose
from kubectl_ebpfaudit.output import LogFile
from kubectl_ebpfaudit.printing import emit, note
from kubectl_ebpfaudit.terminals import find_terminal, no_session
from replay.errors import WrongUsage
from replay.escape import printable
from replay.export import hole_note, json_lines, raw
from replay.fields import Enums
from replay.recording import Part, opened
from replay.recording import Recording as Found
from replay.stream import HIDDEN, Piece

Write = Callable[[bytes], None]


class Format(str, Enum):
    """What can be written."""

    raw = "raw"
    jsonl = "jsonl"


def export(
    recording: RecordingOrSession,
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            help="raw: the bytes of a terminal and nothing else; jsonl: every event, one JSON object a line.",
        ),
    ],
    direction: Annotated[
        Direction | None,
        typer.Option(
            "--direction",
            help="With raw: what came out (the default), or what was typed in.",
            show_default=False,
        ),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option("-w", "--write", metavar="FILE", help="Write to FILE, not to stdout.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
    verbose: Verbose = False,
) -> None:
    """Write the bytes of a session's terminal, or the events of a recording.

    Bytes that the recording lacks are named on stderr, and the exit code is then 3. The events of a run over
    several nodes come in order of wall-clock time, each with the log and the node it is from.

    \b
    Examples:
      kubectl ebpfaudit export s.ebpfaudit/1 --format raw -w session.txt
      kubectl ebpfaudit export latest --format jsonl | jq 'select(.type == "exec").argv'
    """
    if direction and form != Format.raw:
        raise WrongUsage("--direction goes with --format raw only")
    if force and not write:
        raise WrongUsage("--force goes with -w FILE only")
    wanted = store.resolve(recording)
    with opened(wanted.path) as found:
        if write and _is_of(found, write):
            raise WrongUsage(f"{printable(str(write))} is the recording itself: name another file with -w")
        warn_of_strangers(found)
        with _sink(write, force) as put:
            if form == Format.raw:
                part, missing = _raw(found, wanted.session, direction or Direction.out, put)
                lacking = f"{missing:,} bytes are missing in what was exported" if missing else ""
                complain(found, "is exported", lacking, only=part)
            else:
                complain(found, "is exported", only=_jsonl(found, wanted.session, put))


def _is_of(found: Found, path: Path) -> bool:
    logs = [*(part.log.path for part in found.parts), *(log.path for log in found.broken)]
    return path.exists() and any(log.exists() and path.samefile(log) for log in logs)


@contextmanager
def _sink(write: Path | None, force: bool) -> Iterator[Write]:
    if write is None or write == Path("-"):
        yield emit
        return
    with closing(LogFile(write, force)) as file:
        yield file.append


def _raw(found: Found, session: int | None, direction: Direction, put: Write) -> tuple[Part, int]:
    """Writes the bytes of the session's terminal; gives the log they are in and how many are missing."""
    chosen = find_terminal(found, session)
    log = chosen.part.log
    enums, missing = Enums(log.header), 0

    def tell(piece: Piece) -> None:
        nonlocal missing
        note(f"{'note' if piece.reason == HIDDEN else 'warning'}: {hole_note(piece, enums)}")
        if piece.reason != HIDDEN:
            missing += piece.missing

    empty = True
    for data in raw(log, chosen.session.number, chosen.tty.number, direction.value, tell):
        put(data)
        empty = False
    if empty:
        note(f"note: session {chosen.number} has no {direction.value}put: nothing is exported")
    return chosen.part, missing


def _jsonl(found: Found, session: int | None, put: Write) -> Part | None:
    """Writes the events, of one session if asked for; gives the log that this one is in."""
    place = None
    if session is not None:
        place = found.find(session)
        if not place or place[1] not in place[0].log.sessions:
            raise no_session(found, session, found.sessions())
    batch: list[str] = []
    for line in json_lines(found, place):
        batch.append(line)
        if len(batch) >= 1000:
            put("".join(batch).encode())
            batch.clear()
    put("".join(batch).encode())
    return place[0] if place else None
