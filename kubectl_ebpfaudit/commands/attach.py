"""`attach`: goes on with the recording of recorders that run, where this machine's log of it stops."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from kubectl_ebpfaudit.attaching import attach_to
from kubectl_ebpfaudit.cluster_options import connected
from kubectl_ebpfaudit.connection import Connection
from kubectl_ebpfaudit.interrupt import Interrupted, Signals
from kubectl_ebpfaudit.live import Live
from kubectl_ebpfaudit.options import EveryRun, RecorderName, Verbose
from kubectl_ebpfaudit.outcome import conclude
from kubectl_ebpfaudit.unhurried import screen

Write = Annotated[
    str | None,
    typer.Option(
        "-w",
        "--write",
        metavar="FILE",
        help="The file or folder to go on with, or to begin; else that of the store.",
        show_default=False,
    ),
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing while recording, nor what was recorded.")]


@connected
def attach(
    name: RecorderName = None,
    write: Write = None,
    quiet: Quiet = False,
    every: EveryRun = False,
    *,
    connection: Connection,
    verbose: Verbose = False,
) -> None:
    """Fetch the log of a recorder that runs, or that has ended and waits, and go on with it.

    It goes on with the recording that this machine has of it, at the byte where that stops: after a crash, a
    reboot, or record --detach. Ctrl-C ends the recorder; the log is whole then. Of a recorder that has died, it
    gives this machine's log an end that says so. What a workload has started meanwhile, or starts, is recorded
    from then on, also on further nodes.

    \b
    Examples:
      kubectl ebpfaudit attach
      kubectl ebpfaudit attach ebpfaudit-1a2b3c4d -w run/
      kubectl ebpfaudit attach -w run/
    """
    collect(connection, name, write, quiet, stop=False, every=every)


def collect(
    connection: Connection, name: str | None, write: str | None, quiet: bool, stop: bool, every: bool = False
) -> None:
    """Fetches the logs of the recorders that `name` means to their ends; with `stop` ends them first."""
    with Signals() as signals, screen(signals) as out, contextlib.ExitStack() as closing:
        live = Live(out, quiet, every=every, stops=stop)
        try:
            with signals.interruptible():
                run, path = attach_to(connection, name, write, live, signals, closing, follow=not stop)
            run.record(stop_at_once=stop)
        except Interrupted as error:
            text = "interrupted before every recorder was reached: what is not here yet waits there for attach"
            raise Interrupted(text, error.number) from None
    conclude(run.parts, live, Path(path))
