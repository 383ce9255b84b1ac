"""Makes broken and lying logs of good ones."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zstandard

from recorder.log import codec, format
from tests import golden
from tests.attacks import OUTPUT

NUMBERS = [0, 1, 2, 127, 255, 65535, 65536, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1, -1, -(2**63)]
VALUES: list[Any] = [None, True, "", "x" * 300, b"", b"\xff" * 300, (), (1, "a", b"b"), {}, {"a": {"b": ()}}, 0.5]
VALUES += [*NUMBERS, *OUTPUT.values(), "\x1b[2J\u202e", "\udcff", "a" * 70_000, b"[" * 5000]


def seeds() -> list[bytes]:
    """The golden logs."""
    return [path.read_bytes() for path in sorted(Path(golden.__file__).parent.rglob(f"*{format.SUFFIX}"))]


def mutated(chance: random.Random, log: bytes) -> bytes:
    """Another log: bytes changed as a bad disk would, or objects as an attacker would who seals them again."""
    return _bytes(chance, log) if chance.random() < 0.4 else _sealed(chance, log)


def _bytes(chance: random.Random, log: bytes) -> bytes:
    data = bytearray(log)
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(6)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[at : at + chance.randrange(64)] = b""
        elif kind == 2:
            data[at:at] = chance.randbytes(chance.randrange(64))
        elif kind == 3:
            del data[at:]
        elif kind == 4:
            other = chance.randrange(len(data) + 1)
            data[at:at] = data[other : other + chance.randrange(512)]
        elif at < len(data):
            data[at] = chance.choice((0x00, 0x7F, 0x80, 0xC1, 0xC6, 0xDD, 0xDF, 0xFF))
    return bytes(data)


def _sealed(chance: random.Random, log: bytes) -> bytes:
    objects = [dict(value) for value in codec.unpack_all(log[: _whole(log)])]
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(objects))
        kind = chance.randrange(8)
        if kind == 0:
            objects.insert(chance.randrange(len(objects) + 1), dict(objects[at]))
        elif kind == 1 and len(objects) > 1:
            del objects[at]
        elif kind in (2, 3) or "block" not in objects[at]:
            _change(chance, objects[at])
        else:
            _events(chance, objects[at])
    previous, out = format.GENESIS, []
    blocks = 0
    for place, value in enumerate(objects):
        fields = {key: of for key, of in value.items() if key != "sha256"}
        if place:
            fields["previous"] = previous
        if "block" in fields and chance.random() < 0.98:
            fields["block"], blocks = blocks, blocks + 1
        try:
            sealed, previous = format.seal(fields)
        except (ValueError, OverflowError, TypeError, UnicodeError):  # a value that no msgpack holds
            continue
        out.append(sealed)
    return b"".join(out)


def _whole(log: bytes) -> int:
    """How many bytes of a log are whole objects."""
    source = codec.Objects()
    source.feed(log)
    end = 0
    for _ in source:
        end = source.tell()
    return end


def _change(chance: random.Random, of: dict[Any, Any]) -> None:
    """Changes one value somewhere in a map."""
    key = chance.choice(list(of))
    value = of[key]
    if isinstance(value, dict) and value and chance.random() < 0.8:
        of[key] = value = dict(value)
        _change(chance, value)
    elif isinstance(value, tuple) and value and chance.random() < 0.8:
        of[key] = _changed(chance, value)
    elif chance.random() < 0.1:
        del of[key]
    else:
        of[key] = chance.choice(VALUES)


def _changed(chance: random.Random, values: tuple[Any, ...]) -> tuple[Any, ...]:
    items = list(values)
    at = chance.randrange(len(items))
    if isinstance(items[at], dict) and items[at]:
        items[at] = dict(items[at])
        _change(chance, items[at])
    else:
        items[at] = chance.choice(VALUES)
    return tuple(items)


def _events(chance: random.Random, block: dict[Any, Any]) -> None:
    """Changes the events of a block, and packs them as they say."""
    try:
        data = block["data"]
        if block["codec"] == "zstd":
            data = zstandard.ZstdDecompressor().decompress(data, max_output_size=1 << 22)
        events = list(codec.unpack_all(data))
    except (KeyError, TypeError, zstandard.ZstdError, *codec.FormatError):
        return
    for _ in range(chance.choice((1, 2, 10))):
        if events:
            _one(chance, events)
    try:
        packed = b"".join(map(codec.pack, events))
    except (ValueError, OverflowError, TypeError, UnicodeError):
        return
    block["codec"], block["data"], block["size"] = "none", packed, len(packed)


def _one(chance: random.Random, events: list[Any]) -> None:
    at = chance.randrange(len(events))
    event = events[at]
    kind = chance.randrange(5)
    if kind == 0:
        events.insert(chance.randrange(len(events) + 1), event)
    elif kind == 1:
        del events[at]
    elif kind == 2 and isinstance(event, tuple):
        events[at] = (chance.randrange(1, 32), *event[1:])
    elif isinstance(event, tuple) and event:
        events[at] = _changed(chance, event)


def logs(seed: int, count: int) -> Iterator[bytes]:
    """So many mutations; the same ones for the same seed."""
    chance, good = random.Random(seed), seeds()
    for _ in range(count):
        yield mutated(chance, chance.choice(good))
