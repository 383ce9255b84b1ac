"""Puts the bytes of one direction of a terminal, or those of a pipe, in order, and says where some are missing."""

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

    `reason` says why bytes are missing: the number of a gap's reason, HIDDEN, LEFT_OUT or UNEXPLAINED.
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


LEFT_OUT = "left out"
"""The reason for bytes of a pipe that are not kept: beyond the limit, or input was not wanted."""

ON_PURPOSE = (HIDDEN, LEFT_OUT)


def direction_of(event: Event) -> str:
    """Which way the bytes of a pipe's event go."""
    return OUT if number(event, "fd") else IN


def stream_of(event: Event) -> int:
    """The number of the terminal or pipe that an event of bytes, or a gap in them, is about."""
    return number(event, "stream" if _is_of_pipe(event) else "tty")


def _is_of_pipe(event: Event) -> bool:
    return event.type.startswith("stream_")


def piece_of(event: Event, direction: str) -> Piece | None:
    """The piece of a stream that an event is, None if it is about something else."""
    if event.type == f"tty_{direction}":
        offset, chunk = number(event, "offset"), data(event, "data")
        if direction == IN and (hidden := number(event, "hidden")) > 0:
            return Piece(event.time, offset, b"", hidden, HIDDEN)
        return Piece(event.time, offset, chunk)
    if event.type == "stream_data" and direction_of(event) == direction:
        offset, left_out = number(event, "offset"), number(event, "left_out")
        if left_out > 0:
            return Piece(event.time, offset, b"", left_out, LEFT_OUT)
        return Piece(event.time, offset, data(event, "data"))
    if event.type == "stream_close" and direction_of(event) == direction:
        return Piece(event.time, number(event, "bytes"), b"")
    if event.type == "tty_close":
        return Piece(event.time, number(event, f"{direction}_bytes"), b"")
    if event.type == "gap" and number(event, "direction") == _DIRECTION_NUMBERS[direction]:
        size = max(number(event, "bytes"), 0)
        return Piece(event.time, number(event, "offset"), b"", size, number(event, "reason"))
    return None


def ordered(events: Iterable[Event], tty: int, direction: str, at: int = 0) -> Iterator[Piece]:
    """The pieces of terminal or pipe `tty` in that direction, from byte `at` on, each beginning where one ended.

    `tty` 0: of all pipes, as they came, not of terminals that the session opened itself; `at` is 0 then.
    """
    known: dict[int, _Order] = {}
    for event in events:
        which = stream_of(event)
        if which == tty if tty else _is_of_pipe(event):
            known.setdefault(which, _Order(at))
        piece = piece_of(event, direction)
        if piece and which in known:
            yield from known[which].take(piece)
    for order in known.values():
        yield from order.rest()


class _Order:
    """Puts the pieces of one stream in order."""

    def __init__(self, at: int) -> None:
        self._at = at
        self._held: list[tuple[int, int, Piece]] = []
        self._held_bytes = self._count = 0

    def take(self, piece: Piece) -> Iterator[Piece]:
        """What can be given out with `piece`."""
        held = self._held
        if piece.offset == self._at and not held:
            self._at += piece.size
            yield piece
            return
        heapq.heappush(held, (piece.offset, self._count, piece))
        self._count += 1
        self._held_bytes += len(piece.data)
        while held and (held[0][0] <= self._at or len(held) > _MAX_HELD or self._held_bytes > _MAX_HELD_BYTES):
            yield from self._next()

    def rest(self) -> Iterator[Piece]:
        """What is held when nothing comes any more."""
        while self._held:
            yield from self._next()

    def _next(self) -> Iterator[Piece]:
        piece = heapq.heappop(self._held)[2]
        self._held_bytes -= len(piece.data)
        for part in _after(piece, self._at):
            self._at += part.size
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
