"""`show`: what happened in a recording."""

from enum import Enum
from typing import Annotated, Any

import typer

from kubectl_ebpfaudit import store
from kubectl_ebpfaudit.complaints import complain, warn_of_strangers
from kubectl_ebpfaudit.options import RecordingOrSession, Verbose
from kubectl_ebpfaudit.printing import as_data, emit
from kubectl_ebpfaudit.terminals import no_session
from replay.document import document
from replay.recording import opened
from replay.report import report
from replay.run import Run
from replay.run_document import run_document
from replay.run_report import run_report


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
    verbose: Verbose = False,
) -> None:
    """Show the sessions of a recording and every command that ran in them.

    Commands are indented below the one that started them. What is missing is shown where it is missing. In
    JSON and YAML, bytes that are not UTF-8 appear as \\xNN, and KEY_base64 then has the very bytes of KEY.

    \b
    Examples:
      kubectl ebpfaudit show latest
      kubectl ebpfaudit show s.ebpfaudit/2
      kubectl ebpfaudit show run/ -o wide
      kubectl ebpfaudit show s.ebpfaudit -o json | jq '.sessions[].execs[].argv'
    """
    wanted = store.resolve(recording)
    with opened(wanted.path) as found:
        run = Run(found)
        if wanted.session is not None and all(wanted.session != of.number for of in run.sessions):
            raise no_session(found, wanted.session, (of.number for of in run.sessions))
        if output in (ShowOutput.json, ShowOutput.yaml):
            emit(as_data(_document(run, wanted.session), output.value))
        else:
            emit(_report(run, wanted.session, output == ShowOutput.wide, every))
        warn_of_strangers(found)
        complain(found, "is shown")


def _document(run: Run, session: int | None) -> dict[str, Any]:
    return run_document(run, session) if run.recording.is_folder else document(run.logs[0][1], session)


def _report(run: Run, session: int | None, wide: bool, every: bool) -> str:
    if run.recording.is_folder:
        return run_report(run, session, wide, every)
    return report(run.logs[0][1], session, wide, every)
