"""What a log is made of. docs/log-format.md is the specification; this is its Python side.

    header, block, block, …, end record

Each is a msgpack map. Its last entry is `sha256`: the SHA-256 of the bytes of the map before that
entry. Every block and the end record hold the digest of the object before as `previous`.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from recorder.log import codec

FORMAT = "ebpfaudit-log"
VERSION = (1, 2)
SUFFIX = ".ebpfaudit"

PROCESS_LANE = "process"
BYTE_LANE = "bytes"
"""A block holds the events of one lane: so that what ran is found without reading all that was printed."""

CODEC_NONE = "none"
CODEC_ZSTD = "zstd"

RECORDER_DIED = "recorder died"
"""`end` of a log that its client has closed, since the recorder could not."""

MAX_BLOCK_BYTES = 4 << 20
"""Uncompressed bytes of a block that a reader accepts. A writer ends a block at 256 KiB."""

MAX_SESSIONS = 4096
"""Sessions in one block that a reader accepts. A writer ends a block at 1024."""

MAX_LANES = 8
"""Lanes that a reader accepts: it keeps a block of each."""

_SEAL_BYTES = 1 + len("sha256") + 2 + 32  # fixstr, bin 8 of 32 bytes
GENESIS = b"\0" * 32
"""The `previous` of nothing: a header has no object before it."""


def seal(fields: dict[str, Any]) -> tuple[bytes, bytes]:
    """(`fields` with their `sha256` as the last entry, packed; the digest)."""
    packed = codec.pack({**fields, "sha256": GENESIS})
    digest = hashlib.sha256(packed[:-_SEAL_BYTES]).digest()
    return packed[:-32] + digest, digest


def sealed_digest(raw: bytes) -> bytes:
    """The digest that the `sha256` entry of the packed map `raw` must have."""
    return hashlib.sha256(memoryview(raw)[:-_SEAL_BYTES]).digest()


@dataclass(frozen=True)
class Target:
    """A container under watch, as the header describes it. Unknown entries are in `more`."""

    number: int
    namespace: str
    pod: str
    container: str
    container_id: str
    cgroup: str
    cgroup_id: int
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """namespace/pod/container, or what is known of that."""
        parts = [p for p in (self.namespace, self.pod, self.container) if p]
        return "/".join(parts) or self.container_id or self.cgroup


@dataclass(frozen=True)
class Header:
    """The first object of a log; `raw` is the whole map."""

    recording: str
    version: tuple[int, int]
    monotonic: int
    realtime: int
    targets: tuple[Target, ...]
    fields: dict[int, tuple[str, tuple[str, ...]]]
    raw: dict[str, Any]


@dataclass(frozen=True)
class Block:
    """The envelope of a block; `data` is still compressed. Times are ns of CLOCK_MONOTONIC."""

    number: int
    lane: str
    first: int
    last: int
    events: int
    sessions: tuple[int, ...]
    codec: str
    size: int
    data: bytes
    previous: bytes
    digest: bytes
    gaps: int = 0


@dataclass(frozen=True)
class End:
    """The last object of a whole log: why it ended and what it holds in all."""

    reason: str
    time: int
    totals: dict[str, int]
    previous: bytes
    digest: bytes
    raw: dict[str, Any]

    @property
    def lost(self) -> bool:
        """Whether anything is known to be missing."""
        counted = self.totals.get("lost_events") or self.totals.get("lost_bytes")
        return bool(counted) or self.reason == RECORDER_DIED
