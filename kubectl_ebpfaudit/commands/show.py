"""`show`: what happened in a recording."""

import sys
from enum import Enum
from typing import Annotated, Any

import typer

from kubectl_ebpfaudit import store
from kubectl_ebpfaudit.colours import wanted as wanted_colours
from kubectl_ebpfaudit.complaints import complain, warn_of_strangers
from kubectl_ebpfaudit.options import RecordingOrSession, Verbose
from kubectl_ebpfaudit.printing import as_data, emit
from kubectl_ebpfaudit.terminals import no_session
from replay.clock import parse_at
from replay.copied import fill
from replay.document import document
from replay.hidden import RULE
from replay.hidden import hidden as find_hidden
from replay.recording import opened
from replay.report import report
from replay.run import Run
from replay.run_document import run_document
from replay.run_report import run_report
from replay.view import View


class ShowOutput(str, Enum):
    """How to show a recording."""

    wide = "wide"
    json = "json"
    yaml = "yaml"


def show(
    recording: RecordingOrSession,
    output: Annotated[
        ShowOutput | None,
        typer.Option(
            "-o", "--output", help="Print data instead of text; wide: more about each target.", show_default=False
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also each run of the pods' probes and hooks, which else take a line in all.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="Only what still ran at TIME or later: 90, 1m30s, 00:01:30 after the start of the recording, "
            "or like 2026-01-02T03:04:05Z.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Only what began before TIME.", show_default=False)
    ] = None,
    flat: Annotated[
        bool, typer.Option("--flat", help="In order of time, without the tree.", show_default=False)
    ] = False,
    hidden: Annotated[
        bool,
        typer.Option(
            "--hidden", help="Only commands of which nothing was to be seen on a terminal.", show_default=False
        ),
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Show the sessions of a recording and every command that ran in them.

    Commands are indented below the one that started them; `| ` stands before one that reads from the one above, ` &`
    behind one that was in the background, as far as their times tell. What is missing is shown where it is missing. In
    JSON and YAML, bytes that are not UTF-8 appear as \\xNN, and KEY_base64 then has the very bytes of KEY.

    With --hidden come the commands while which nothing was printed in their session, and nothing typed, nor in the
    second before they began: what a script did quietly, or what went on after the user had left.

    \b
    Examples:
      kubectl ebpfaudit show latest
      kubectl ebpfaudit show s.ebpfaudit/2 --since 10m --until 12m
      kubectl ebpfaudit show latest --hidden --flat
      kubectl ebpfaudit show run/ -o wide
      kubectl ebpfaudit show s.ebpfaudit -o json | jq '.sessions[].execs[].argv'
    """
    wanted = store.resolve(recording)
    with opened(wanted.path) as found:
        run = Run(found)
        fill(run)
        if wanted.session is not None and all(wanted.session != of.number for of in run.sessions):
            raise no_session(found, wanted.session, (of.number for of in run.sessions))
        as_text = output not in (ShowOutput.json, ShowOutput.yaml)
        view = View(
            since=None if since is None else parse_at(since, run.started),
            until=None if until is None else parse_at(until, run.started),
            flat=flat,
            wide=output == ShowOutput.wide,
            every=every,
            colours=as_text and wanted_colours(sys.stdout),
            only=_hidden(run) if hidden else None,
        )
        if output and not as_text:
            emit(as_data(_document(run, wanted.session, view), output.value))
        else:
            emit(_report(run, wanted.session, view) + (f"\n{RULE}\n" if hidden else ""))
        warn_of_strangers(found)
        complain(found, "is shown")


def _hidden(run: Run) -> frozenset[int]:
    return frozenset(one for part, timeline in run.logs for one in find_hidden(part.log, timeline))


def _document(run: Run, session: int | None, view: View) -> dict[str, Any]:
    return run_document(run, session, view) if run.recording.is_folder else document(run.logs[0][1], session, view)


def _report(run: Run, session: int | None, view: View) -> str:
    return run_report(run, session, view) if run.recording.is_folder else report(run.logs[0][1], session, view)
