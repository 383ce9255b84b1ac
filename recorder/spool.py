"""The log on its way to the clients: files of a folder, written by a thread of its own.

A disk that is slow for a moment must not stop the rings. Segment files are named by the byte of the log at which
they begin. One is removed only when a client has acknowledged all of it, and then only when its room is wanted: so
that a second client may still find it.
"""

import errno
import os
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from recorder.log.errors import CannotWrite

LIMIT_BYTES = 1 << 30
"""How much of a log may wait for its clients, unless the configuration says otherwise."""

MAX_QUEUED = 48 << 20
"""Bytes that may wait for the disk. Beyond that `write` waits, the rings fill up, and the kernel counts the loss."""

_MAX_SEGMENT_BYTES, _MIN_SEGMENT_BYTES = 8 << 20, 256 << 10
_FULL_DISK_PAUSE = 0.5
_FULL_DISK_SECONDS = 30.0  # how long the end of a log waits for room on the disk
_LOOK_SECONDS = 0.1

_PREFIX = "log."


def segment(folder: Path, start: int) -> Path:
    """The file that holds the log from byte `start` on."""
    return folder / f"{_PREFIX}{start}"


def segments(folder: Path) -> list[int]:
    """Where the segments in `folder` begin, ascending; none if it is gone."""
    try:
        found = os.listdir(folder)
    except FileNotFoundError:
        return []
    names = (name.removeprefix(_PREFIX) for name in found if name.startswith(_PREFIX))
    return sorted(int(name) for name in names if name.isdecimal())


class Spool:
    """A log of which at most `limit` bytes wait for a client. Raises OSError if `folder` cannot be written.

    Nothing but `room` keeps who writes within the limit: what holds the recording together goes in all the same.
    """

    def __init__(self, folder: Path, limit: int = LIMIT_BYTES) -> None:
        self._folder, self._limit = folder, limit
        self._segment_bytes = min(max(limit // 16, _MIN_SEGMENT_BYTES), _MAX_SEGMENT_BYTES)
        self._starts: deque[int] = deque()
        self._written = 0
        self._open_segment()
        self._changed = threading.Condition()
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._closing = False
        self._hurried = False
        self._error: OSError | None = None
        self.size = 0
        self.acknowledged = 0
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    def _open_segment(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._fd = os.open(segment(self._folder, self._written), flags, 0o600)
        self._starts.append(self._written)

    @property
    def kept_from(self) -> int:
        """The first byte of the log that is still there."""
        return self._starts[0]

    def room(self, share: float) -> bool:
        """Whether less than that share (up to 1) of the limit waits for clients, or of the queue for the disk."""
        waiting = self.size - self.acknowledged
        return waiting < share * self._limit and self._queued < share * MAX_QUEUED

    def acknowledge(self, offset: int) -> None:
        """A client has all bytes before `offset`."""
        with self._changed:
            self.acknowledged = max(self.acknowledged, min(offset, self.size))

    def write(self, data: bytes, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Takes one whole object. Raises CannotWrite if this or an earlier one could not be written.

        While too much waits for the disk it calls `meanwhile` now and then, as `close` does.
        """
        while not self._takes_more():
            meanwhile()
        with self._changed:
            self.check()
            self._queue.append(data)
            self._queued += len(data)
            self.size += len(data)
            self._changed.notify_all()

    def _takes_more(self) -> bool:
        """Whether the queue for the disk has room, or had some within moments; or will never have any."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self._queued <= MAX_QUEUED or self._error), _LOOK_SECONDS)

    def hurry(self, wanted: bool = True) -> None:
        """Waits for room on a full disk no longer than the end of a log may: the recording is to end."""
        self._hurried = wanted

    def check(self) -> None:
        """Raises CannotWrite if an object could not be written."""
        if self._error:
            raise CannotWrite(f"the recorder's spool cannot be written: {self._error.strerror}") from self._error

    def close(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Returns when all is written. Raises CannotWrite.

        Until then it calls `meanwhile` now and then: what a client acknowledges may be the only room on the disk.
        """
        with self._changed:
            self._closing = self._hurried = True
            self._changed.notify_all()
        self._thread.join(_LOOK_SECONDS)
        while self._thread.is_alive():
            meanwhile()
            self._thread.join(_LOOK_SECONDS)
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
        """Waits for room on a disk that is full, for as long as the recording goes on and somewhat longer."""
        if self._written - self._starts[0] > self._limit // 2:
            self._remove_acknowledged()
        patience, anew = _FULL_DISK_SECONDS, False
        while True:
            try:
                return self._append_now(data, anew)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT) or patience <= 0:
                    raise
            if self._remove_acknowledged():
                continue
            # Or else the last one, which may be all that fits on the disk, could never be removed.
            anew = self._starts[-1] < self._written <= self.acknowledged
            if anew:
                continue
            with self._changed:
                self._changed.wait(_FULL_DISK_PAUSE)
                patience -= _FULL_DISK_PAUSE if self._hurried else 0

    def _append_now(self, data: bytes, anew: bool) -> None:
        """Appends to the last segment, or begins one: if that is full, or where `anew` asks for it."""
        if (anew and self._starts[-1] < self._written) or self._written - self._starts[-1] >= self._segment_bytes:
            self._next_segment()
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError:
            os.ftruncate(self._fd, self._written - self._starts[-1])  # to the last whole object
            raise
        self._written += len(data)

    def _next_segment(self) -> None:
        full = self._fd
        self._open_segment()
        os.close(full)

    def _remove_acknowledged(self) -> bool:
        """Whether there was any segment to remove."""
        before = len(self._starts)
        while len(self._starts) > 1 and self._starts[1] <= self.acknowledged:
            segment(self._folder, self._starts[0]).unlink()
            self._starts.popleft()
        return len(self._starts) < before
