"""The events in a block."""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import zstandard

from recorder.log import codec, format
from recorder.log.errors import BadLog
from recorder.log.format import Block, Header

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


def decode_block(header: Header, block: Block, kinds: Collection[str] = ()) -> Iterator[Event]:
    """The events of a block, as they were written, or only those `kinds`.

    Raises BadLog if its bytes are no events, or, after the last, if they are others than its envelope tells of: by
    that readers choose what they read.
    """
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
        events, first, sessions = 0, block.first, set()
        time = block.last
        for event in codec.unpack_all(data):
            kind, time, seq, target, session, pid, *own = event
            name, names = fields.get(kind) or (f"type {kind}", ())
            if time.__class__ is not int or session.__class__ is not int:
                raise ValueError("an event without a time")
            if target.__class__ is not int or pid.__class__ is not int or seq.__class__ not in _INT_OR_NIL:
                raise ValueError("an event's target, process or sequence number is no number")
            if not events:
                first = time
            events += 1
            sessions.add(session)
            if kinds and name not in kinds:
                continue
            yield Event(time, name, seq, target, session, pid, dict(zip(names[5:], own, strict=False)), lane)
        if (events, sessions, first, time) != (block.events, set(block.sessions), block.first, block.last):
            raise BadLog(f"block {block.number} holds other events than it says (their number, sessions, times)")
    except (zstandard.ZstdError, *codec.FormatError, TypeError) as error:
        raise BadLog(f"block {block.number} cannot be read: {error}") from error
