"""Options and arguments that several verbs share, and what they set."""

from enum import Enum
from typing import Annotated

import typer

from kubectl_ebpfaudit.help import RECORDER
from kubectl_ebpfaudit.verbosity import set_verbosity


class Data(str, Enum):
    """Forms of output for programs."""

    json = "json"
    yaml = "yaml"


class Direction(str, Enum):
    """Which way bytes went: out of the terminal to the screen, or in from the keyboard."""

    out = "out"
    in_ = "in"


class Pipe(str, Enum):
    """The pipes of a session without a terminal."""

    stdin = "stdin"
    stdout = "stdout"
    stderr = "stderr"


Verbose = Annotated[
    int,
    typer.Option(
        "-v",
        "--verbose",
        metavar="[LEVEL]",
        min=0,
        help="Say more about an error; from 6 on also what is asked of the cluster.",
        callback=set_verbosity,
        show_default=False,
    ),
]
EveryRun = Annotated[
    bool, typer.Option("--all", help="Tell of each run of the pods' probes and hooks, which else are counted.")
]
Recording = Annotated[
    str,
    typer.Argument(
        metavar="RECORDING",
        help="A path, of a log or of a folder of logs, the name or the beginning of the name of a recording in the "
        "store, or `latest`, the one that was written to last.",
        show_default=False,
    ),
]
RecordingOrSession = Annotated[
    str,
    typer.Argument(
        metavar="RECORDING[/SESSION]",
        help="A path, of a log or of a folder of logs, the name or the beginning of the name of a recording in the "
        "store, or `latest`, the one that was written to last; then the number of a session, if only one is meant.",
        show_default=False,
    ),
]
Tty = Annotated[
    int | None,
    typer.Option(
        "--tty",
        metavar="N",
        min=1,
        help="The session's N-th terminal: tmux, screen and script open more of them. [default: 1]",
        show_default=False,
    ),
]
Output = Annotated[Data | None, typer.Option("-o", "--output", help="Print data instead of text.", show_default=False)]

RecorderName = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="The recorder's pod, or what the pods of all its nodes begin with; else the only one there is.",
        show_default=False,
    ),
]
Namespace = Annotated[
    str | None,
    typer.Option("-n", "--namespace", help="The pod's namespace; else the context's.", show_default=False),
]
RecorderImage = Annotated[
    str | None, typer.Option("--image", help="The recorder's image.", rich_help_panel=RECORDER, show_default=False)
]
RecorderPullPolicy = Annotated[
    str | None,
    typer.Option(
        "--image-pull-policy", help="Always, IfNotPresent or Never.", rich_help_panel=RECORDER, show_default=False
    ),
]
