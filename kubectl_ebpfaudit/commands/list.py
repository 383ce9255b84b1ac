"""`list`: what recordings there are."""

import gc
from collections.abc import Collection
from enum import Enum
from typing import Annotated

import typer

from kubectl_ebpfaudit import store
from kubectl_ebpfaudit.options import Verbose
from kubectl_ebpfaudit.printing import as_data, emit, note
from kubectl_ebpfaudit.when import moment
from replay.errors import WrongUsage
from replay.escape import printable
from replay.listing.columns import COLUMNS, USUAL, WIDE
from replay.listing.entry import STATES, Entry
from replay.listing.table import as_document, in_order, table


class ListOutput(str, Enum):
    """How to print the list."""

    wide = "wide"
    json = "json"
    yaml = "yaml"
    name = "name"


def list_(
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", "-n", help="Only recordings of this namespace.", show_default=False),
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(
            "--state", metavar="STATE,…", help=f"Only recordings that are {', '.join(STATES)}.", show_default=False
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="Only recordings that went on after TIME: 2026-01-02T03:04:05Z, a date, or an age such as 2h or 7d.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="TIME", help="Only recordings that began before TIME.", show_default=False),
    ] = None,
    sort_by: Annotated[
        str, typer.Option("--sort-by", metavar="COLUMN", help="Smallest or earliest first.")
    ] = "started",
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns", metavar="COLUMN,…", help=f"Which of {', '.join(COLUMNS)} to show.", show_default=False
        ),
    ] = None,
    output: Annotated[
        ListOutput | None, typer.Option("-o", "--output", help="How to print the list.", show_default=False)
    ] = None,
    verbose: Verbose = False,
) -> None:
    """List the recordings in the store, oldest first.

    The store is $EBPFAUDIT_HOME/recordings, by default in your data directory. A recording is `complete`, being
    made (`recording`), without its end (`cut`), or cannot be read (`broken`; -o wide says why).
    A run over several nodes is a folder of logs and takes one line: sums, and the worst state of its logs.

    \b
    Examples:
      kubectl ebpfaudit list -n payments --since 7d
      kubectl ebpfaudit list --state cut,broken -o wide
      kubectl ebpfaudit list --sort-by size --columns name,size,lost
    """
    shown_columns = _names("--columns", columns, COLUMNS) or (WIDE if output == ListOutput.wide else USUAL)
    states = _names("--state", state, STATES)
    (by,) = _names("--sort-by", sort_by, COLUMNS) or ["started"]
    begin, end = moment("--since", since), moment("--until", until)
    gc.disable()  # of many thousand small objects none is ever given up
    entries = store.overview()
    wanted = (of for of in entries if _wanted(of, namespace, states, begin, end))
    shown = in_order(wanted, by)
    if output in (ListOutput.json, ListOutput.yaml):
        emit(as_data(as_document(shown), output.value))
    elif output == ListOutput.name:
        emit("".join(f"{printable(e.stem)}\n" for e in shown))
    elif shown:
        emit(table(shown, shown_columns))
    else:
        _nothing(namespace, any_there=bool(entries))


def _names(option: str, value: str | None, known: Collection[str]) -> list[str]:
    """The names that an option lists. Raises WrongUsage for one that is not `known`."""
    names = [name for name in (value or "").lower().split(",") if name]
    for name in names:
        if name not in known:
            raise WrongUsage(f"{option} {printable(name)}: there are {', '.join(known)}")
    if option == "--sort-by" and len(names) != 1:
        raise WrongUsage(f"{option}: give one of {', '.join(known)}")
    return names


def _wanted(of: Entry, namespace: str | None, states: list[str], begin: int | None, end: int | None) -> bool:
    if namespace is not None and namespace not in of.namespaces:
        return False
    if states and of.state not in states:
        return False
    if begin is not None and of.ended is not None and of.ended < begin:
        return False
    return end is None or (of.started is not None and of.started < end)


def _nothing(namespace: str | None, any_there: bool) -> None:
    if any_there and namespace is not None:
        note(f"No recordings found of namespace {printable(namespace)}.")
    elif any_there:
        note("No recordings found that are so.")
    else:
        note(f"No recordings found in {printable(str(store.directory()))}.")
