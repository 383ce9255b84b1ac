"""Puts the bytes of one direction of a terminal in their order, and says where some are missing."""

import heapq
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from recorder.log.events import Event
from replay.fields import data, number

OUT = "out"
IN = "in"

UNEXPLAINED = "unexplained"
"""The reason of a hole that no gap event speaks of."""

_DIRECTION_NUMBERS = {OUT: 1, IN: 2}
_MAX_HELD = 4096
_MAX_HELD_BYTES = 8 << 20
"""What is held back while bytes before it may still come. Probes on two CPUs swap a few chunks at most."""


class Piece(NamedTuple):
    """A part of a stream: its bytes, or, with `missing`, a hole; `time` is ns of CLOCK_MONOTONIC.

    `reason` says why bytes are missing: the number of a gap's reason, `hidden` or UNEXPLAINED.
    """

    time: int
    offset: int
    data: bytes
    missing: int = 0
    reason: int | str = 0

    @property
    def size(self) -> int:
        return self.missing or len(self.data)


HIDDEN = "hidden"
"""The reason for bytes that were typed while echo was off: they are left out on purpose, not lost."""


def piece_of(event: Event, direction: str) -> Piece | None:
    """The piece of a stream that an event is, None if it is about something else."""
    if event.type == f"tty_{direction}":
        offset, chunk = number(event, "offset"), data(event, "data")
        if direction == IN and (hidden := number(event, "hidden")) > 0:
            return Piece(event.time, offset, b"", hidden, HIDDEN)
        return Piece(event.time, offset, chunk)
    if event.type == "tty_close":
        return Piece(event.time, number(event, f"{direction}_bytes"), b"")
    if event.type == "gap" and number(event, "direction") == _DIRECTION_NUMBERS[direction]:
        size = max(number(event, "bytes"), 0)
        return Piece(event.time, number(event, "offset"), b"", size, number(event, "reason"))
    return None


def ordered(events: Iterable[Event], tty: int, direction: str, at: int = 0) -> Iterator[Piece]:
    """The pieces of terminal `tty` in that direction, from byte `at` on, each beginning where the one before ended."""
    held: list[tuple[int, int, Piece]] = []
    held_bytes = 0
    for count, event in enumerate(events):
        piece = piece_of(event, direction)
        if not piece or number(event, "tty") != tty:
            continue
        if piece.offset == at and not held:
            at += piece.size
            yield piece
            continue
        heapq.heappush(held, (piece.offset, count, piece))
        held_bytes += len(piece.data)
        while held and (held[0][0] <= at or len(held) > _MAX_HELD or held_bytes > _MAX_HELD_BYTES):
            piece = heapq.heappop(held)[2]
            held_bytes -= len(piece.data)
            for part in _after(piece, at):
                at += part.size
                yield part
    while held:
        for part in _after(heapq.heappop(held)[2], at):
            at += part.size
            yield part


def _after(piece: Piece, at: int) -> Iterator[Piece]:
    """What `piece` adds to a stream of which the bytes up to `at` are known."""
    if piece.offset > at:
        yield Piece(piece.time, at, b"", piece.offset - at, UNEXPLAINED)
    known = max(at - piece.offset, 0)
    if piece.missing:
        if piece.missing > known:
            yield piece._replace(offset=piece.offset + known, missing=piece.missing - known)
    elif known < len(piece.data) or not known:
        yield piece._replace(offset=piece.offset + known, data=piece.data[known:])
