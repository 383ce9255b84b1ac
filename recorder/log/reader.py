"""Reads a log, whole or cut, trusting nothing in it.

`open_log(path)` checks every object of the file in one pass and keeps where each block lies.
`Log.events()` then gives the events, in order of time, decompressing one block a lane at a time.
"""

import heapq
import operator
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from recorder.log import codec, format
from recorder.log.errors import BadLog, NewerLog
from recorder.log.events import Event, decode_block
from recorder.log.format import Block, End, Header
from recorder.log.objects import Chain, InvalidObject, parse_block, parse_end, parse_header

_TAIL_BYTES = 1 << 16


@dataclass(frozen=True)
class Damage:
    """Why a log could not be read to an end record. `offset` is where the last good object ends, in bytes."""

    offset: int
    reason: str
    cut: bool
    """Whether the file only ends too early: what is there is intact."""
    too_much: bool = False
    """Whether nothing is wrong with the file, but the reader has no room for more of it."""


@dataclass(frozen=True)
class _Place:
    """Where a block lies in the file, and what of its envelope is needed to choose it."""

    start: int
    end: int
    number: int
    lane: str
    sessions: frozenset[int]
    digest: bytes


@dataclass(frozen=True)
class BlockEvents:
    """The events of one block."""

    number: int
    events: Iterator[Event]


class Log:
    """An open log file. `damage` is None if it was read to its end record and nothing follows that."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._file = file
        self._chain = Chain()
        self._places: list[_Place] = []
        self._scanned = self._seen_size = 0
        self.damage: Damage | None = None
        self._scan()
        if self._chain.header is None:
            raise BadLog(f"{path}: the file is cut within its header: nothing of it can be read")
        self.header = self._chain.header

    def __enter__(self) -> "Log":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return os.fstat(self._file.fileno()).st_size

    @property
    def end(self) -> End | None:
        """The end record, None if there is none."""
        return self._chain.end

    @property
    def last_digest(self) -> bytes:
        """The SHA-256 of its last whole object, in which all before it are chained."""
        return self._chain.previous

    def refresh(self) -> bool:
        """Reads on where the file has become longer since; gives whether there are more whole objects.

        Raises BadLog if the file has become shorter.
        """
        if self.damage is None or not self.damage.cut or self.size == self._seen_size:
            return False
        if self.size < self._scanned:
            raise BadLog(f"{self.path}: the file has become shorter while it was read")
        before = self._scanned
        self._scan()
        return self._scanned > before

    @property
    def sessions(self) -> set[int]:
        """The numbers of the sessions that its blocks speak of."""
        return {number for place in self._places for number in place.sessions if number > 0}

    def _scan(self) -> None:
        """Takes the objects from where it stopped before."""
        chain, base = self._chain, self._scanned
        self._seen_size = self.size
        if not self._seen_size:
            raise BadLog(f"{self.path}: the file is empty")
        start = base
        self.damage = None
        self._file.seek(base)
        source = codec.Objects(self._file)
        try:
            for value in source:
                end = base + source.tell()
                raw = os.pread(self._file.fileno(), end - start, start)
                parsed = chain.take(value, raw)
                if isinstance(parsed, Block):
                    sessions = frozenset(parsed.sessions)
                    self._places.append(_Place(start, end, parsed.number, parsed.lane, sessions, parsed.digest))
                start = self._scanned = end
        except InvalidObject as error:
            self.damage = Damage(start, f"the object at byte {start} is damaged: {error}", cut=False)
            return
        except (BadLog, NewerLog) as error:
            raise type(error)(f"{self.path}: {error}") from error
        except codec.FormatError as error:
            if chain.header is None:
                raise BadLog(f"{self.path}: not a log of kubectl ebpfaudit") from error
            self.damage = Damage(start, f"the bytes from {start} on are no msgpack", cut=False)
            return
        if start < self.size:
            self.damage = Damage(start, f"the file ends within the object at byte {start}", cut=True)
        elif chain.end is None:
            self.damage = Damage(start, "the file ends without an end record", cut=True)

    def digest(self, block: int) -> bytes | None:
        """The digest of the block with this number, None if there is none."""
        return self._places[block].digest if 0 <= block < len(self._places) else None

    def _block(self, place: _Place) -> Block:
        raw = os.pread(self._file.fileno(), place.end - place.start, place.start)
        try:
            return parse_block(next(codec.unpack_all(raw)))
        except (InvalidObject, StopIteration, AttributeError, *codec.FormatError) as error:
            raise BadLog(f"{self.path}: block {place.number} changed while it was read") from error

    def of_kinds(self, lane: str, kinds: Collection[str]) -> Iterator[Event]:
        """The events of a lane that are of these kinds: much quicker than all. Raises BadLog as `events` does."""
        return self._lane([place for place in self._places if place.lane == lane], kinds)

    def _lane(self, places: Iterable[_Place], kinds: Collection[str] = ()) -> Iterator[Event]:
        for place in places:
            try:
                yield from decode_block(self.header, self._block(place), kinds)
            except BadLog as error:
                raise BadLog(f"{self.path}: {error}") from error

    def blocks(self, lane: str, session: int, first: int = 0) -> Iterator[BlockEvents]:
        """The blocks of a lane that speak of a session, from block `first` on, with all their events.

        These raise BadLog if the block's content cannot be decoded.
        """
        for place in self._places[first:]:
            if place.lane == lane and session in place.sessions:
                yield BlockEvents(place.number, self._lane([place]))

    def events(self, lane: str | None = None, session: int | None = None) -> Iterator[Event]:
        """The events in order of time, of one lane or of one session if asked for.

        Raises BadLog for a block whose content cannot be decoded.
        """
        lanes: dict[str, list[_Place]] = {}
        for place in self._places:
            if lane in (None, place.lane) and (session is None or session in place.sessions):
                lanes.setdefault(place.lane, []).append(place)
        # At the same time, what ran comes before what was printed; the same order whichever are asked for.
        ordered = sorted(lanes, key=lambda name: (name != format.PROCESS_LANE, name))
        merged = heapq.merge(*(self._lane(lanes[name]) for name in ordered), key=operator.itemgetter(0))
        return merged if session is None else (e for e in merged if e.session == session)


def open_log(path: Path) -> Log:
    """Opens and checks a log.

    Raises BadLog if nothing can be read, NewerLog, or OSError if there is no such file.
    """
    file = path.open("rb")
    try:
        return Log(path, file)
    except BaseException:
        file.close()
        raise


def read_ends(path: Path) -> tuple[Header, End | None]:
    """The header of a log and its end record if it has one, without reading what lies between.

    For overviews: nothing is checked but these two objects. Raises as open_log does.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            raise BadLog(f"{path}: the file is empty")
        try:
            header = parse_header(next(codec.Objects(file)))
        except (StopIteration, *codec.FormatError) as error:
            raise BadLog(f"{path}: not a log of kubectl ebpfaudit") from error
        except (BadLog, NewerLog) as error:
            raise type(error)(f"{path}: {error}") from error
        tail = os.pread(file.fileno(), _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    return header, _end_in(tail)


def first_digest(path: Path) -> bytes | None:
    """The digest of a log's first block, without reading what follows it; None if there is no such block.

    Raises OSError.
    """
    with path.open("rb") as file:
        chain, source, start = Chain(), codec.Objects(file), 0
        try:
            for value in source:
                raw = os.pread(file.fileno(), source.tell() - start, start)
                start = source.tell()
                if isinstance(parsed := chain.take(value, raw), Block):
                    return parsed.digest
        except (InvalidObject, BadLog, NewerLog, *codec.FormatError):
            pass
    return None


def read_process_blocks(path: Path, limit: int) -> Iterator[Block]:
    """The blocks of the process lane in the first `limit` bytes of a log, up to what is no whole object.

    For overviews: nothing is checked. Raises OSError.
    """
    with path.open("rb") as file:
        source = codec.Objects(file)
        try:
            for value in source:
                if source.tell() > limit:
                    return
                if value.get("block") is not None and value.get("lane") == format.PROCESS_LANE:
                    yield parse_block(value)
        except (InvalidObject, AttributeError, *codec.FormatError):
            return


def _end_in(tail: bytes) -> End | None:
    at = tail.rfind(b"\xa3end")  # the first key of an end record; a map's head byte lies before it
    if at < 1:
        return None
    source = codec.Objects()
    source.feed(tail[at - 1 :])
    try:
        value = next(source)
        raw = tail[at - 1 :][: source.tell()]  # later minor versions may add objects after it
        end = parse_end(value)
        # The object before it ends with its own digest: bytes that a session printed cannot know that.
        if raw[-32:] != format.sealed_digest(raw) or tail[max(0, at - 33) : at - 1] != end.previous:
            return None
        return end
    except (InvalidObject, AttributeError, StopIteration, *codec.FormatError):
        return None
