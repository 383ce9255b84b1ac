"""Reads a BPF ring buffer in bulk through its memory map.

Layout (kernel/bpf/ringbuf.c): a page with the consumer position, a page with the producer
position, the data. A record is an 8-byte header (u32 length with two flag bits, u32 page offset) and
its bytes, padded to 8. The kernel maps the data twice in a row so that none wraps; here it is mapped
once, as each mapping counts as resident memory, and a wrap is put together by hand.
"""

import mmap
import struct
from collections.abc import Callable, Mapping

from recorder.events import Event

_BUSY, _DISCARD, _LENGTH = 1 << 31, 1 << 30, (1 << 30) - 1
_TYPE_AT = 8 + 16  # header of the record, then time and seq of struct event_header
_u32 = struct.Struct("=I").unpack_from

Decoders = Mapping[int, Callable[[bytes, int], Event]]


class Ring:
    """A ring of `size` bytes (a power of two) by its map's file descriptor."""

    def __init__(self, fd: int, size: int) -> None:
        page = mmap.PAGESIZE
        self.fd = fd
        self._size = size
        consumer = mmap.mmap(fd, page, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=0)
        self._shared = mmap.mmap(fd, page + size, mmap.MAP_SHARED, mmap.PROT_READ, offset=page)
        # Through views of native words, which are read and written whole: struct with a byte order goes byte by
        # byte, and the kernel takes a position that it sees half written for a full ring.
        self._consumed = memoryview(consumer).cast("Q")
        self._produced = memoryview(self._shared).cast("Q")
        self._page = page

    def drain(self, decoders: Decoders, events: list[Event], limit: int = 1 << 20) -> bool:
        """Decodes what there is, at most about `limit` bytes, onto `events`; whether more is waiting.

        What is decoded is given back to the kernel.
        """
        start, end = self._consumed[0], self._produced[0]
        if start == end:
            return False
        data = self._copy(start, min(end - start, limit + (1 << 16)))
        size, at = len(data), 0
        while at + 8 <= size and at < limit:
            (length,) = _u32(data, at)
            if length & _BUSY:
                break
            after = at + ((length & _LENGTH) + 15 & ~7)
            if after > size:
                break
            if not length & _DISCARD:
                events.append(decoders[_u32(data, at + _TYPE_AT)[0]](data, at + 8))
            at = after
        self._consumed[0] = start + at
        return start + at < end and at > 0

    def _copy(self, start: int, count: int) -> bytes:
        first = start & (self._size - 1)
        until_wrap = min(count, self._size - first)
        base = self._page + first
        data = self._shared[base : base + until_wrap]
        if until_wrap < count:
            data += self._shared[self._page : self._page + count - until_wrap]
        return data
