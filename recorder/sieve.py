"""Tells the probes who they need not look at any closer: `struct sieve` of bpf/common.c."""

import mmap
import os
from collections.abc import Iterable
from pathlib import Path

from recorder.loader import Probes

BITS = 128
FIELDS = ("lowest", "cgroups[0]", "cgroups[1]", "mounts[0]", "mounts[1]", "own_terminals", "host_mount_ns")
"""What is written here, in order, 8 bytes each. The probes write what follows."""
_NO_DEPTH = 1 << 31


class Sieve:
    """What the probes let through to the maps of targets. Changes are told by `tell`.

    What is in the maps must be told here before it is looked for; what is not there any more costs nothing but time.
    """

    def __init__(self, probes: Probes) -> None:
        page = mmap.mmap(probes.maps["sieve"], mmap.PAGESIZE, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        self._words = memoryview(page).cast("Q")  # whole words: each is read whole
        self._run = probes.run
        self._cgroups: dict[int, int] = {}
        self._mounts: dict[int, int] = {}
        self.lowest = _NO_DEPTH
        """The least depth of a target's cgroup."""
        self.host_mounts = 0
        """Inode number of the node's mount namespace; 0: a target shares it."""
        self.own_terminals = False
        """Whether a target's own program has a terminal, to which somebody may attach."""

    def add_cgroup(self, number: int, folder: Path) -> None:
        """Lets a cgroup through, by its ID, which has this folder. Raises OSError if it is gone."""
        self._cgroups[number] = self._bit("raw_cgroup_bit", folder)

    def remove_cgroup(self, number: int) -> None:
        self._cgroups.pop(number, None)

    def add_mounts(self, number: int, pid: int) -> None:
        """Lets the mount namespace of a process through, by its inode number. Raises OSError if that has ended."""
        self._mounts[number] = self._bit("raw_mounts_bit", Path(f"/proc/{pid}"))

    def remove_mounts(self, number: int) -> None:
        self._mounts.pop(number, None)

    def _bit(self, program: str, folder: Path) -> int:
        fd = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        try:
            return self._run(program, fd)
        finally:
            os.close(fd)

    def tell(self) -> None:
        bits = *_words(self._cgroups.values()), *_words(self._mounts.values())
        for at, word in enumerate((self.lowest, *bits, int(self.own_terminals), self.host_mounts)):
            self._words[at] = word


def _words(bits: Iterable[int]) -> list[int]:
    """These bits in words of 64."""
    words = [0] * (BITS // 64)
    for bit in bits:
        words[bit >> 6] |= 1 << (bit & 63)
    return words
