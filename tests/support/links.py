"""Hyperlinks and resizes, which kill libghostty-vt. Run as a program, this is what dies of them."""

from typing import Protocol

_LINKS = b"".join(b"\x1b]8;id=%d;http://x/%d\x1b\\%d\x1b]8;;\x1b\\\r\n" % (i, i, i) for i in range(20_000))


class Resizable(Protocol):
    """What shows output, and has a size."""

    def feed(self, data: bytes) -> None: ...
    def resize(self, rows: int, cols: int) -> None: ...


def print_links(on: Resizable, times: int) -> None:
    """So many pieces of output, each followed by another size."""
    for count in range(times):
        on.feed(_LINKS[count * 1000 % len(_LINKS) :][:1000])
        on.resize(1 + count * 7 % 60, 1 + count * 13 % 200)


class _Ghostty:
    def __init__(self) -> None:
        from pyghostty.core import Terminal

        self._terminal = Terminal(80, 24, scrollback=0)

    def feed(self, data: bytes) -> None:
        self._terminal.feed(data)

    def resize(self, rows: int, cols: int) -> None:
        self._terminal.resize(cols, rows)


if __name__ == "__main__":
    print_links(_Ghostty(), 10_000)
