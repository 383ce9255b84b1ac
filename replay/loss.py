"""What is missing in a recording: what its gap events say, and the holes that none of them speaks of."""

from collections.abc import Callable, Iterator

from recorder.log.events import Event
from replay import stream
from replay.coverage import Coverage, Hole
from replay.fields import number

DIRECTIONS = {1: stream.OUT, 2: stream.IN}
"""By the numbers of enum tty_direction."""

_COVERAGE_BYTES = 1 << 10
"""Bytes of memory that one takes without its spans, roughly."""


class Ledger:
    """Takes every event, and then tells the holes in sequence numbers and streams.

    `keep` takes so many bytes of memory, or gives them back if it is a negative number.
    """

    def __init__(self, keep: Callable[[int], None]) -> None:
        self._keep = keep
        self._sequences: dict[tuple[int, str], Coverage] = {}
        self._streams: dict[tuple[int, str], tuple[Coverage, int]] = {}

    def take(self, event: Event) -> None:
        """Marks what `event` shows to be there, or what it says is missing."""
        if event.seq is not None:
            self._sequence(event).add(event.seq, 1, event.time)
        if event.type == "gap":
            self._gap(event)
        elif event.session > 0 and event.type in ("tty_out", "tty_in"):
            direction = stream.OUT if event.type == "tty_out" else stream.IN
            if piece := stream.piece_of(event, direction):
                self._stream(event, direction).add(piece.offset, piece.size, event.time)
        elif event.session > 0 and event.type == "stream_data":
            direction = stream.direction_of(event)
            if piece := stream.piece_of(event, direction):
                self._stream(event, direction).add(piece.offset, piece.size, event.time)
        elif event.session > 0 and event.type == "stream_close":
            self._stream(event, stream.direction_of(event)).close(number(event, "bytes"), event.time)
        elif event.session > 0 and event.type == "tty_close":
            for direction in DIRECTIONS.values():
                self._stream(event, direction).close(number(event, f"{direction}_bytes"), event.time)

    def _sequence(self, event: Event) -> Coverage:
        key = (event.target, event.lane)
        return self._sequences.get(key) or self._sequences.setdefault(key, self._coverage())

    def _stream(self, event: Event, direction: str) -> Coverage:
        key = (stream.stream_of(event), direction)
        known = self._streams.get(key) or self._streams.setdefault(key, (self._coverage(), event.session))
        return known[0]

    def _coverage(self) -> Coverage:
        self._keep(_COVERAGE_BYTES)
        return Coverage(self._keep)

    def _gap(self, event: Event) -> None:
        first = event.fields.get("first_seq")
        if isinstance(first, int):
            self._sequence(event).add(first, number(event, "events"), event.time)
        if direction := DIRECTIONS.get(number(event, "direction")):
            self._stream(event, direction).add(number(event, "offset"), number(event, "bytes"), event.time)

    def missing_events(self) -> Iterator[Hole]:
        """Holes in the sequence numbers of each target and lane."""
        for covered in self._sequences.values():
            yield from covered.holes()

    def missing_bytes(self) -> Iterator[tuple[int, int, str, Hole]]:
        """Holes in the streams: (session, terminal, direction, hole)."""
        for (tty, direction), (covered, session) in self._streams.items():
            for hole in covered.holes():
                yield session, tty, direction, hole
