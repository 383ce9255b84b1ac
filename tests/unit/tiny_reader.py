"""A reader of logs written from docs/log-format.md alone: it imports msgpack and zstandard and nothing of this project.

`python tiny_reader.py LOG` prints the events; it ends with an error where the chain of digests is broken.
"""

import hashlib
import sys
from collections.abc import Iterator
from typing import Any

import msgpack
import zstandard


def objects(log: bytes) -> Iterator[dict[str, Any]]:
    """The objects of a log, each checked against its own digest and the one before it; a cut one is left out."""
    unpacker = msgpack.Unpacker(strict_map_key=False, max_buffer_size=0)
    unpacker.feed(log)
    start, previous = 0, b""
    for value in unpacker:
        raw, start = log[start : unpacker.tell()], unpacker.tell()
        # The entry `sha256` is the last: 1 byte of fixstr, "sha256", 2 bytes of bin 8, the digest.
        if hashlib.sha256(raw[: -1 - 6 - 2 - 32]).digest() != value["sha256"] or raw[-32:] != value["sha256"]:
            raise ValueError("the bytes were changed")
        if value.get("previous", b"") != previous:
            raise ValueError("something was taken out or put in")
        previous = value["sha256"]
        yield value


def events(log: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, fields by name) of each event, block by block."""
    names: dict[int, tuple[str, list[str]]] = {}
    for value in objects(log):
        if "format" in value:
            names = {e["type"]: (name, e["fields"]) for name, e in value["events"].items()}
        elif "block" in value:
            data = value["data"]
            if value["codec"] == "zstd":
                data = zstandard.ZstdDecompressor().decompress(data, max_output_size=value["size"])
            unpacker = msgpack.Unpacker()
            unpacker.feed(data)
            for kind, *rest in unpacker:
                name, fields = names.get(kind, (f"type {kind}", []))
                yield name, dict(zip(fields, rest, strict=False))


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        for found in events(file.read()):
            print(*found)
