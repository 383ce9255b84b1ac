"""Takes recordings out of the store."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from kubectl_ebpfaudit import caches, store
from recorder.log.errors import CannotWrite
from recorder.log.format import SUFFIX
from replay.errors import NoSuchRecording, WrongUsage
from replay.escape import printable
from replay.listing.entry import Entry
from replay.screen.keyframes import forget


def named(names: list[str]) -> list[Entry]:
    """The recordings of the store with these names. What cannot be undone wants the whole name, or a path.

    Raises NoSuchRecording or WrongUsage before any is touched.
    """
    known = store.overview()
    return list(dict.fromkeys(_named(name, known) for name in names))


def _named(name: str, known: list[Entry]) -> Entry:
    folder, base = os.path.split(name.rstrip("/"))
    for of in known:
        if base in (of.name, of.stem) and (not folder or os.path.realpath(folder) == os.path.realpath(of.folder)):
            return of
    if folder:
        raise WrongUsage(f"{printable(name)} is no recording of the store: remove a file elsewhere with rm")
    begins = [of.stem for of in known if of.stem.startswith(base)][:3]
    hint = f": did you mean {', '.join(map(printable, begins))}? Give the whole name" if base and begins else ""
    hint = hint or ": see `kubectl ebpfaudit list`"
    raise NoSuchRecording(f"there is no recording {printable(name)} in the store{hint}")


def remove(of: Entry) -> None:
    """Removes a recording, what is kept beside it, and the screens that a replay has kept. Raises CannotWrite."""
    screens = caches.screens()
    try:
        for log in of.logs:
            forget(of.path / log.file if of.is_folder else of.path, screens)
        if of.path.is_dir() and not of.path.is_symlink():
            shutil.rmtree(of.path)
        else:
            of.path.unlink()
        for companion in companions(of.path):
            companion.unlink()
    except FileNotFoundError:
        return  # somebody else was quicker
    except OSError as error:
        raise CannotWrite(f"cannot remove {printable(str(of.path))}: {error.strerror}") from error


def companions(log: Path) -> Iterator[Path]:
    """What is kept beside a log under its name, such as who its sessions were."""
    start = f"{log.name}."
    if not log.name.endswith(SUFFIX):
        return
    with os.scandir(log.parent) as places:
        names = [place.name for place in places if place.name.startswith(start) and place.is_file()]
    yield from (log.parent / name for name in sorted(names) if not name.endswith(SUFFIX))
