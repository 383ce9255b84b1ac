"""Which file the log of a node goes to: one file, or a folder with a file for each node."""

import os
import re
from pathlib import Path

from kubectl_ebpfaudit import store
from kubectl_ebpfaudit.output import Exists, LogFile
from recorder.log.errors import CannotWrite
from recorder.log.format import SUFFIX
from replay.escape import printable

_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")


class Files:
    """Where a run writes. `write` is what -w names; a folder if it is one, or ends with a slash.

    Without -w it is the store: a file of `name`, or a folder if the run `may_span` nodes. `path` is the run's own from
    the first `open` on: two runs may begin in the same second.
    """

    def __init__(self, name: str, write: str | None, force: bool, may_span: bool) -> None:
        self._force = force and write is not None
        self.is_folder = may_span if write is None else write.endswith("/") or Path(write).is_dir()
        self._others = store.new_paths(name, folder_of_logs=self.is_folder) if write is None else None
        self.path = next(self._others) if self._others else Path(write or "")
        self._is_ours = False
        self._used: list[str] = []

    def has(self, node: str) -> None:
        """The log of a node is there already, and is gone on with."""
        self._used.append(node)

    def open(self, node: str) -> LogFile:
        """The new file for the log of a node, or for another one of it. Raises CannotWrite."""
        again = self._used.count(node)
        self._used.append(node)
        # No name of a node has an underscore.
        name = f"{_safe(node)}_{again + 1}" if again else _safe(node)
        if self.is_folder:
            return LogFile(self._in_folder(name), self._force)
        if len(self._used) == 1:
            return self._file()
        # -w named one file, and the run has come to a second node.
        return LogFile(self.path.with_name(f"{self.path.stem}.{name}{self.path.suffix}"), self._force)

    def _file(self) -> LogFile:
        while True:
            try:
                return LogFile(self.path, self._force)
            except Exists:
                if not self._others:
                    raise
                self.path = next(self._others)

    def _in_folder(self, name: str) -> Path:
        try:
            while not self._is_ours:
                self._make_folder()
        except OSError as error:
            raise CannotWrite(
                f"cannot make the folder {printable(str(self.path))}: {error.strerror}; name another with -w"
            ) from error
        return self.path / f"{name}{SUFFIX}"

    def _make_folder(self) -> None:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=self._others is None)
            self._is_ours = True
        except FileExistsError:
            if not self._others:
                raise
            self.path = next(self._others)

    def tidy(self) -> None:
        """Removes the folder again if nothing was written to it."""
        if self.is_folder and (self._is_ours or not self._others) and self.path.is_dir() and not os.listdir(self.path):
            self.path.rmdir()


def _safe(node: str) -> str:
    """The name of a node as that of a file."""
    return _UNSAFE.sub("-", node).lstrip(".-") or "node"
