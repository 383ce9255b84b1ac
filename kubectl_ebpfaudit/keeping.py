"""Brings a log onto the disk while more of it arrives: neither waits for the other."""

import time
from concurrent.futures import Future, ThreadPoolExecutor

from kubectl_ebpfaudit.output import LogFile, NoFile

_SECONDS, _BYTES = 1.0, 16 << 20
"""It is worth a sync after so long, or so much."""


class Keeping:
    """`kept` bytes of `file` are on the disk, as far as is known. For one thread; `close` always."""

    def __init__(self, file: LogFile | NoFile) -> None:
        self._file = file
        self.kept = file.size
        self._began = time.monotonic()
        self._syncs: Future[int] | None = None
        self._thread = ThreadPoolExecutor(1, "sync")

    def look(self) -> bool:
        """Whether `kept` has grown. Begins a sync if it is time for one. Raises CannotWrite if one has failed."""
        grew = self._syncs is not None and self._syncs.done() and self._learn(self._syncs)
        new = self._file.size - self.kept
        if self._syncs is None and self._file.keeps and (new >= _BYTES or (new and self._waited >= _SECONDS)):
            self._began = time.monotonic()
            self._syncs = self._thread.submit(self._sync, self._file.size)
        return grew

    def finish(self) -> bool:
        """Whether `kept` has grown, which is all of the file now. Raises CannotWrite."""
        before = self.kept
        if self._syncs:
            self._learn(self._syncs)
        if self._file.keeps and self._file.size > self.kept:
            self.kept = self._sync(self._file.size)
        return self.kept > before

    def close(self) -> None:
        """Returns when nobody uses the file any more."""
        self._thread.shutdown()

    @property
    def _waited(self) -> float:
        return time.monotonic() - self._began

    def _sync(self, size: int) -> int:
        self._file.sync()
        return size

    def _learn(self, syncs: "Future[int]") -> bool:
        self._syncs = None
        self.kept = syncs.result()
        return True
