"""Where recordings are kept, and how the command line names them."""

import contextlib
import os
import re
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recorder.log.errors import AuditError, BadLog, CannotWrite
from recorder.log.format import SUFFIX
from recorder.log.reader import Log, open_log
from replay.errors import NoSuchRecording, WrongUsage
from replay.escape import printable

LATEST = "latest"
_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")
_MAX_NAME = 200
_SHOWN = 5


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


def new_path(name: str, started: float | None = None) -> Path:
    """A path in the store, made if need be, for a recording of `name` begun at `started` (s since 1970).

    `name` may hold anything, such as "namespace/pod". Raises CannotWrite if the store cannot be made.
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
    path, count = folder / f"{stem}{SUFFIX}", 1
    while path.exists():
        count += 1
        path = folder / f"{stem}-{count}{SUFFIX}"
    return path


def files() -> list[Path]:
    """All files of the store that are named as recordings are, by name. Raises AuditError."""
    try:
        return sorted(path for path in directory().iterdir() if path.suffix == SUFFIX)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise AuditError(f"cannot read the store {printable(str(directory()))}: {error.strerror}") from error


def resolve(name: str) -> Reference:
    """The file and session that `name`, as given on the command line, means.

    A path wins over a name in the store. Raises NoSuchRecording or WrongUsage.
    """
    if path := _find(name):
        return Reference(path, None)
    recording, slash, session = name.rpartition("/")
    if slash and recording and (path := _find(recording)):
        if not session.isascii() or not session.isdigit() or int(session[:9]) == 0:
            raise WrongUsage(
                f"{printable(session)!r} is no session: give the number that `kubectl ebpfaudit show` lists, "
                f"as in {printable(recording)}/1"
            )
        return Reference(path, int(session[:9]))
    if slash or name.endswith(SUFFIX):
        raise NoSuchRecording(f"there is no file {printable(name)}, nor a recording of that name in the store")
    raise NoSuchRecording(
        f"there is no recording {printable(name)} in the store: see `kubectl ebpfaudit list`, or give a path"
    )


def _find(name: str) -> Path | None:
    if not name or "\0" in name:
        return None
    path = Path(name)
    with contextlib.suppress(OSError):
        if path.exists() and not path.is_dir():
            return path
    if "/" in name:
        return None
    known = files()
    if name == LATEST:
        known = [path for path in known if path.is_file()]
        if not known:
            raise NoSuchRecording("the store is empty: make a recording with `kubectl ebpfaudit record` first")
        return max(known, key=_modified)
    for path in known:
        if name in (path.name, path.stem):
            return path
    found = [path for path in known if path.name.startswith(name)]
    if len(found) > 1:
        names = ", ".join(printable(path.stem) for path in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise WrongUsage(f"{printable(name)} may be {names}{more}: give more of the name")
    return found[0] if found else None


def _modified(path: Path) -> tuple[int, str]:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime_ns, path.name
    return 0, path.name


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Log]:
    """The log at `path`, open and checked. Raises BadLog, NewerLog, NoSuchRecording or AuditError."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a FIFO would be waited for
            raise BadLog(f"{printable(str(path))} is not a regular file: save the recording to one")
        log = open_log(path)
    except FileNotFoundError as error:
        raise NoSuchRecording(f"there is no file {printable(str(path))}") from error
    except OSError as error:
        raise AuditError(f"cannot read {printable(str(path))}: {error.strerror}") from error
    with log:
        yield log
