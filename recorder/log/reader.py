"""Reads a log, whole or cut, trusting nothing in it.

`open_log(path)` checks every object of the file in one pass and keeps where each block lies.
`Log.events()` then gives the events, in order of time, decompressing one block a lane at a time.
`Stream` does the same for bytes that arrive in pieces.
"""

import heapq
import operator
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple

import zstandard

from recorder.log import codec, format
from recorder.log.errors import BadLog, NewerLog
from recorder.log.format import Block, End, Header, Target

_TAIL_BYTES = 1 << 16
"""An end record lies in the last bytes of a file, at most this many."""
_INT_OR_NIL = (int, type(None))


class Event(NamedTuple):
    """One event. `time` is ns of CLOCK_MONOTONIC on the node; `seq` is None if the recorder made it.

    `type` is the name in the header, or "type N" for a number the header does not name; `fields` are
    the event's own fields by name; `lane` is that of its block, within which `seq` counts.
    """

    time: int
    type: str
    seq: int | None
    target: int
    session: int
    pid: int
    fields: dict[str, Any]
    lane: str = ""


@dataclass(frozen=True)
class Damage:
    """Why a log could not be read to an end record. `offset` is where the last good object ends, in bytes."""

    offset: int
    reason: str
    cut: bool
    """Whether the file only ends too early: what is there is intact."""


class _Invalid(Exception):
    """An object that breaks the format; str() says how."""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 64:
        raise _Invalid(f"{what} is not a number")
    return value


def _digest(value: Any, what: str) -> bytes:
    if not isinstance(value, bytes) or len(value) != 32:
        raise _Invalid(f"{what} is not a SHA-256")
    return value


def _target(number: int, entry: Any) -> Target:
    if not isinstance(entry, dict):
        raise _Invalid("a target is not a map")
    known = ("namespace", "pod", "container", "container_id", "cgroup")
    return Target(
        number=number,
        cgroup_id=_number(entry.get("cgroup_id", 0), "cgroup_id"),
        more={str(k): v for k, v in entry.items() if k not in (*known, "cgroup_id")},
        **{name: _text(entry.get(name)) for name in known},
    )


def parse_header(raw: Any) -> Header:
    """The header from its map. Raises NewerLog, or BadLog if it is no header."""
    if not isinstance(raw, dict) or raw.get("format") != format.FORMAT:
        raise BadLog("not a log of kubectl ebpfaudit")
    version = raw.get("version")
    if not isinstance(version, tuple) or len(version) != 2 or not all(isinstance(v, int) for v in version):
        raise BadLog("the header names no version")
    if version[0] > format.VERSION[0]:
        raise NewerLog(
            f"the log has format version {version[0]}.{version[1]} and this program reads up to "
            f"{format.VERSION[0]}.x: use a newer kubectl ebpfaudit"
        )
    try:
        clock, targets, events = raw.get("clock"), raw.get("targets"), raw.get("events")
        if not isinstance(clock, dict) or not isinstance(targets, tuple) or not isinstance(events, dict):
            raise _Invalid("clock, targets or events is missing")
        fields = {}
        for name, entry in events.items():
            names = entry.get("fields") if isinstance(entry, dict) else None
            if not isinstance(names, tuple) or not all(isinstance(n, str) for n in names):
                raise _Invalid(f"the fields of event {name!r} are no list of names")
            fields[_number(entry.get("type"), "an event's type")] = (_text(name), names)
        return Header(
            recording=_text(raw.get("recording")),
            version=version,
            monotonic=_number(clock.get("monotonic"), "clock"),
            realtime=_number(clock.get("realtime"), "clock"),
            targets=tuple(_target(i, t) for i, t in enumerate(targets, 1)),
            fields=fields,
            raw=raw,
        )
    except _Invalid as error:
        raise BadLog(f"the header is broken: {error}") from error


def _parse_block(raw: dict[Any, Any]) -> Block:
    sessions, data = raw.get("sessions"), raw.get("data")
    if not isinstance(sessions, tuple) or not all(isinstance(s, int) for s in sessions):
        raise _Invalid("sessions is no list of numbers")
    if not isinstance(data, bytes):
        raise _Invalid("data is no bytes")
    size = _number(raw.get("size"), "size")
    if size > format.MAX_BLOCK_BYTES:
        raise _Invalid(f"a block of {size} bytes is larger than {format.MAX_BLOCK_BYTES}")
    return Block(
        number=_number(raw.get("block"), "block"),
        lane=_text(raw.get("lane")),
        first=_number(raw.get("first"), "first"),
        last=_number(raw.get("last"), "last"),
        events=_number(raw.get("events"), "events"),
        sessions=sessions,
        codec=_text(raw.get("codec")),
        size=size,
        data=data,
        previous=_digest(raw.get("previous"), "previous"),
        digest=_digest(raw.get("sha256"), "sha256"),
    )


def _parse_end(raw: dict[Any, Any]) -> End:
    totals = {k: v for k, v in raw.items() if isinstance(k, str) and isinstance(v, int) and k != "time"}
    return End(
        reason=_text(raw.get("end")),
        time=_number(raw.get("time"), "time"),
        totals=totals,
        previous=_digest(raw.get("previous"), "previous"),
        digest=_digest(raw.get("sha256"), "sha256"),
        raw=raw,
    )


class _Chain:
    """Parses one object after another and holds each against the one before it."""

    def __init__(self) -> None:
        self.header: Header | None = None
        self.end: End | None = None
        self.blocks = 0
        self._previous = format.GENESIS

    def take(self, value: Any, raw: bytes) -> Header | Block | End | None:
        """The object that `value`, unpacked from `raw`, is; None for a kind that this version does not know.

        Raises _Invalid if it breaks the format or the chain; BadLog and NewerLog for a header.
        """
        if self.header is None:
            header = parse_header(value)
            if value.get("sha256") != raw[-32:] or raw[-32:] != format.sealed_digest(raw):
                raise BadLog("the header is damaged: its SHA-256 does not fit")
            self.header, self._previous = header, raw[-32:]
            return header
        if not isinstance(value, dict):
            raise _Invalid("an object is no map")
        parsed: Block | End
        if "block" in value:
            parsed = _parse_block(value)
        elif "end" in value:
            parsed = _parse_end(value)
        else:
            return None
        if parsed.digest != format.sealed_digest(raw):
            raise _Invalid("its SHA-256 does not fit: the bytes were changed")
        if parsed.previous != self._previous:
            raise _Invalid("it does not follow the object before it: something was taken out or put in")
        if isinstance(parsed, Block):
            if self.end:
                raise _Invalid("a block after the end record")
            if parsed.number != self.blocks:
                raise _Invalid(f"it is block {parsed.number} where block {self.blocks} belongs")
            self.blocks += 1
        else:
            self.end = parsed
        self._previous = parsed.digest
        return parsed


def decode_block(header: Header, block: Block) -> Iterator[Event]:
    """The events of a block, as they were written. Raises BadLog if its bytes are no events."""
    try:
        if block.codec == format.CODEC_ZSTD:
            # A frame that names its size is given a buffer of that size, whatever max_output_size says.
            if zstandard.frame_content_size(block.data) not in (-1, block.size):
                raise BadLog(f"block {block.number} does not hold the {block.size} bytes it says")
            data = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompress(
                block.data, max_output_size=block.size or 1
            )
        elif block.codec == format.CODEC_NONE:
            data = block.data
        else:
            raise BadLog(f"block {block.number} is packed with {block.codec!r}, which this version cannot read")
        if len(data) != block.size:
            raise BadLog(f"block {block.number} holds {len(data)} bytes, not the {block.size} it says")
        fields, lane = header.fields, block.lane
        for event in codec.unpack_all(data):
            kind, time, seq, target, session, pid, *own = event
            name, names = fields.get(kind) or (f"type {kind}", ())
            if time.__class__ is not int or session.__class__ is not int:
                raise ValueError("an event without a time")
            if target.__class__ is not int or pid.__class__ is not int or seq.__class__ not in _INT_OR_NIL:
                raise ValueError("an event's target, process or sequence number is no number")
            yield Event(time, name, seq, target, session, pid, dict(zip(names[5:], own, strict=False)), lane)
    except (zstandard.ZstdError, *codec.FormatError, TypeError) as error:
        raise BadLog(f"block {block.number} cannot be read: {error}") from error


@dataclass(frozen=True)
class _Place:
    """Where a block lies in the file, and what of its envelope is needed to choose it."""

    start: int
    end: int
    number: int
    lane: str
    sessions: frozenset[int]


class Log:
    """An open log file. `damage` is None if it was read to its end record and nothing follows that."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._file = file
        chain = _Chain()
        self._places: list[_Place] = []
        self.damage: Damage | None = None
        self._scan(chain)
        if chain.header is None:
            raise BadLog(f"{path}: the file is cut within its header: nothing of it can be read")
        self.header = chain.header
        self.end = chain.end

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

    def _scan(self, chain: _Chain) -> None:
        if not self.size:
            raise BadLog(f"{self.path}: the file is empty")
        start = 0
        source = codec.unpacker(self._file)
        try:
            for value in source:
                end = source.tell()
                raw = os.pread(self._file.fileno(), end - start, start)
                parsed = chain.take(value, raw)
                if isinstance(parsed, Block):
                    sessions = frozenset(parsed.sessions)
                    self._places.append(_Place(start, end, parsed.number, parsed.lane, sessions))
                start = end
        except _Invalid as error:
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

    def _block(self, place: _Place) -> Block:
        raw = os.pread(self._file.fileno(), place.end - place.start, place.start)
        try:
            return _parse_block(next(codec.unpack_all(raw)))
        except (_Invalid, StopIteration, AttributeError, *codec.FormatError) as error:
            raise BadLog(f"{self.path}: block {place.number} changed while it was read") from error

    def _lane(self, places: Iterable[_Place]) -> Iterator[Event]:
        for place in places:
            try:
                yield from decode_block(self.header, self._block(place))
            except BadLog as error:
                raise BadLog(f"{self.path}: {error}") from error

    def events(self, lane: str | None = None, session: int | None = None) -> Iterator[Event]:
        """The events in order of time, of one lane or of one session if asked for.

        Raises BadLog for a block whose content cannot be decoded.
        """
        lanes: dict[str, list[_Place]] = {}
        for place in self._places:
            if lane in (None, place.lane) and (session is None or session in place.sessions):
                lanes.setdefault(place.lane, []).append(place)
        merged = heapq.merge(*map(self._lane, lanes.values()), key=operator.itemgetter(0))
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
            header = parse_header(next(iter(codec.unpacker(file))))
        except (StopIteration, *codec.FormatError) as error:
            raise BadLog(f"{path}: not a log of kubectl ebpfaudit") from error
        except (BadLog, NewerLog) as error:
            raise type(error)(f"{path}: {error}") from error
        tail = os.pread(file.fileno(), _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    return header, _end_in(tail)


def _end_in(tail: bytes) -> End | None:
    at = tail.rfind(b"\xa3end")  # the first key of an end record; a map's head byte lies before it
    if at < 1:
        return None
    source = codec.unpacker()
    source.feed(tail[at - 1 :])
    try:
        value = source.unpack()
        raw = tail[at - 1 :][: source.tell()]  # later minor versions may add objects after it
        if raw[-32:] != format.sealed_digest(raw):
            return None
        return _parse_end(value)
    except (_Invalid, AttributeError, *codec.FormatError):
        return None


class Stream:
    """Takes the bytes of a log as they arrive and gives its objects, checked, each with its own bytes.

    Used by who receives a log: only whole objects are worth keeping.
    """

    def __init__(self) -> None:
        self._chain = _Chain()
        self._buffer = bytearray()

    @property
    def header(self) -> Header | None:
        return self._chain.header

    @property
    def end(self) -> End | None:
        return self._chain.end

    @property
    def pending(self) -> int:
        """Bytes that arrived of an object that is not whole yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[tuple[bytes, Header | Block | End | None]]:
        """The objects that are whole with `data`. Raises BadLog if the bytes are no log."""
        self._buffer += data
        if len(self._buffer) > codec.MAX_OBJECT_BYTES:
            raise BadLog(f"an object of more than {codec.MAX_OBJECT_BYTES} bytes arrived")
        source = codec.unpacker()
        source.feed(bytes(self._buffer))
        start = 0
        try:
            for value in source:
                raw = bytes(self._buffer[start : source.tell()])
                parsed = self._chain.take(value, raw)
                start = source.tell()
                yield raw, parsed
        except _Invalid as error:
            raise BadLog(f"what arrived is damaged: {error}") from error
        except codec.FormatError as error:
            raise BadLog(f"what arrived is no log: {error}") from error
        finally:
            del self._buffer[:start]
