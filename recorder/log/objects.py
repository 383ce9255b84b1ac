"""Turns what msgpack gives into the objects of a log, and holds each against the one before it.

Nothing is trusted: whatever does not have the type or size that the format demands is an InvalidObject.
"""

import json
from typing import Any

from recorder.log import format
from recorder.log.errors import BadLog, NewerLog
from recorder.log.format import Block, End, Header, Target

MAX_ABOUT_BYTES = 256 << 10
"""Bytes of what a `target_start` event tells of its target that a reader accepts."""

_MAX_DEPTH = 16


class InvalidObject(Exception):
    """An object that breaks the format; str() says how."""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 64:
        raise InvalidObject(f"{what} is not a number")
    return value


def _digest(value: Any, what: str) -> bytes:
    if not isinstance(value, bytes) or len(value) != 32:
        raise InvalidObject(f"{what} is not a SHA-256")
    return value


def _target(number: int, entry: Any) -> Target:
    if not isinstance(entry, dict):
        raise InvalidObject("a target is not a map")
    known = ("namespace", "pod", "container", "container_id", "cgroup")
    return Target(
        number=number,
        cgroup_id=_number(entry.get("cgroup_id", 0), "cgroup_id"),
        more={str(k): v for k, v in entry.items() if k not in (*known, "cgroup_id")},
        **{name: _text(entry.get(name)) for name in known},
    )


def load_about(about: bytes) -> dict[str, Any] | None:
    """What a `target_start` event tells of its target, None if `about` is no JSON object.

    What nests deeper than any description does is left out.
    """
    if len(about) > MAX_ABOUT_BYTES:
        return None
    try:
        entry = json.loads(about.decode())
    except (ValueError, RecursionError):  # no UTF-8, no JSON, a number of thousands of digits, deep nesting
        return None
    return _tidy(entry) if isinstance(entry, dict) else None


def parse_about(number: int, about: bytes, cgroup_id: int) -> Target | None:
    """The target that this describes, or None. `cgroup_id` takes the place of what `about` says."""
    entry = load_about(about)
    return None if entry is None else _target(number, {**entry, "cgroup_id": cgroup_id})


def _tidy(value: Any, depth: int = _MAX_DEPTH) -> Any:
    """`value` with no text that UTF-8 cannot hold: JSON may name one half of a pair of surrogates."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
    if isinstance(value, (dict, list)) and not depth:
        return None
    if isinstance(value, dict):
        return {_tidy(k): _tidy(v, depth - 1) for k, v in value.items()}
    return [_tidy(v, depth - 1) for v in value] if isinstance(value, list) else value


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
            raise InvalidObject("clock, targets or events is missing")
        fields = {}
        for name, entry in events.items():
            names = entry.get("fields") if isinstance(entry, dict) else None
            if not isinstance(names, tuple) or not all(isinstance(n, str) for n in names):
                raise InvalidObject(f"the fields of event {name!r} are no list of names")
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
    except InvalidObject as error:
        raise BadLog(f"the header is broken: {error}") from error


def parse_block(raw: dict[Any, Any]) -> Block:
    sessions, data = raw.get("sessions"), raw.get("data")
    if not isinstance(sessions, tuple) or not all(isinstance(s, int) for s in sessions):
        raise InvalidObject("sessions is no list of numbers")
    if len(sessions) > format.MAX_SESSIONS:
        raise InvalidObject(f"a block of more than {format.MAX_SESSIONS} sessions")
    if not isinstance(data, bytes):
        raise InvalidObject("data is no bytes")
    size = _number(raw.get("size"), "size")
    if size > format.MAX_BLOCK_BYTES:
        raise InvalidObject(f"a block of {size} bytes is larger than {format.MAX_BLOCK_BYTES}")
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
        gaps=_number(raw.get("gaps", 0), "gaps"),
    )


def parse_end(raw: dict[Any, Any]) -> End:
    totals = {k: v for k, v in raw.items() if isinstance(k, str) and isinstance(v, int) and k != "time"}
    return End(
        reason=_text(raw.get("end")),
        time=_number(raw.get("time"), "time"),
        totals=totals,
        previous=_digest(raw.get("previous"), "previous"),
        digest=_digest(raw.get("sha256"), "sha256"),
        raw=raw,
    )


class Chain:
    """Parses one object after another and holds each against the one before it."""

    def __init__(self) -> None:
        self.header: Header | None = None
        self.end: End | None = None
        self.blocks = 0
        self._lanes: set[str] = set()
        self.previous = format.GENESIS

    def take(self, value: Any, raw: bytes) -> Header | Block | End | None:
        """The object that `value`, unpacked from `raw`, is; None for a kind that this version does not know.

        Raises InvalidObject if it breaks the format or the chain; BadLog and NewerLog for a header.
        """
        if self.header is None:
            header = parse_header(value)
            if value.get("sha256") != raw[-32:] or raw[-32:] != format.sealed_digest(raw):
                raise BadLog("the header is damaged: its SHA-256 does not fit")
            self.header, self.previous = header, raw[-32:]
            return header
        if not isinstance(value, dict):
            raise InvalidObject("an object is no map")
        digest = _digest(value.get("sha256"), "sha256")
        if digest != raw[-32:] or digest != format.sealed_digest(raw):
            raise InvalidObject("its SHA-256 does not fit: the bytes were changed")
        if value.get("previous") != self.previous:
            raise InvalidObject("it does not follow the object before it: something was taken out or put in")
        self.previous = digest
        if "block" in value:
            return self._block(parse_block(value))
        if "end" in value:
            if self.end:
                raise InvalidObject("a second end record")
            self.end = parse_end(value)
            return self.end
        return None

    def _block(self, block: Block) -> Block:
        if self.end:
            raise InvalidObject("a block after the end record")
        if block.number != self.blocks:
            raise InvalidObject(f"it is block {block.number} where block {self.blocks} belongs")
        self.blocks += 1
        self._lanes.add(block.lane)
        if len(self._lanes) > format.MAX_LANES:
            raise InvalidObject(f"more than {format.MAX_LANES} lanes")
        return block
