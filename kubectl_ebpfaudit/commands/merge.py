"""`merge`: puts the logs of one run into a folder."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from kubectl_ebpfaudit import store
from kubectl_ebpfaudit.copying import copy_log, safe_name, scratch, settle_folder
from kubectl_ebpfaudit.options import Verbose
from kubectl_ebpfaudit.printing import emit
from recorder.log.errors import BadLog, CannotWrite
from recorder.log.format import SUFFIX
from replay.errors import WrongUsage
from replay.escape import printable
from replay.recording import Part, opened
from replay.words import count


def merge(
    recordings: Annotated[
        list[str],
        typer.Argument(metavar="RECORDING...", help="Logs, or folders of logs, of one run.", show_default=False),
    ],
    write: Annotated[Path, typer.Option("-w", "--write", metavar="DIR", help="The new folder.", show_default=False)],
    verbose: Verbose = False,
) -> None:
    """Put the logs that the nodes of one run wrote into a new folder, which is then one recording.

    The logs stay where they are; in the folder each has the name of its node. Logs of different runs are refused: they
    would not be one recording.

    \b
    Example:
      kubectl ebpfaudit merge node-a.ebpfaudit node-b.ebpfaudit -w incident-42/
    """
    with contextlib.ExitStack() as closing:
        parts: list[Part] = []
        for name in recordings:
            wanted = store.resolve(name)
            if wanted.session is not None:
                raise WrongUsage(f"{printable(name)}: merge takes whole recordings, not sessions")
            found = closing.enter_context(opened(wanted.path))
            if found.broken:
                raise BadLog(f"{printable(name)}: {printable(found.broken[0].name)} cannot be read: nothing is merged")
            parts += found.parts
        if len(parts) < 2:
            raise WrongUsage("there is one log only: name at least two")
        ids = list(dict.fromkeys(part.log.header.recording for part in parts))
        if len(ids) > 1:
            shown = ", ".join(map(printable, ids[:5]))
            raise WrongUsage(f"the logs are of {len(ids)} runs ({shown}): only those of one make a recording")
        merged = _merge(parts, Path(str(write).rstrip("/") or "/"))
    emit(f"{printable(str(write))}: {count(merged, 'log')}\n")


def _merge(parts: list[Part], final: Path) -> int:
    """Copies the logs, the same one only once; gives their number."""
    if final.exists():
        raise CannotWrite(f"{printable(str(final))} exists already: name another folder with -w")
    parent = final.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"cannot make the folder {printable(str(parent))}: {error.strerror}") from error
    seen: set[bytes] = set()
    used: list[str] = []
    with scratch(parent) as room:
        copied = room / final.name
        copied.mkdir(mode=0o700)
        for part in parts:
            key = part.log.last_digest
            if key in seen:
                continue
            seen.add(key)
            node = safe_name(part.node)
            used.append(node)
            again = used.count(node)
            copy_log(part.log.path, copied / f"{node}{f'_{again}' if again > 1 else ''}{SUFFIX}")
        settle_folder(copied, final)
    return len(used)
