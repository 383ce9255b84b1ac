"""The file that a recording is written to. Only whole objects of the log get into it."""

import contextlib
import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from recorder.log.errors import BadLog, CannotWrite
from recorder.log.stream import Stream, resume
from replay.escape import printable

_fdatasync = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class NoFile:
    """Keeps nothing: for a recorder that is only waited for until it is live."""

    keeps = False

    def __init__(self) -> None:
        self.stream = Stream()
        self.size = 0

    def append(self, data: bytes) -> None:
        self.size += len(data)

    def sync(self) -> None:
        pass

    def close(self) -> None:
        pass


class Exists(CannotWrite):
    """There is a file of that name already."""


class LogFile:
    """A new file, mode 0600. Raises Exists, or CannotWrite if it cannot be made.

    With `force` an existing file is replaced, but only when the recording has begun: `append` was called.
    What is no regular file (/dev/full, a FIFO) is then written to instead.
    """

    keeps = True

    def __init__(self, path: Path, force: bool = False) -> None:
        self.path = path
        self.size = 0
        self.stream = Stream()
        self._made: Path | None = path
        if path.is_dir():
            raise CannotWrite(f"{printable(str(path))} is a folder: name a file in it with -w")
        self._replace = force and os.path.lexists(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        if self._replace:
            path = Path(os.path.realpath(path))
            if path.exists() and not stat.S_ISREG(path.stat().st_mode):
                flags, self._made, self._replace = os.O_WRONLY, None, False
            else:
                self._final = path
                path = self._made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            self._fd = os.open(path, flags | os.O_CLOEXEC, 0o600)
        except FileExistsError as error:
            raise Exists(
                f"{printable(str(path))} exists already: name another with -w, or replace it with --force"
            ) from error
        except OSError as error:
            raise CannotWrite(
                f"{printable(str(path))} cannot be written: {error.strerror}: name another file with -w"
            ) from error
        with contextlib.suppress(OSError):  # some file systems have no locks
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    @classmethod
    def resume(cls, path: Path, see: Callable[[object], None]) -> "LogFile":
        """The file of a recording that goes on. Cut to its last whole object, since more may be half of one.

        `stream` goes on where it stops; each object before is shown to `see`.
        Raises CannotWrite, BadLog, or OSError if there is no such file.
        """
        self = cls.__new__(cls)
        self.path, self._made, self._replace = path, path, False
        self._fd = -1
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            # Before it is read: another program may just be writing its end.
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with path.open("rb") as file:
                self.stream, self.size = resume(file, see)
            os.ftruncate(self._fd, self.size)
        except BlockingIOError as error:
            self._let_go()
            raise CannotWrite(f"{printable(str(path))} is being written to by another program") from error
        except OSError as error:
            self._let_go()
            raise CannotWrite(f"{printable(str(path))} cannot be written: {error.strerror}") from error
        except BadLog:
            self._let_go()
            raise
        return self

    def _let_go(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def append(self, data: bytes) -> None:
        """Writes one whole object.

        Raises CannotWrite if there is no room for it; the file is then as long as it was before.
        """
        try:
            if self._replace and self._made:
                os.replace(self._made, self._final)
                self._replace = False
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self.size)
            kept = f"the {self.size} bytes before are kept and can be read" if self.size else "nothing was kept"
            raise CannotWrite(f"{printable(str(self.path))} cannot be written: {error.strerror}; {kept}") from error
        self.size += len(data)

    def put_in_place(self) -> None:
        """Puts the file where it belongs, to stay there also if it is empty. Raises as `append` does."""
        self.append(b"")
        self._made = None

    def sync(self) -> None:
        """Returns when all that was written is on the disk. Raises CannotWrite if it cannot get there."""
        try:
            _fdatasync(self._fd)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EROFS):  # not every file and device can
                raise CannotWrite(
                    f"{printable(str(self.path))} cannot be written: {error.strerror}; what is in it may lack its end"
                ) from error

    def close(self) -> None:
        """Closes the file, and removes it if nothing was written."""
        if self._fd < 0:
            return
        with contextlib.suppress(OSError):  # not every file system and device can
            os.fsync(self._fd)
        os.close(self._fd)
        self._fd = -1
        if not self.size and self._made:
            self._made.unlink(missing_ok=True)
