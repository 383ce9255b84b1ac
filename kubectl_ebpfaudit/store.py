"""Where recordings are kept, and how the command line names them."""

import contextlib
import itertools
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recorder.log.errors import AuditError, CannotWrite
from recorder.log.format import SUFFIX
from replay.errors import NoSuchRecording, WrongUsage
from replay.escape import printable
from replay.recording import logs_in

if TYPE_CHECKING:
    from replay.listing.entry import Entry

LATEST = "latest"
_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")
_MAX_NAME = 200
_SHOWN = 5
_MAX_DIGITS = 18
"""Of the number of a session."""


@dataclass(frozen=True)
class Reference:
    """What RECORDING[/SESSION] names."""

    path: Path
    session: int | None


def directory() -> Path:
    """The store: $EBPFAUDIT_HOME/recordings, or the platform's place for a user's data. It need not exist."""
    home = os.environ.get("EBPFAUDIT_HOME")
    if home:
        return Path(home) / "recordings"
    import platformdirs  # 20 ms that few need

    return Path(platformdirs.user_data_dir("kubectl-ebpfaudit", appauthor=False)) / "recordings"


def new_path(name: str, started: float | None = None, folder_of_logs: bool = False) -> Path:
    """The first of `new_paths`."""
    return next(new_paths(name, started, folder_of_logs))


def new_paths(name: str, started: float | None = None, folder_of_logs: bool = False) -> Iterator[Path]:
    """Paths in the store, made if need be, for a recording of `name` begun at `started` (s since 1970).

    They are those of a file, or of a folder for the logs of several nodes; neither is made. The next is for who finds
    that somebody else has just taken the one before. `name` may hold anything, such as "namespace/pod". Raises
    CannotWrite if the store cannot be made.
    """
    folder = directory()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(
            f"cannot make the store {printable(str(folder))}: {error.strerror}; "
            "set EBPFAUDIT_HOME, or write elsewhere with -w FILE"
        ) from error
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(started))
    safe = "_".join(_UNSAFE.sub("-", part) for part in name.split("/") if part).lstrip("._-")
    stem = f"{safe[:_MAX_NAME] or 'recording'}_{stamp}"
    suffix = "" if folder_of_logs else SUFFIX
    for count in itertools.count(1):
        path = folder / (f"{stem}-{count}{suffix}" if count > 1 else f"{stem}{suffix}")
        if not path.exists():
            yield path


def files() -> list[Path]:
    """All recordings of the store, by name: files that are named so, and folders that hold one. Raises AuditError.

    What begins with a dot is none: a copy that is being made, or was interrupted.
    """
    try:
        known = [path for path in directory().iterdir() if not path.name.startswith(".")]
        return sorted(path for path in known if path.suffix == SUFFIX or _is_run(path))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise AuditError(f"cannot read the store {printable(str(directory()))}: {error.strerror}") from error


def overview() -> "list[Entry]":
    """What is known of each recording of the store without reading it all, by name. Raises AuditError."""
    from replay.listing.index import overview

    try:
        return overview(directory())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise AuditError(f"cannot read the store {printable(str(directory()))}: {error.strerror}") from error


def _is_run(path: Path) -> bool:
    """Whether it is a folder that holds a log, or may hold one: who opens it is told why that cannot be seen."""
    try:
        return path.is_dir() and bool(logs_in(path))
    except OSError as error:
        return isinstance(error, PermissionError)


def resolve(name: str) -> Reference:
    """The file or folder, and the session, that `name`, as given on the command line, means.

    RECORDING, RECORDING/SESSION, and of a folder of logs also RECORDING/LOG and RECORDING/LOG/SESSION. A path
    wins over a name in the store. Raises NoSuchRecording or WrongUsage.
    """
    if path := _find(name):
        return Reference(path, None)
    head, slash, last = name.rpartition("/")
    if head and (path := _find(head)):
        if session := _session(last):
            return Reference(path, session)
        if log := _log_of(path, last):
            return Reference(log, None)
        if path.is_dir():
            raise NoSuchRecording(
                f"there is no session or log {printable(last)} in {printable(head)}: "
                f"see `kubectl ebpfaudit show {printable(head)}`"
            )
        raise WrongUsage(
            f"{printable(last)!r} is no session: give the number that `kubectl ebpfaudit show` lists, "
            f"as in {printable(head)}/1"
        )
    folder, _, log_name = head.rpartition("/")
    if folder and (session := _session(last)) and (path := _find(folder)) and (log := _log_of(path, log_name)):
        return Reference(log, session)
    if "\0" not in name and os.path.isdir(name):
        raise NoSuchRecording(f"there is no recording in the folder {printable(name)}: no file *{SUFFIX}")
    if slash or name.endswith(SUFFIX):
        raise NoSuchRecording(f"there is no file {printable(name)}, nor a recording of that name in the store")
    raise NoSuchRecording(
        f"there is no recording {printable(name)} in the store: see `kubectl ebpfaudit list`, or give a path"
    )


def name_of(path: Path) -> str:
    """By which name a recording is asked for: the shortest that `resolve` takes."""
    for folder, name in ((path.parent, _stem(path)), (path.parent.parent, f"{path.parent.name}/{_stem(path)}")):
        if folder == directory():
            return name
    return str(path)


def _session(word: str) -> int:
    """The number of a session, 0 if it is none."""
    return int(word) if word.isascii() and word.isdigit() and len(word) <= _MAX_DIGITS else 0


def _log_of(folder: Path, name: str) -> Path | None:
    """The log that is called so, with or without its suffix, in a folder of logs."""
    if not folder.is_dir() or not name or "\0" in name:
        return None
    return next((path for path in logs_in(folder) if name in (path.name, _stem(path))), None)


def _stem(path: Path) -> str:
    return path.name.removesuffix(SUFFIX)


def _find(name: str) -> Path | None:
    if not name or "\0" in name:
        return None
    path = Path(name)
    with contextlib.suppress(OSError):
        if _is_run(path) if path.is_dir() else path.exists():
            return path
    name = name.removesuffix("/")
    if not name or "/" in name:
        return None
    known = files()
    if name == LATEST:
        known = [path for path in known if path.is_file() or _is_run(path)]
        if not known:
            raise NoSuchRecording("the store is empty: make a recording with `kubectl ebpfaudit record` first")
        return max(known, key=_modified)
    for path in known:
        if name in (path.name, _stem(path)):
            return path
    found = [path for path in known if path.name.startswith(name)]
    if len(found) > 1:
        names = ", ".join(printable(_stem(path)) for path in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise WrongUsage(f"{printable(name)} may be {names}{more}: give more of the name")
    return found[0] if found else None


def _modified(path: Path) -> tuple[int, str]:
    with contextlib.suppress(OSError):
        logs = logs_in(path) if path.is_dir() else [path]
        return max(log.stat().st_mtime_ns for log in logs), path.name
    return 0, path.name
