"""Writes a log, block by block."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import zstandard

from recorder.log import codec, format

BLOCK_BYTES = 256 << 10
BLOCK_SESSIONS = 1024
ZSTD_LEVEL = 3


class _Lane:
    """The block of one lane that is being filled."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.packer = codec.packer()
        self.clear()

    def clear(self) -> None:
        self.packer.reset()
        self.size = self.events = self.last = self.gaps = 0
        self.first: int | None = None
        self.sessions: set[int] = set()


def _gaps(header: dict[str, Any]) -> tuple[int, int, int]:
    """The type of gap events, the place of their reason, and the reason of those that are no loss."""
    gap = header.get("events", {}).get("gap", {})
    fields, reasons = gap.get("fields", []), header.get("enums", {}).get("gap_reason", {})
    place = 1 + fields.index("reason") if "reason" in fields else 0
    return gap.get("type", 0), place, reasons.get("GAP_BEFORE_RECORDING", -1)


class LogWriter:
    """Packs events into blocks and hands each whole object to `write` (bytes in one call).

    `header` is the header's map without `format`, `version` and `sha256`. OSError of `write` passes
    through. Events are lists as recorder.events.Event describes; a lane's must come in order of time.
    """

    def __init__(self, write: Callable[[bytes], None], header: dict[str, Any]) -> None:
        packed, digest = format.seal({"format": format.FORMAT, "version": list(format.VERSION), **header})
        self._begin(write, digest, 0, 0)
        self._gap, self._reason_at, self._no_loss = _gaps(header)
        write(packed)

    @classmethod
    def resume(
        cls, write: Callable[[bytes], None], previous: bytes, blocks: int, events: int, gap: int = 0
    ) -> "LogWriter":
        """Goes on with a log of so many blocks and events, whose last object has the digest `previous`.

        `gap` is the type of the events that blocks count as gaps.
        """
        self = cls.__new__(cls)
        self._begin(write, previous, blocks, events)
        self._gap = gap
        return self

    def _begin(self, write: Callable[[bytes], None], previous: bytes, blocks: int, events: int) -> None:
        self._write, self._previous = write, previous
        self._compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
        self._lanes = {name: _Lane(name) for name in (format.PROCESS_LANE, format.BYTE_LANE)}
        self.blocks, self.events = blocks, events
        self._gap, self._reason_at, self._no_loss = 0, 0, -1

    def add(self, lane_name: str, events: Sequence[list[Any]]) -> None:
        """Takes events of one lane; blocks that are full are written."""
        lane = self._lanes[lane_name]
        pack, sessions = lane.packer.pack, lane.sessions
        for event in events:
            if lane.first is None:
                lane.first = event[1]
            pack(event)
            sessions.add(event[4])
            lane.events += 1
            lane.gaps += event[0] == self._gap and event[self._reason_at] != self._no_loss
            lane.last = event[1]
            lane.size += 64
            for value in event[6:]:
                if value.__class__ is bytes:
                    lane.size += len(value)
            if lane.size >= BLOCK_BYTES or len(sessions) >= BLOCK_SESSIONS:
                self._flush(lane)
                sessions = lane.sessions

    def flush(self) -> None:
        """Writes what is collected, the process lane first."""
        for lane in self._lanes.values():
            self._flush(lane)

    def flush_lane(self, lane_name: str) -> None:
        """Writes what is collected of one lane."""
        self._flush(self._lanes[lane_name])

    def end(self, reason: str, totals: dict[str, int], now: int | None = None) -> None:
        """Writes what is collected and the end record, of time `now` (ns of CLOCK_MONOTONIC) if not of this moment."""
        self.flush()
        packed, self._previous = format.seal(
            {
                "end": reason,
                "time": time.clock_gettime_ns(time.CLOCK_MONOTONIC) if now is None else now,
                "blocks": self.blocks,
                "events": self.events,
                **totals,
                "previous": self._previous,
            }
        )
        self._write(packed)

    def _flush(self, lane: _Lane) -> None:
        if not lane.events:
            return
        plain = lane.packer.bytes()
        data = self._compressor.compress(plain)
        compression = format.CODEC_ZSTD
        if len(data) >= len(plain):
            data, compression = plain, format.CODEC_NONE
        packed, self._previous = format.seal(
            {
                "block": self.blocks,
                "lane": lane.name,
                "first": lane.first,
                "last": lane.last,
                "events": lane.events,
                "sessions": sorted(lane.sessions),
                "gaps": lane.gaps,
                "codec": compression,
                "size": len(plain),
                "data": data,
                "previous": self._previous,
            }
        )
        self.blocks += 1
        self.events += lane.events
        lane.clear()
        self._write(packed)
