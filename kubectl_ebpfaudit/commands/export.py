"""`export`: the recorded bytes or events, for other programs."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from kubectl_ebpfaudit import store
from kubectl_ebpfaudit.options import Direction, RecordingOrSession, Verbose
from kubectl_ebpfaudit.output import LogFile
from kubectl_ebpfaudit.printing import emit, note
from kubectl_ebpfaudit.terminals import find_terminal, known_session
from recorder.log.errors import BadLog
from recorder.log.reader import Log
from replay.errors import Incomplete, WrongUsage
from replay.escape import printable
from replay.export import hole_note, json_lines, raw
from replay.fields import Enums
from replay.stream import HIDDEN, Piece
from replay.timeline import build

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

    Bytes that the recording lacks are named on stderr, and the exit code is then 3.

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
    if write and write.exists() and wanted.path.exists() and write.samefile(wanted.path):
        raise WrongUsage(f"{printable(str(write))} is the recording itself: name another file with -w")
    with store.opened(wanted.path) as log, _sink(write, force) as put:
        if form == Format.raw:
            missing = _raw(log, wanted.session, direction or Direction.out, put)
        else:
            missing = 0
            _jsonl(log, wanted.session, put)
        _complain(log, missing)


@contextmanager
def _sink(write: Path | None, force: bool) -> Iterator[Write]:
    if write is None or write == Path("-"):
        yield emit
        return
    with closing(LogFile(write, force)) as file:
        yield file.append


def _raw(log: Log, session: int | None, direction: Direction, put: Write) -> int:
    """Writes the bytes of the session's terminal; gives how many are missing."""
    found, tty = find_terminal(log, session)
    enums, missing = Enums(log.header), 0

    def tell(piece: Piece) -> None:
        nonlocal missing
        note(f"{'note' if piece.reason == HIDDEN else 'warning'}: {hole_note(piece, enums)}")
        if piece.reason != HIDDEN:
            missing += piece.missing

    empty = True
    for data in raw(log, found.number, tty.number, direction.value, tell):
        put(data)
        empty = False
    if empty:
        note(f"note: session {found.number} has no {direction.value}put: nothing is exported")
    return missing


def _jsonl(log: Log, session: int | None, put: Write) -> None:
    if session is not None:
        known = {e.session for e in log.events("process", session)}
        if not known:
            known_session(build(log).sessions, session, log.path)
    batch: list[str] = []
    for line in json_lines(log, session):
        batch.append(line)
        if len(batch) >= 1000:
            put("".join(batch).encode())
            batch.clear()
    put("".join(batch).encode())


def _complain(log: Log, missing: int) -> None:
    name = printable(log.path.name)
    if log.damage:
        kind = Incomplete if log.damage.cut else BadLog
        raise kind(f"{name}: {log.damage.reason}; what comes before is exported")
    if missing:
        raise Incomplete(f"{name}: {missing:,} bytes are missing in what was exported")
