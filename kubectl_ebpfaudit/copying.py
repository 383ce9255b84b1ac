"""Brings logs into the store, or together in a folder: copies that are whole, or not there at all."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kubectl_ebpfaudit import store
from kubectl_ebpfaudit.removal import companions
from recorder.log.errors import AuditError, CannotWrite
from recorder.log.format import SUFFIX
from replay.escape import printable
from replay.who.kept import SUFFIX as WHO

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_MAX_NAME = 200


def safe_name(name: str) -> str:
    """`name` as that of a recording, or of the log of a node: letters, digits and `.-_`."""
    return _UNSAFE.sub("-", name).lstrip("._-")[:_MAX_NAME] or "recording"


def store_folder() -> Path:
    """The folder of the store, which is made if need be. Raises CannotWrite."""
    return store.new_path("").parent


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A new folder in `folder`, that is gone afterwards with what is still in it. Raises CannotWrite."""
    try:
        made = Path(tempfile.mkdtemp(prefix=".copy-", dir=folder))
    except OSError as error:
        raise CannotWrite(f"cannot write to {printable(str(folder))}: {error.strerror}") from error
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def copy_log(log: Path, to: Path) -> None:
    """Copies a log, for its owner alone, with who its sessions were. Raises CannotWrite or AuditError."""
    try:
        _copy(log, to)
        if (who := log.with_name(log.name + WHO)).is_file():
            _copy(who, to.with_name(to.name + WHO))
    except FileNotFoundError as error:
        raise AuditError(f"cannot read {printable(str(log))}: {error.strerror}") from error
    except OSError as error:
        raise CannotWrite(f"cannot copy {printable(str(log))} to {printable(str(to))}: {error.strerror}") from error


def _copy(source: Path, to: Path) -> None:
    """With the time of its last change: a recording from elsewhere is not the latest."""
    fd = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as target, source.open("rb") as file:
        shutil.copyfileobj(file, target, 1 << 20)
        target.flush()
        status = os.fstat(file.fileno())
        os.utime(fd, ns=(status.st_atime_ns, status.st_mtime_ns))
        os.fsync(target.fileno())


def settle_file(copied: Path, final: Path) -> None:
    """Gives a copied log, and what is beside it, its final name. Raises CannotWrite if that is taken."""
    try:
        os.link(copied, final)  # unlike a rename it never replaces anything
        for companion in companions(copied):
            os.replace(companion, final.with_name(final.name + companion.name.removeprefix(copied.name)))
    except FileExistsError as error:
        raise CannotWrite(f"{printable(str(final))} exists already: nothing was written") from error
    except OSError as error:
        raise CannotWrite(f"cannot write {printable(str(final))}: {error.strerror}") from error


def settle_folder(copied: Path, final: Path) -> None:
    """The same for a folder of logs."""
    try:
        final.mkdir(mode=0o700, parents=True)
        os.rename(copied, final)  # onto an empty folder it is one step
    except FileExistsError as error:
        raise CannotWrite(f"{printable(str(final))} exists already: nothing was written") from error
    except OSError as error:
        raise CannotWrite(f"cannot write {printable(str(final))}: {error.strerror}") from error


def log_name(name: str) -> str:
    """The name of a file for a log."""
    return f"{safe_name(name.removesuffix(SUFFIX))}{SUFFIX}"
