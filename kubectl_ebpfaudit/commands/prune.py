"""`prune`: removes old recordings from the store."""

import contextlib
import time
from typing import Annotated

import typer

from kubectl_ebpfaudit import store
from kubectl_ebpfaudit.options import Verbose
from kubectl_ebpfaudit.printing import emit, note
from kubectl_ebpfaudit.removal import remove
from kubectl_ebpfaudit.when import age
from replay.escape import printable
from replay.listing.columns import readable_bytes
from replay.listing.entry import Entry
from replay.words import count


def prune(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Such as 30d, 2w or 12h.", show_default=False)
    ],
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", "-n", help="Only recordings of this namespace alone.", show_default=False),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be deleted.", show_default=False)
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Delete the recordings of the store that ended longer ago than AGE. There is no way back.

    Of one whose file was changed later, or that has no end or cannot be read, the time of its last change counts: a
    node's clock may have been wrong. What is being recorded stays.

    \b
    Examples:
      kubectl ebpfaudit prune --older-than 30d --dry-run
      kubectl ebpfaudit prune --older-than 12w -n staging
    """
    before = time.time_ns() - age("--older-than", older_than)
    old = [of for of in store.overview() if not of.is_written and _ended(of) < before and _is_of(of, namespace)]
    for of in old:
        if not dry_run:
            remove(of)
        emit(f"{printable(of.stem)} {'would be deleted' if dry_run else 'deleted'}\n")
    freed = readable_bytes(sum(of.size for of in old))
    note(f"{count(len(old), 'recording')}, {freed}{', would be deleted' if dry_run else ' deleted'}")


def _is_of(of: Entry, namespace: str | None) -> bool:
    return namespace is None or of.namespaces == {namespace}


def _ended(of: Entry) -> int:
    """ns since 1970-01-01 UTC, not before the last change; what cannot be told is as of now."""
    with contextlib.suppress(OSError, ValueError):
        logs = [of.path / log.file for log in of.logs] if of.is_folder else [of.path]
        return max(of.ended or 0, *(log.stat().st_mtime_ns for log in logs))
    return time.time_ns()
