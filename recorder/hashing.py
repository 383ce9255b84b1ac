"""SHA-256 of programs that did not come with a container's image, in a thread: no ring ever waits for a disk."""

import hashlib
import os
import queue
import stat
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from recorder import events, processes, running_file
from recorder.events import Event

MAX_BYTES = 64 << 20
"""A larger file is not read."""

MAX_WAITING = 256
"""So many files may wait to be read."""

BYTES_A_SECOND, BURST_BYTES = 32 << 20, 256 << 20
"""What may be read: on average, and at once after a rest."""

_CHUNK = 1 << 20
_MAX_KNOWN = 1024
_CLOSE_SECONDS = 2.0
_COARSE_CLOCK = 5  # CLOCK_REALTIME_COARSE, include/uapi/linux/time.h: the time of the last tick, which files get
_TICK_NS = round(time.clock_getres(_COARSE_CLOCK) * 1e9)
_WALL_ERROR_NS = 1_000_000  # of `wall`: the recorder lets the clocks part so far
_LOCAL = frozenset(b"overlay tmpfs ramfs ext2 ext3 ext4 xfs btrfs zfs f2fs bcachefs".split())
"""File systems whose answer is not somebody else's to hold back, as that of a network or of FUSE is."""

_IN_MEMORY = frozenset((b"tmpfs", b"ramfs"))
"""Those on which who has mapped a file changes it without a new mtime or ctime, as its pages are never written back.
And a memfd can be run while it is open for writing."""

_LAYOUTS = {layout.name: layout for layout in events.layouts().values()}
_FILE, _HASH = _LAYOUTS["exec_file"], _LAYOUTS["exec_hash"]
_RESULT, _FLAG = events.enums()["hash_result"], events.enums()["file_flag"]
_AT = {name: 1 + i for i, name in enumerate(_FILE.fields)}
_NOT_OF_IMAGE = sum(_FLAG[f"FILE_{name}"] for name in ("MEMFD", "DELETED", "UPPER", "TMPFS", "OTHER_MOUNT", "PATH_CUT"))
_WITHOUT_PATH = sum(_FLAG[f"FILE_{name}"] for name in ("MEMFD", "DELETED", "PATH_CUT"))

_Key = tuple[int, int, int, int, int]


@dataclass(frozen=True)
class _Job:
    """An exec_file event, and the descriptor of what its process ran when it arrived; None if that had ended."""

    event: Event
    fd: int | None


class Budget:
    """How many bytes may be read by now; `clock` gives s."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left, self._at = float(BURST_BYTES), clock()

    def take(self, size: int) -> bool:
        """Takes `size` bytes, or nothing and False if there are not so many."""
        now = self._clock()
        self._left = min(self._left + (now - self._at) * BYTES_A_SECOND, BURST_BYTES)
        self._at = now
        if size > self._left:
            return False
        self._left -= size
        return True


class Hasher:
    """Tells the SHA-256 of what runs.

    `a_process(target)` is the ID of some process of a target, through which its files are seen; None if there is
    none. `wall(time)` is ns since 1970-01-01 UTC at `time`, ns of CLOCK_MONOTONIC, to 1 ms. `device(fd)` is that of an
    open file, as an exec_file event has it.
    """

    def __init__(
        self, a_process: Callable[[int], int | None], wall: Callable[[int], int], device: Callable[[int], int]
    ) -> None:
        self._a_process, self._wall, self._device = a_process, wall, device
        self._jobs: queue.Queue[_Job | None] = queue.Queue()
        self._lock = threading.Lock()
        self._done: deque[Event] = deque()
        self._unread: dict[int, Event] = {}
        """The events of jobs of which nothing is told yet, by `id`."""
        self._known: dict[_Key, bytes] = {}
        self._budget = Budget()
        self._thread = threading.Thread(target=self._work, name="hasher", daemon=True)
        self._thread.start()

    def see(self, arrived: list[Event]) -> None:
        """Takes on the files of exec_file events that have just come, as long as what ran may still run."""
        for event in arrived:
            if event[0] != _FILE.type or not event[_AT["flags"]] & _NOT_OF_IMAGE:
                continue
            if self._jobs.qsize() >= MAX_WAITING:
                self._tell(event, "HASH_TOO_MANY")
            elif event[_AT["filesystem"]] not in _LOCAL:
                self._tell(event, "HASH_UNREADABLE")
            else:
                self._take_on(event)

    def _take_on(self, event: Event) -> None:
        try:
            fd = running_file.of_process(event[_AT["pid"]], event[_AT["start_time"]])
        except OSError:
            self._tell(event, "HASH_UNREADABLE")
            return
        self._unread[id(event)] = event
        self._jobs.put(_Job(event, fd))

    def results(self) -> list[Event]:
        """The exec_hash events that are ready, as of now: what came before may be in the log already."""
        ready = [self._done.popleft() for _ in range(len(self._done))]
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        for event in ready:
            event[1] = now
        return ready

    def close(self) -> list[Event]:
        """The last exec_hash events: of what is not read within moments, that it was not."""
        self._jobs.put(None)
        self._thread.join(_CLOSE_SECONDS)
        with self._lock:  # what the thread tells after this nobody reads
            self._done += [_told(event, "HASH_TOO_MANY") for event in self._unread.values()]
            return self.results()

    def _tell(self, event: Event, result: str, size: int = 0, digest: bytes = b"") -> None:
        with self._lock:
            self._unread.pop(id(event), None)
            self._done.append(_told(event, result, size, digest))

    def _work(self) -> None:
        while job := self._jobs.get():
            try:
                self._hash(job)
            except OSError:
                self._tell(job.event, "HASH_UNREADABLE")
            finally:
                if job.fd is not None:
                    os.close(job.fd)

    def _hash(self, job: _Job) -> None:
        if job.fd is not None and self._is_what_ran(job.event, job.fd):
            self._read(job.event, job.fd, "HASH_TAKEN")
            return
        path = job.event[_AT["path"]]
        has_path = not job.event[_AT["flags"]] & _WITHOUT_PATH
        pid = self._a_process(job.event[_AT["target"]]) if has_path else None
        fd = running_file.by_path(pid, path) if pid else None
        if fd is None:
            self._tell(job.event, "HASH_GONE")
            return
        try:
            if self._is_what_ran(job.event, fd):
                self._read(job.event, fd, "HASH_TAKEN_BY_PATH")
            else:
                self._tell(job.event, "HASH_GONE")
        finally:
            os.close(fd)

    def _is_what_ran(self, event: Event, fd: int) -> bool:
        # An inode of that number, as old, may be on what was mounted there since, or be /proc/PID/exe by prctl().
        found = os.fstat(fd).st_ino, self._device(fd)
        return found == (event[_AT["inode"]], event[_AT["device"]])

    def _read(self, event: Event, fd: int, result: str) -> None:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            self._tell(event, "HASH_UNREADABLE")
        elif found.st_size > MAX_BYTES:
            self._tell(event, "HASH_TOO_LARGE", found.st_size)
        elif not (digest := self._known.get(_key(found))) and not self._budget.take(found.st_size):
            self._tell(event, "HASH_TOO_MANY", found.st_size)
        else:
            digest = digest or _sha256(fd, found.st_size)
            if _key(os.fstat(fd)) != _key(found) or not self._unchanged(event, found):
                self._tell(event, "HASH_CHANGED", found.st_size)
            elif event[_AT["filesystem"]] in _IN_MEMORY:
                self._tell(event, "HASH_TAKEN_UNSURE", found.st_size, digest)
            else:
                if len(self._known) >= _MAX_KNOWN:
                    self._known.clear()
                self._known[_key(found)] = digest
                self._tell(event, result, found.st_size, digest)

    def _unchanged(self, event: Event, found: os.stat_result) -> bool:
        """Whether the bytes are those that ran: nobody can write a file that runs (ETXTBSY), nor set a ctime back.

        But for one in memory, which is of a file system whose pages are written in place: see _IN_MEMORY.
        """
        # A file that is changed after the exec may get the time of the tick before it.
        before = found.st_ctime_ns <= self._wall(event[_AT["time"]]) - _TICK_NS - _WALL_ERROR_NS
        return before or processes.is_alive(event[_AT["pid"]], event[_AT["start_time"]])


def _told(event: Event, result: str, size: int = 0, digest: bytes = b"") -> Event:
    of = (event[_AT["target"]], event[_AT["session"]], event[_AT["pid"]])
    return [_HASH.type, 0, None, *of, event[_AT["time"]], size or event[_AT["size"]], _RESULT[result], digest]


def _key(of: os.stat_result) -> _Key:
    return of.st_dev, of.st_ino, of.st_size, of.st_mtime_ns, of.st_ctime_ns


def _sha256(fd: int, size: int) -> bytes:
    digest = hashlib.sha256()
    with open(running_file.readable(fd), "rb", buffering=0) as file:
        while size > 0 and (data := file.read(min(_CHUNK, size))):
            digest.update(data)
            size -= len(data)
    return digest.digest()
