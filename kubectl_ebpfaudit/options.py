"""Options and arguments that several verbs share, and what they set."""

from enum import Enum
from typing import Annotated

import typer

_verbose = False


def verbose() -> bool:
    """Whether -v was given."""
    return _verbose


def set_verbose(value: bool) -> None:
    """Takes note of -v."""
    global _verbose
    _verbose = _verbose or value


class Data(str, Enum):
    """Forms of output for programs."""

    json = "json"
    yaml = "yaml"


class Direction(str, Enum):
    """Which way bytes went: out of the terminal to the screen, or in from the keyboard."""

    out = "out"
    in_ = "in"


Verbose = Annotated[
    bool,
    typer.Option("-v", "--verbose", help="Say more about an error.", callback=set_verbose, show_default=False),
]
Recording = Annotated[
    str,
    typer.Argument(
        metavar="RECORDING",
        help="A path, the name or the beginning of the name of a recording in the store, or `latest`.",
        show_default=False,
    ),
]
RecordingOrSession = Annotated[
    str,
    typer.Argument(
        metavar="RECORDING[/SESSION]",
        help="A path, the name or the beginning of the name of a recording in the store, or `latest`; "
        "then the number of a session, if only one is meant.",
        show_default=False,
    ),
]
Output = Annotated[Data | None, typer.Option("-o", "--output", help="Print data instead of text.", show_default=False)]
