"""`delete`: removes recordings from the store."""

from typing import Annotated

import typer

from kubectl_ebpfaudit.options import Verbose
from kubectl_ebpfaudit.printing import emit
from kubectl_ebpfaudit.removal import named, remove
from replay.errors import WrongUsage
from replay.escape import printable


def delete(
    recordings: Annotated[
        list[str],
        typer.Argument(metavar="RECORDING...", help="Whole names of recordings in the store.", show_default=False),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be deleted.", show_default=False)
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also what is still being recorded.", show_default=False)
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Delete recordings from the store, with what is kept beside them. There is no way back.

    All names are looked up before anything is deleted.

    \b
    Example:
      kubectl ebpfaudit delete default.web_20260102T030405Z
    """
    found = named(recordings)
    for of in found:
        if of.is_written and not force:
            raise WrongUsage(f"{printable(of.stem)} is being recorded: end that first, or use --force")
    for of in found:
        if not dry_run:
            remove(of)
        emit(f"{printable(of.stem)} {'would be deleted' if dry_run else 'deleted'}\n")
