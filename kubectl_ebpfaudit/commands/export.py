"""`export`: the recorded bytes or events, for other programs."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from kubectl_ebpfaudit import store
from kubectl_ebpfaudit.complaints import complain, warn_of_strangers
from kubectl_ebpfaudit.exporting import told
from kubectl_ebpfaudit.options import Direction, Pipe, RecordingOrSession, Tty, Verbose
from kubectl_ebpfaudit.output import LogFile
from kubectl_ebpfaudit.printing import emit, note
from kubectl_ebpfaudit.terminals import find_terminal, no_session
from replay.errors import WrongUsage
from replay.escape import printable
from replay.export import hole_note
from replay.exports import FORMATS, Format, named
from replay.exports.job import Job, Screen
from replay.fields import Enums
from replay.recording import Recording as Found
from replay.recording import opened
from replay.stream import ON_PURPOSE, Piece

Write = Callable[[bytes], None]
Sink = AbstractContextManager[Write]


class Table(str, Enum):
    """The tables of a format that has several."""

    commands = "commands"
    sessions = "sessions"


def export(
    recording: RecordingOrSession,
    form: Annotated[
        str,
        typer.Option("--format", metavar="FORMAT", help="; ".join(f"{of.name}: {of.about}" for of in FORMATS.values())),
    ],
    direction: Annotated[
        Direction | None,
        typer.Option(
            "--direction",
            help="With raw: what came out (the default), or what was typed in.",
            show_default=False,
        ),
    ] = None,
    table: Annotated[
        Table | None,
        typer.Option("--table", help="With parquet: commands (the default) or sessions.", show_default=False),
    ] = None,
    tty: Tty = None,
    stream: Annotated[
        Pipe | None,
        typer.Option(
            "--stream",
            help="With raw, of a session without a terminal: that one only. [default: stdout and stderr]",
            show_default=False,
        ),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option(
            "-w",
            "--write",
            metavar="FILE",
            help="Write to FILE, not to stdout; `-` is stdout, whatever it is.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
    verbose: Verbose = False,
) -> None:
    """Write a recording, or a session of it, in a form that other programs read.

    raw and the asciicasts are of one terminal, or of the pipes of a session without one; the others are of all
    events. What could do harm to a terminal, or is no text, is not printed on one.

    Bytes that the recording lacks are named on stderr, and the exit code is then 3. The events of a run over
    several nodes come in order of wall-clock time, each with the log and the node it is from.

    \b
    Examples:
      kubectl ebpfaudit export s.ebpfaudit/1 --format raw -w session.txt
      kubectl ebpfaudit export latest --format asciicast -w session.cast && asciinema play session.cast
      kubectl ebpfaudit export latest --format jsonl | jq 'select(.type == "exec").argv'
    """
    chosen = named(form)
    if direction and form != "raw":
        raise WrongUsage("--direction goes with --format raw only")
    if table and form != "parquet":
        raise WrongUsage("--table goes with --format parquet only")
    if stream and (form != "raw" or direction):
        raise WrongUsage("--stream goes with --format raw only, and without --direction")
    if tty is not None and (stream or not chosen.of_terminal):
        raise WrongUsage("--tty goes with formats of one terminal only, and without --stream")
    if force and not write:
        raise WrongUsage("--force goes with -w FILE only")
    if write is None and not chosen.for_terminal and sys.stdout.isatty():
        raise WrongUsage(f"{form} is nothing for a terminal: write it to a file with -w FILE, or pipe it on")
    wanted = store.resolve(recording)
    with opened(wanted.path) as found:
        if write and _is_of(found, write):
            raise WrongUsage(f"{printable(str(write))} is the recording itself: name another file with -w")
        warn_of_strangers(found)
        if chosen.of_terminal:
            which = (direction or Direction.out, tty, stream)
            _export_terminal(chosen, found, wanted.session, which, _sink(write, force))
        else:
            _export_events(chosen, found, wanted.session, (table or Table.commands).value, _sink(write, force))


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
        file.put_in_place()  # what was there before would pass for the export


def _export_terminal(
    form: Format,
    found: Found,
    session: int | None,
    which: tuple[Direction, int | None, Pipe | None],
    sink: Sink,
) -> None:
    """Exports a terminal or the pipes of the session, and says what is missing in it."""
    direction, tty, stream = which
    chosen = find_terminal(found, session, tty, pipe=stream and stream.value)
    if stream == Pipe.stdin:
        direction = Direction.in_
    screen = Screen(chosen.number, chosen.part, chosen.session, chosen.tty)
    enums, missing = Enums(screen.log.header), 0

    def tell(piece: Piece) -> None:
        nonlocal missing
        note(f"{'note' if piece.reason in ON_PURPOSE else 'warning'}: {hole_note(piece, enums)}")
        if piece.reason not in ON_PURPOSE:
            missing += piece.missing

    job = Job(found, screen=screen, direction=direction.value, missing=tell)
    if not _write(form, job, sink):
        what = stream.value if stream else f"{direction.value}put"
        note(f"note: session {chosen.number} has no {what}: nothing is exported")
    lacking = f"{missing:,} bytes are missing in what was exported" if missing else ""
    complain(found, "is exported", lacking, only=chosen.part)


def _export_events(form: Format, found: Found, session: int | None, table: str, sink: Sink) -> None:
    """Exports the events, of one session if asked for."""
    place = None
    if session is not None:
        place = found.find(session)
        if not place or place[1] not in place[0].log.sessions:
            raise no_session(found, session, found.sessions())
    _write(form, Job(found, place, table=table), sink)
    complain(found, "is exported", only=place[0] if place else None)


def _write(form: Format, job: Job, sink: Sink) -> bool:
    """Writes the export; gives whether there was anything."""
    pieces = form.exporter()(job)
    empty = True
    with sink as put, told(job.recording, put) as put_and_tell:
        for piece in pieces:
            put_and_tell(piece)
            empty = False
    return not empty
