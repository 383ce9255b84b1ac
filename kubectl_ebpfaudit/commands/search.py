"""`search`: where a pattern is, in one recording or in many."""

from enum import Enum
from itertools import islice
from typing import Annotated

import typer

from kubectl_ebpfaudit.options import Verbose
from kubectl_ebpfaudit.when import moment
from replay.errors import WrongUsage
from replay.escape import printable

_MAX_CONTEXT = 100


class SearchOutput(str, Enum):
    """How to print what was found."""

    json = "json"


def search(
    pattern: Annotated[str, typer.Argument(metavar="PATTERN", help="A regular expression of Python; -F: plain text.")],
    recordings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RECORDING[/SESSION]]...", help="Which ones; else all in the store.", show_default=False
        ),
    ] = None,
    ignore_case: Annotated[
        bool, typer.Option("-i", "--ignore-case", help="Upper and lower case are the same.", show_default=False)
    ] = False,
    fixed: Annotated[
        bool, typer.Option("-F", "--fixed-strings", help="PATTERN is plain text.", show_default=False)
    ] = False,
    context: Annotated[
        int, typer.Option("-C", "--context", metavar="LINES", min=0, help="Show so many lines around each hit.")
    ] = 0,
    where: Annotated[
        str | None,
        typer.Option(
            "--in",
            metavar="PLACE,…",
            help="Where to look: argv, input, output (as it was sent), screen. [default: all]",
            show_default=False,
        ),
    ] = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="Only pods of this namespace.", show_default=False)
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="Only what happened after TIME: 2026-01-02T03:04:05Z, a date, or an age such as 2h or 7d.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Only what happened before.", show_default=False)
    ] = None,
    names_only: Annotated[
        bool, typer.Option("-l", "--names-only", help="Print only the names of recordings.", show_default=False)
    ] = False,
    count: Annotated[
        bool, typer.Option("--count", help="Print only how many hits each recording has.", show_default=False)
    ] = False,
    most: Annotated[
        int | None,
        typer.Option(
            "-m", "--max-count", metavar="N", min=1, help="The first N hits of each recording.", show_default=False
        ),
    ] = None,
    output: Annotated[
        SearchOutput | None, typer.Option("-o", "--output", help="Print data instead of text.", show_default=False)
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Find a pattern in what ran, what was typed, what came out, and what was on the screen.

    Each hit is a line, with its time, session and pod, and the command that shows the screen at that moment.
    `output` is searched as the program sent it; on the `screen` is also found what colours and the editing of a line
    have torn apart.

    Exit code 0 if something was found, 1 if nothing was, as with grep; 8 if a recording could not be read.

    \b
    Examples:
      kubectl ebpfaudit search 'curl|wget' --in argv --since 7d
      kubectl ebpfaudit search -F 4000-0000-0000-0002 latest -C 2
      kubectl ebpfaudit search -l -i password -n payments
    """
    if sum((names_only, count, output is not None)) > 1:
        raise WrongUsage("-l, --count and -o exclude each other")
    if context > _MAX_CONTEXT:
        raise WrongUsage(f"-C {context}: give at most {_MAX_CONTEXT} lines")

    from kubectl_ebpfaudit.hits import AsCounts, AsData, AsNames, AsText
    from kubectl_ebpfaudit.searching import Searcher, places
    from replay.search.hit import PLACES
    from replay.search.pattern import Pattern
    from replay.search.recording import Query

    wanted_places = [name for name in (where or "").lower().split(",") if name] or PLACES
    for name in wanted_places:
        if name not in PLACES:
            raise WrongUsage(f"--in {printable(name)}: there are {', '.join(PLACES)}")
    query = Query(
        Pattern(pattern, fixed, ignore_case),
        frozenset(wanted_places),
        context,
        namespace,
        moment("--since", since),
        moment("--until", until),
    )
    searcher = Searcher(query)
    show = AsNames() if names_only else AsCounts() if count else AsData() if output else AsText()
    found = False
    try:
        for place, hits in searcher.run(places(recordings or [], query)):
            found = show.recording(place, islice(hits, 1 if names_only else most)) or found
    finally:
        show.end()
    searcher.complain()
    if not found:
        raise typer.Exit(1)
