"""What came out of one terminal, and its sizes, in order; from the start, or from a place within the log."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from recorder.log.errors import BadLog
from recorder.log.events import Event
from recorder.log.format import BYTE_LANE
from recorder.log.reader import Log
from replay.fields import number
from replay.model import Session
from replay.stream import OUT, ordered

_MAX_SIZES = 256
"""Sizes one after the other with no output between them of which each is given: of more, the last ones."""


class Place(NamedTuple):
    """Where reading may go on: after `skip` events of `block`, the stream being at byte `offset`, at `time`."""

    block: int = 0
    skip: int = 0
    offset: int = 0
    time: int = 0


class Item(NamedTuple):
    """Output, or bytes of it that are missing and why, or (rows, cols); `time` is ns since the session began."""

    time: int
    data: bytes = b""
    missing: int = 0
    reason: int | str = 0
    size: tuple[int, int] | None = None
    offset: int = 0
    """Bytes of output before these."""


class Reel:
    """Gives the items of terminal `tty` of a session; times never run backwards.

    A block that cannot be decoded ends them, and is the `problem` then.
    """

    def __init__(self, log: Log, session: Session, tty: int, start: Place | None = None) -> None:
        self._log, self._session, self._tty = log, session, tty
        self._start = start or Place()
        self._block, self._read = self._start.block, self._start.skip
        self._seen_to = self._given_to = self._start.offset
        self._time = self._start.time
        self._sizes: deque[Item] = deque(maxlen=_MAX_SIZES)
        self.problem: BadLog | None = None

    def __iter__(self) -> Iterator[Item]:
        for piece in ordered(self._events(), self._tty, OUT, self._start.offset):
            yield from self._resized()
            self._given_to = piece.offset + piece.size
            yield Item(self._at(piece.time), piece.data, piece.missing, piece.reason, offset=piece.offset)
        yield from self._resized()

    def place(self) -> Place | None:
        """Where to go on after the last item; None if pieces that came too early are being held back."""
        if self._given_to != self._seen_to or self._sizes:
            return None
        return Place(self._block, self._read, self._given_to, self._time)

    def _at(self, time: int) -> int:
        self._time = max(self._time, time - self._session.began)
        return self._time

    def _resized(self) -> Iterator[Item]:
        while self._sizes:
            item = self._sizes.popleft()
            yield item._replace(time=self._at(item.time + self._session.began))

    def _events(self) -> Iterator[Event]:
        try:
            for block in self._log.blocks(BYTE_LANE, self._session.number, self._start.block):
                skip = self._start.skip if block.number == self._start.block else 0
                for count, event in enumerate(block.events):
                    if count < skip or event.session != self._session.number or number(event, "tty") != self._tty:
                        continue
                    self._block, self._read = block.number, count + 1
                    if event.type == "tty_out":
                        data = event.fields.get("data")
                        end = number(event, "offset") + (len(data) if isinstance(data, bytes) else 0)
                        self._seen_to = max(self._seen_to, end)
                    elif event.type in ("tty_resize", "tty_open"):
                        size = number(event, "rows"), number(event, "cols")
                        if all(size):
                            self._sizes.append(Item(event.time - self._session.began, size=size))
                        continue
                    elif event.type == "gap":
                        self._seen_to = max(self._seen_to, number(event, "offset") + max(number(event, "bytes"), 0))
                    yield event
        except BadLog as error:
            self.problem = error
