"""Tells the probes who they need not look at any closer: `struct sieve` of bpf/common.c."""

import struct

from recorder import bpf

MAX_LEVELS, WORDS = 8, 2
_VALUE = struct.Struct(f"=QQ{WORDS}Q{WORDS}Q{MAX_LEVELS}H")
_KEY = struct.pack("=I", 0)


class Sieve:
    """What the probes let through to the maps of targets. Changes are told by `tell`.

    A number that is in the maps must be told here before it is looked for; one that is not there any more costs nothing
    but time.
    """

    def __init__(self, fd: int) -> None:
        self._map = bpf.Map(fd, _VALUE.size)
        self.levels: list[int] = []
        """Depths of the targets' cgroups, at most MAX_LEVELS."""
        self.cgroups: set[int] = set()
        self.mounts: set[int] = set()
        self.host_mounts = 0
        """Inode number of the node's mount namespace; 0: a target shares it."""
        self.own_terminals = False
        """Whether a target's own program has a terminal, to which somebody may attach."""

    def tell(self) -> None:
        levels = self.levels + [0] * (MAX_LEVELS - len(self.levels))
        value = _VALUE.pack(self.own_terminals, self.host_mounts, *_bits(self.cgroups), *_bits(self.mounts), *levels)
        self._map.update(_KEY, value)


def _bits(numbers: set[int]) -> list[int]:
    """A bit for each number, by its last 7 bits."""
    words = [0] * WORDS
    for number in numbers:
        words[number >> 6 & WORDS - 1] |= 1 << (number & 63)
    return words
