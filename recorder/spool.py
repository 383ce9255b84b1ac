"""Writes the log to its file in a thread of its own: a disk that is slow for a moment must not stop the rings."""

import os
import threading
from collections import deque
from pathlib import Path

from recorder.log.errors import CannotWrite

MAX_QUEUED = 48 << 20
"""Bytes that may wait for the disk. Beyond that `write` waits, the rings fill up, and the kernel counts the loss."""


class Spool:
    """A new file of mode 0600 that grows by whole objects. Raises OSError if it cannot be made."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._changed = threading.Condition()
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._closing = False
        self._error: OSError | None = None
        self.size = 0
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Takes one whole object. Raises CannotWrite if this or an earlier one could not be written."""
        with self._changed:
            while self._queued > MAX_QUEUED and not self._error:
                self._changed.wait()
            self.check()
            self._queue.append(data)
            self._queued += len(data)
            self.size += len(data)
            self._changed.notify_all()

    def check(self) -> None:
        """Raises CannotWrite if an object could not be written."""
        if self._error:
            raise CannotWrite(f"the recorder's spool cannot be written: {self._error.strerror}") from self._error

    def close(self) -> None:
        """Returns when all is written. Raises CannotWrite."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        os.close(self._fd)
        self.check()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._closing:
                    self._changed.wait()
                if not self._queue:
                    return
                data = self._queue.popleft()
            try:
                self._append(data)
            except OSError as error:
                with self._changed:
                    self._error = error
                    self._changed.notify_all()
                return
            with self._changed:
                self._queued -= len(data)
                self._changed.notify_all()

    def _append(self, data: bytes) -> None:
        start = os.fstat(self._fd).st_size
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError:
            os.ftruncate(self._fd, start)  # to the last whole object
            raise
