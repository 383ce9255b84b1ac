"""`import`: takes logs from elsewhere into the store."""

from pathlib import Path
from typing import Annotated

import typer

from kubectl_ebpfaudit.copying import copy_log, log_name, safe_name, scratch, settle_file, settle_folder, store_folder
from kubectl_ebpfaudit.options import Verbose
from kubectl_ebpfaudit.printing import emit, note
from recorder.log.errors import AuditError, BadLog, CannotWrite
from recorder.log.format import SUFFIX
from replay.escape import printable
from replay.recording import Recording, opened
from replay.verify import COMPLETE, DAMAGED
from replay.verify import verify as check


def import_(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Logs, or folders of logs.", show_default=False)
    ],
    verbose: Verbose = False,
) -> None:
    """Copy recordings into the store, after checking that they are unchanged.

    Each is copied, the copy is verified as `verify` does, and only then gets its name: that of the file. Nothing is
    ever overwritten. What is damaged stays out (exit code 8); what is lossy or unfinished comes in and is named.

    \b
    Example:
      kubectl ebpfaudit import /media/evidence/*.ebpfaudit
    """
    folder, faults = store_folder(), []
    for path in files:
        try:
            final = _import(path, folder)
            emit(f"{printable(final.name.removesuffix(SUFFIX))} imported\n")
        except AuditError as error:
            faults.append(error)
    for fault in faults[:-1]:
        note(f"error: {printable(fault)}")
    if faults:
        raise faults[-1]


def _import(path: Path, folder: Path) -> Path:
    with opened(path) as found, scratch(folder) as room:
        if found.broken:
            raise BadLog(
                f"{printable(str(path))}: {printable(found.broken[0].name)} cannot be read: nothing is imported"
            )
        is_folder = found.is_folder
        final = folder / (safe_name(found.name) if is_folder else log_name(found.name))
        if final.exists():
            raise CannotWrite(f"{printable(str(path))}: the store has a recording {printable(final.name)} already")
        copied = room / final.name
        if is_folder:
            copied.mkdir(mode=0o700)
        for part in found.parts:
            copy_log(part.log.path, copied / log_name(part.name) if is_folder else copied)
        with opened(copied) as copy:
            _verify(copy, path)
        (settle_folder if is_folder else settle_file)(copied, final)
        return final


def _verify(copy: Recording, path: Path) -> None:
    for part in copy.parts:
        verdict = check(part.log)
        where = printable(str(path / part.log.path.name) if copy.is_folder else str(path))
        if verdict.state == DAMAGED:
            raise BadLog(f"{where}: damaged: {verdict.findings[0][1]}; nothing is imported")
        if verdict.state != COMPLETE:
            note(f"warning: {where} is {verdict.state}: {printable(verdict.findings[0][1])}")
