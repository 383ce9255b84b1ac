"""Takes a log that arrives in pieces."""

from collections.abc import Callable, Iterator
from typing import BinaryIO

from recorder.log import codec
from recorder.log.errors import BadLog
from recorder.log.format import Block, End, Header
from recorder.log.objects import Chain, InvalidObject


class Stream:
    """Takes the bytes of a log as they arrive and gives its objects, checked, each with its own bytes.

    Used by who receives a log: only whole objects are worth keeping.
    """

    def __init__(self) -> None:
        self._chain = Chain()
        self._buffer = bytearray()
        # Kept, as it goes on within an object where it stopped: one comes in many pieces.
        self._source, self._taken = codec.Objects(), 0
        self.events = self.last_time = 0
        """How many events came so far, and the time of the last (ns of CLOCK_MONOTONIC)."""

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

    @property
    def last_digest(self) -> bytes:
        """That of the last whole object: what comes next holds it as `previous`."""
        return self._chain.previous

    @property
    def blocks(self) -> int:
        """How many blocks came so far."""
        return self._chain.blocks

    def forget_pending(self) -> None:
        """What comes next begins with a new object."""
        self._buffer.clear()
        self._source, self._taken = codec.Objects(), 0

    def feed(self, data: bytes) -> Iterator[tuple[bytes, Header | Block | End | None]]:
        """The objects that are whole with `data`. Raises BadLog if the bytes are no log."""
        self._buffer += data
        if len(self._buffer) > codec.MAX_OBJECT_BYTES:
            raise BadLog(f"an object of more than {codec.MAX_OBJECT_BYTES} bytes arrived")
        start = 0
        try:
            self._source.feed(data)
            for value in self._source:
                end = self._source.tell() - self._taken
                raw = bytes(self._buffer[start:end])
                parsed = self._chain.take(value, raw)
                start = end
                if isinstance(parsed, Block):
                    self.events += parsed.events
                    self.last_time = max(self.last_time, parsed.last)
                elif isinstance(parsed, Header):
                    self.last_time = parsed.monotonic
                yield raw, parsed
        except InvalidObject as error:
            raise BadLog(f"what arrived is damaged: {error}") from error
        except codec.FormatError as error:
            raise BadLog(f"what arrived is no log: {error}") from error
        finally:
            del self._buffer[:start]
            self._taken += start


def resume(file: BinaryIO, see: Callable[[object], None]) -> tuple[Stream, int]:
    """A stream that goes on where the log in `file` stops, and the bytes of the whole objects in it.

    Each of these is shown to `see`. Raises BadLog if the file holds no log.
    """
    stream, size = Stream(), 0
    while data := file.read(1 << 20):
        for raw, parsed in stream.feed(data):
            size += len(raw)
            see(parsed)
    stream.forget_pending()
    return stream, size
