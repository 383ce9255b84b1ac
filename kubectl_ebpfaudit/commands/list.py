"""`list`: what recordings there are."""

from enum import Enum
from typing import Annotated

import typer

from kubectl_ebpfaudit import store
from kubectl_ebpfaudit.options import Verbose
from kubectl_ebpfaudit.printing import as_data, emit, note
from replay.escape import printable
from replay.listing import Entry, as_document, entry, table


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
    output: Annotated[
        ListOutput | None, typer.Option("-o", "--output", help="How to print the list.", show_default=False)
    ] = None,
    verbose: Verbose = False,
) -> None:
    """List the recordings in the store, oldest first.

    The store is $EBPFAUDIT_HOME/recordings, by default in your data directory. A file that cannot be read is
    listed as `broken`; -o wide says why. `unfinished` is a recording that is still being made or was cut off.
    A run over several nodes is a folder of logs and takes one line: sums, and the worst state of its logs.

    \b
    Example:
      kubectl ebpfaudit list -n payments -o wide
    """
    entries = sorted(map(entry, store.files()), key=lambda e: (e.started or 0, e.stem))
    shown = [e for e in entries if namespace is None or namespace in e.namespaces]
    if output in (ListOutput.json, ListOutput.yaml):
        emit(as_data(as_document(shown), output.value))
    elif output == ListOutput.name:
        emit("".join(f"{printable(e.stem)}\n" for e in shown))
    elif shown:
        emit(table(shown, wide=output == ListOutput.wide))
    else:
        _nothing(namespace, entries)


def _nothing(namespace: str | None, entries: list[Entry]) -> None:
    if namespace is not None and entries:
        note(f"No recordings found of namespace {printable(namespace)}.")
    else:
        note(f"No recordings found in {printable(str(store.directory()))}.")
