"""What lies in a store, quickly: thousands of names, each with the stamps by which a change of its logs shows."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from recorder.log.format import SUFFIX
from replay.who.kept import SUFFIX as WHO

_BESIDE = SUFFIX + WHO

Stamp = list[int]
"""Size, times of the last change of content and of anything else (ns), and number of a file; of a log also of what is
kept beside it."""


class Found(NamedTuple):
    """A recording: its name in the store, and the names and stamps of its logs; one without a name for a file."""

    name: str
    is_folder: bool
    logs: list[tuple[str, Stamp]]

    @property
    def stamps(self) -> list[list[str | int]]:
        """What differs when any of it has changed."""
        return [[name, *stamp] for name, stamp in self.logs]


def scan(folder: Path) -> Iterator[Found]:
    """The recordings in `folder`: files that are named so, and folders that hold one. Raises OSError."""
    with os.scandir(folder) as found:
        places = [p for p in found if not p.name.startswith(".")]  # the index, a copy that was not finished
        beside = {p.name: _stamp(p) for p in places if p.name.endswith(_BESIDE)}
        for place in places:
            is_folder = place.is_dir()
            if not is_folder and place.name.endswith(SUFFIX):
                yield Found(place.name, False, [(place.name, _stamp(place) + beside.get(place.name + WHO, []))])
            elif is_folder and (logs := _logs(place.path)) is not None:
                yield Found(place.name, True, logs)
            elif is_folder and place.name.endswith(SUFFIX):  # it looks like a recording and is none
                yield Found(place.name, False, [(place.name, _stamp(place))])


def _logs(folder: str) -> list[tuple[str, Stamp]] | None:
    """Those of a folder, by name; None if it has none, no logs if that cannot be seen."""
    try:
        with os.scandir(folder) as found:
            places = [p for p in found if not p.name.startswith(".")]
            beside = {p.name: _stamp(p) for p in places if p.name.endswith(_BESIDE)}
            logs = [(p.name, _stamp(p) + beside.get(p.name + WHO, [])) for p in places if p.name.endswith(SUFFIX)]
    except PermissionError:
        return []
    except OSError:
        return None
    return sorted(logs) or None


def _stamp(place: "os.DirEntry[str]") -> Stamp:
    try:
        status = place.stat()
    except OSError:  # gone, or a link to nowhere: who reads it is told
        return []
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def locked() -> set[int]:
    """The numbers of the files that some program has locked, as the one that writes a recording does.

    From /proc/locks (proc_locks(5)); elsewhere than on Linux nothing is known.
    """
    if sys.platform != "linux":
        return set()
    try:
        with open("/proc/locks", encoding="ascii", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return set()
    fields = (line.split() for line in lines)
    return {int(of[5].rpartition(":")[2]) for of in fields if len(of) > 5 and of[1] == "FLOCK" and of[3] == "WRITE"}
