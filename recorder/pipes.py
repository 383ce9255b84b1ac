"""The pipes of sessions, as the probes know them."""

import struct
from collections.abc import Container
from dataclasses import dataclass

from recorder import bpf
from recorder.ladder import NONE
from recorder.loader import Probes

# As in bpf/stream.c; tests/kernel/test_layout.py holds it against the compiler.
_STREAM = struct.Struct("=QQQIIIIIIII")
_U32, _U64 = struct.Struct("=I"), struct.Struct("=Q")
_FORGOTTEN, _LIMIT, _WATCHED = 1, 2, 3
"""Places in the array stream_numbers."""


@dataclass(frozen=True)
class Pipe:
    """An open pipe of a session, `fd` to its first process; `bytes` went through so far.

    `key` names it in the kernel's map: the number of its inode, until it is closed.
    """

    key: int
    bytes: int
    target: int
    session: int
    number: int
    fd: int
    owner: int
    closed: bool
    """Whether the kernel has seen its end and could not tell."""


class Pipes:
    """The maps of pipes. Of each pipe the probes number only what is within its first `limit` bytes."""

    def __init__(self, probes: Probes, limit: int) -> None:
        self._probes = probes
        self._streams = bpf.Map(probes.maps["streams"], _STREAM.size)
        self._numbers = bpf.Map(probes.maps["stream_numbers"], _U64.size)
        self._forgotten = 0
        self._numbers.update(_U32.pack(_LIMIT), _U64.pack(limit))
        self._numbers.update(_U32.pack(_WATCHED), _U64.pack(probes.taken["stream"] != NONE))

    def open(self) -> list[Pipe]:
        """Those that are open."""
        found = []
        for key in self._streams.keys(_U64.size):
            if value := self._streams.lookup(key):
                size, _, _, target, session, number, fd, owner, _, closed, _ = _STREAM.unpack(value)
                if session:
                    found.append(Pipe(_U64.unpack(key)[0], size, target, session, number, fd, owner, bool(closed)))
        return found

    def has_reader(self, pipe: Pipe) -> bool:
        """Whether anybody has it open for reading still."""
        return bool(self._probes.run("raw_has_reader", pipe.key))

    def forget_own(self, targets: Container[int]) -> None:
        """Takes out the pipes of containers' own programs but those of `targets`, that nobody has attached to."""
        for key in self._streams.keys(_U64.size):
            value = self._streams.lookup(key)
            if value and not _STREAM.unpack(value)[4] and _STREAM.unpack(value)[3] not in targets:
                self._forget(key, counted=True)

    def forget(self, pipe: Pipe) -> bool:
        """Takes a pipe out of the map; False if the kernel has done so already."""
        return self._forget(_U64.pack(pipe.key), counted=not pipe.closed)

    def _forget(self, key: bytes, counted: bool) -> bool:
        if not self._streams.delete(key):
            return False
        # The kernel counts up and down in a word of its own; this one only the recorder writes.
        self._forgotten += counted
        self._numbers.update(_U32.pack(_FORGOTTEN), _U64.pack(self._forgotten))
        return True
