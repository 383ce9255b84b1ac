"""Keeps of each pipe of a session as much as is wanted, and the SHA-256 of all that went through it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from recorder import events
from recorder.events import Event

LIMIT_BYTES = 16 << 20
"""Of each stream, what is kept by default."""

_TELL_BYTES = 64 << 20
"""After so many bytes that are not kept one event says so."""

_TYPES = {layout.name: number for number, layout in events.layouts().items()}
_OPEN, _DATA, _CLOSE, _GAP = (_TYPES[name] for name in ("stream_open", "stream_data", "stream_close", "gap"))
_UNDER_WAY = events.enums()["stream_flag"]["STREAM_UNDER_WAY"]


@dataclass(slots=True)
class _Stream:
    """`hash` is that of the first `seen` bytes, None if some of them were not seen. `left_out` is not told yet."""

    hash: Any
    seen: int = 0
    left_out: Event | None = None


class Streams:
    """Every pipe of a recording's sessions. `limit` is in bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: dict[int, _Stream] = {}

    def keep(self, arrived: list[Event]) -> list[Event]:
        """What goes into the log of `arrived`, the events of the byte lane without holes."""
        return [kept for event in arrived for kept in self._one(event)]

    def over(self) -> list[Event]:
        """The events that are still to be told when nothing comes any more."""
        return [event for stream in self._known.values() for event in _told(stream)]

    def _one(self, event: Event) -> Iterator[Event]:
        kind = event[0]
        if kind == _DATA:
            yield from self._data(event)
            return
        if kind == _OPEN:
            self._known[event[7]] = _Stream(None if event[9] & _UNDER_WAY else hashlib.sha256())
        elif kind == _CLOSE and (stream := self._known.pop(event[7], None)):
            yield from _told(stream)
            if stream.hash and stream.seen == event[6]:
                event[9] = stream.hash.digest()
        elif kind == _GAP and (stream := self._known.get(event[10])):
            yield from _told(stream)
            stream.hash = None
        yield event

    def _data(self, event: Event) -> Iterator[Event]:
        offset, data = event[6], event[10]
        # One whose beginning was lost has no hash.
        stream = self._known.get(event[8]) or self._known.setdefault(event[8], _Stream(None))
        if event[7]:
            stream.hash = None
        elif stream.hash:
            stream.hash.update(data)
            stream.seen += len(data)
        keep = max(self._limit - offset, 0)
        if keep >= len(data):
            yield event
            return
        if keep:
            yield [*event[:10], data[:keep]]
        rest = [*event[:6], offset + keep, len(data) - keep, *event[8:10], b""]
        rest[2] = rest[2] if not keep else None
        yield from _merge(stream, rest)


def _merge(stream: _Stream, event: Event) -> Iterator[Event]:
    """Adds an event without bytes to those before it; gives them out now and then."""
    if not stream.left_out:
        stream.left_out = event
        return
    stream.left_out[7] += event[7]
    if stream.left_out[7] >= _TELL_BYTES:
        yield from _told(stream)


def _told(stream: _Stream) -> Iterator[Event]:
    if stream.left_out:
        yield stream.left_out
        stream.left_out = None
