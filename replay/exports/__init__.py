"""What `export` can write: a format is one entry here and one module with `export(job)`.

`export(job)` gives the bytes in pieces of any size. The module is imported when its format is asked for, and may
import what is slow; a package that is missing there raises MissingExtra.
"""

import importlib
from collections.abc import Callable, Iterator
from typing import NamedTuple, cast

from replay.errors import WrongUsage
from replay.escape import printable
from replay.exports.job import Job


class Format(NamedTuple):
    """One form of export."""

    name: str
    module: str
    """In replay.exports."""
    about: str
    """What it is, for the help."""
    of_terminal: bool = False
    """Whether it is about one terminal; else about all events, of one session if that is asked for."""
    for_terminal: bool = True
    """Whether it may be printed on a reader's terminal: text, and not more of it than anybody would read."""

    def exporter(self) -> Callable[[Job], Iterator[bytes]]:
        """The function that writes it."""
        module = importlib.import_module(f"replay.exports.{self.module}")
        return cast(Callable[[Job], Iterator[bytes]], module.export)


FORMATS = {
    format.name: format
    for format in (
        Format("raw", "raw", "the bytes of a terminal and nothing else", of_terminal=True, for_terminal=False),
        Format("jsonl", "jsonl", "every event, one JSON object a line"),
        Format("asciicast", "asciicast", "a cast for asciinema (version 2)", of_terminal=True),
        Format("asciicast-v3", "asciicast_v3", "the same in version 3", of_terminal=True),
        Format("text", "text", "what came onto the screen, with times, and the commands", of_terminal=True),
        Format("html", "html", "a report with a player in it, one file for any browser", for_terminal=False),
        Format("ecs", "ecs", "commands and sessions as documents of the Elastic Common Schema, one a line"),
        Format("ocsf", "ocsf", "starts and ends of commands as events of OCSF, one a line"),
        Format("parquet", "parquet", "a table of commands or of sessions", for_terminal=False),
    )
}


def named(name: str) -> Format:
    """The format of that name. Raises WrongUsage."""
    if name not in FORMATS:
        raise WrongUsage(f"there is no format {printable(name)}; there are: {', '.join(FORMATS)}")
    return FORMATS[name]
