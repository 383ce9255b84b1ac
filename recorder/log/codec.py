"""msgpack, and the limits under which it reads hostile bytes. The only importer of msgpack.

A log is one msgpack object after another (https://github.com/msgpack/msgpack/blob/master/spec.md).
Text is `str`, everything taken from the target is `bin`. `use_list=False` is for speed; a `str` that is not
UTF-8 is kept with surrogate escapes instead of ending the read. Every length has a bound, so that a
log of a few bytes cannot ask for gigabytes; msgpack itself bounds the nesting. Maps are counted, since an
empty one is a byte in a log and 64 in memory.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

import msgpack

MAX_OBJECT_BYTES = 8 << 20
MAX_BIN_BYTES = 4 << 20
MAX_STR_BYTES = 1 << 20
MAX_ITEMS = 1 << 16
MAX_MAPS = 10_000

FormatError = (ValueError, TypeError, msgpack.UnpackException)
"""What reading bytes that are no msgpack, or exceed a limit, raises (OutOfData means: cut off).

TypeError comes of a map as the key of a map, which Python cannot hold."""

OutOfData = msgpack.OutOfData


def pack(value: Any) -> bytes:
    """`value` as msgpack."""
    packed: bytes = msgpack.packb(value)
    return packed


def packer() -> Any:
    """A Packer that collects what is packed until its `bytes()` and `reset()`."""
    return msgpack.Packer(autoreset=False)


class _CountMaps:
    """Ends the read of an object with more maps than any of a log has."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, value: dict[Any, Any]) -> dict[Any, Any]:
        self.count += 1
        if self.count > MAX_MAPS:
            raise ValueError(f"more than {MAX_MAPS} maps")
        return value


class Objects:
    """Unpacks the objects of a file, or of what it is fed, one after another, each with a count of its own."""

    def __init__(self, file: BinaryIO | None = None) -> None:
        self._maps = _CountMaps()
        self._source = _unpacker(file, self._maps)

    def __iter__(self) -> "Objects":
        return self

    def __next__(self) -> Any:
        value = next(self._source)
        self._maps.count = 0  # not before it is whole: it may come in pieces
        return value

    def feed(self, data: bytes) -> None:
        """Takes bytes, where there is no file."""
        self._source.feed(data)

    def tell(self) -> int:
        """Bytes of the objects that were given out. At the end of what there is, also those of a cut one."""
        place: int = self._source.tell()
        return place


def _unpacker(file: BinaryIO | None, maps: _CountMaps) -> Any:
    return msgpack.Unpacker(
        file,
        read_size=1 << 20 if file else 0,
        use_list=False,
        raw=False,
        strict_map_key=False,
        unicode_errors="surrogateescape",
        object_hook=maps,
        max_buffer_size=MAX_OBJECT_BYTES,
        max_str_len=MAX_STR_BYTES,
        max_bin_len=MAX_BIN_BYTES,
        max_array_len=MAX_ITEMS,
        max_map_len=MAX_ITEMS,
        max_ext_len=MAX_STR_BYTES,
    )


def unpack_all(data: bytes) -> Iterator[Any]:
    """The objects in `data`; their maps are counted together.

    Raises FormatError for bytes that are none, or a cut one.
    """
    source = _unpacker(None, _CountMaps())
    source.feed(data)
    end = 0
    for value in source:
        end = source.tell()  # later it counts what it has seen of a cut object, too
        yield value
    if end != len(data):
        raise ValueError("ends within an object")
