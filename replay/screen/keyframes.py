"""Screens kept so that one need not begin at the start: in memory, and in a file of the user's cache.

A keyframe is bound to the digest of the block in which it lies, which by the chain stands for all of the log up to
there: one of another log, or of a log that was changed, is not used. What a file of them says is checked, and goes
through the safe filter like what was recorded.
"""

import bisect
import contextlib
import hashlib
import json
import os
import zlib
from pathlib import Path
from typing import NamedTuple

from recorder.log.reader import Log, first_digest
from replay.screen.reel import Place

_VERSION = 2
_SUFFIX = ".screens"
_MAX_FILE = 64 << 20
_MAX_FRAME = 16 << 20
"""Bytes."""
_KEPT_FILES = 200


class Keyframe(NamedTuple):
    """The screen of `size` (rows, cols) at a place, as what draws it, compressed."""

    place: Place
    size: tuple[int, int]
    packed: bytes

    @property
    def vt(self) -> bytes:
        """What draws it; empty if it is broken or huge."""
        with contextlib.suppress(zlib.error):
            return zlib.decompressobj().decompress(self.packed, _MAX_FRAME)
        return b""


class Keyframes:
    """Those of one terminal, by time; kept in `folder`, if there is one that can be written."""

    def __init__(self, log: Log, session: int, tty: int, folder: Path | None) -> None:
        self._log = log
        self._frames: list[Keyframe] = []
        self._times: list[int] = []
        self._file: Path | None = None
        first = log.digest(0)
        if folder and first:
            self._file = folder / f"{_name(first)}-{session}-{tty}{_SUFFIX}"
            self._load()

    def before(self, time: int) -> Keyframe | None:
        """The last one that is not after `time`."""
        at = bisect.bisect_right(self._times, time)
        return self._frames[at - 1] if at else None

    @property
    def last(self) -> Place:
        """Where the last one is."""
        return self._frames[-1].place if self._frames else Place()

    def add(self, place: Place, size: tuple[int, int], vt: bytes) -> None:
        """Keeps one, if it is after all the others."""
        if len(vt) > _MAX_FRAME or place <= self.last or (self._times and place.time < self._times[-1]):
            return
        frame = Keyframe(place, size, zlib.compress(vt, 1))
        self._append(frame)
        self._store(frame)

    def _append(self, frame: Keyframe) -> None:
        self._frames.append(frame)
        self._times.append(frame.place.time)

    def _store(self, frame: Keyframe) -> None:
        digest = self._log.digest(frame.place.block)
        if not self._file or not digest:
            return
        about = {"place": frame.place, "size": frame.size, "bytes": len(frame.packed), "digest": digest.hex()}
        line = json.dumps(about).encode() + b"\n" + frame.packed
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(self._file, flags, 0o600)
            try:
                if not os.fstat(fd).st_size:
                    _prune(self._file.parent)
                os.write(fd, line)
            finally:
                os.close(fd)
        except OSError:  # a cache that cannot be written is none
            self._file = None

    def _load(self) -> None:
        try:
            with self._file.open("rb") if self._file else contextlib.nullcontext() as file:
                if file:
                    self._read(file.read(_MAX_FILE))
        except OSError:
            self._file = None if self._file and self._file.exists() else self._file

    def _read(self, data: bytes) -> None:
        """Takes what is right for this log; what follows something else is dropped."""
        at = 0
        while (end := data.find(b"\n", at, at + 1000)) >= 0:
            with contextlib.suppress(ValueError, TypeError, KeyError):
                about = json.loads(data[at:end])
                place, size = Place(*map(int, about["place"])), (int(about["size"][0]), int(about["size"][1]))
                count = int(about["bytes"])
                packed = data[end + 1 : end + 1 + count]
                digest = self._log.digest(place.block)
                if digest and about["digest"] == digest.hex() and len(packed) == count > 0 and place > self.last:
                    self._append(Keyframe(place, size, packed))
                    at = end + 1 + count
                    continue
            break
        if at < len(data) and self._file:
            with contextlib.suppress(OSError):
                os.truncate(self._file, at)


def _name(first: bytes) -> str:
    """What the files of the log begin with whose first block has this digest."""
    return hashlib.sha256(b"%d " % _VERSION + first).hexdigest()


def forget(log: Path, folder: Path) -> None:
    """Removes what is kept of all terminals of a log, before the log goes. Raises OSError."""
    if folder.is_dir() and (first := first_digest(log)):
        for file in folder.glob(f"{_name(first)}-*{_SUFFIX}"):
            file.unlink(missing_ok=True)


def _prune(folder: Path) -> None:
    """Removes the files that were not written to for longest, if there are many."""
    files = sorted(folder.glob(f"*{_SUFFIX}"), key=lambda file: file.stat().st_mtime_ns)
    for file in files[:-_KEPT_FILES]:
        file.unlink(missing_ok=True)
