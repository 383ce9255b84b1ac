"""Reads a BPF ring buffer in bulk through its memory map.

Layout (kernel/bpf/ringbuf.c): a page with the consumer position, a page with the producer
position, the data. A record is an 8-byte header (u32 length with two flag bits, u32 page offset) and
its bytes, padded to 8. The kernel maps the data twice in a row so that none wraps; here it is mapped
once, as each mapping counts as resident memory, and a wrap is put together by hand.

The kernel writes a record before its header says that it is whole (a release in bpf_ringbuf_commit(), as that of the
producer position), and takes room for free once the consumer position says so. So here come, in this order: the
positions, the headers, the records, the new position. A copy has no order of its own on any machine, and arm64 reorders
all of these.
"""

import mmap
import struct
import threading
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
        self._headers = memoryview(self._shared).cast("I")
        self._page = page
        self._order = threading.Lock()
        self._order.acquire()

    def drain(self, decoders: Decoders, events: list[Event], limit: int = 1 << 20) -> bool:
        """Decodes what there is, at most about `limit` bytes, onto `events`; whether some is left.

        What is decoded is given back to the kernel. Something that is still being written is left, with all after it.
        """
        start, end = self._consumed[0], self._produced[0]
        if start == end:
            return False
        self._barrier()
        records, after = self._whole(start, end, limit)
        self._barrier()
        data = self._copy(start, after - start)
        for at in records:
            events.append(decoders[_u32(data, at + _TYPE_AT)[0]](data, at + 8))
        self._barrier()
        self._consumed[0] = after
        return after < end

    def _whole(self, start: int, end: int, limit: int) -> tuple[list[int], int]:
        """Where records are that nobody writes any more, from `start`, and the position after the last of them."""
        headers, mask, first = self._headers, self._size - 1, self._page >> 2
        records, at, until = [], start, min(end, start + limit)
        while at < until:
            length = headers[first + ((at & mask) >> 2)]
            if length & _BUSY:
                break
            if not length & _DISCARD:
                records.append(at - start)
            at += (length & _LENGTH) + 15 & ~7
        return records, at

    def _barrier(self) -> None:
        """What was read or written so far comes before all that follows, in the eyes of other CPUs.

        To release a lock and to take it again is that on every machine: nothing moves past a release downwards, nothing
        past an acquire upwards, and the two keep their order ("barrier-ordered-before" of arm64's memory model).
        """
        self._order.release()
        self._order.acquire()

    def _copy(self, start: int, count: int) -> bytes:
        first = start & (self._size - 1)
        until_wrap = min(count, self._size - first)
        base = self._page + first
        data = self._shared[base : base + until_wrap]
        if until_wrap < count:
            data += self._shared[self._page : self._page + count - until_wrap]
        return data
