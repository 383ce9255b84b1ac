"""What the player and the child that holds the emulator say to each other: a byte, a length, and so many bytes."""

import struct

HEAD = struct.Struct("!cI")
SIZE = struct.Struct("!HHB")
"""Of NEW and RESIZE: rows, cols, whether to keep what scrolls out."""
CURSOR = struct.Struct("!HHBB")
"""Before the answer to SHOW: column, row, whether it is shown, whether the screen is the alternate one."""

LENGTH = struct.Struct("!I")
"""Before the answer to TEXT: bytes of all its text; the screen alone comes behind that."""

NEW = b"N"
FEED = b"F"
RESIZE = b"R"
SYNC = b"S"
"""Answered when all before it is done."""
SHOW = b"V"
TEXT = b"T"
"""The scrollback, which is then forgotten, with the screen: lines, however many rows they take."""
PAGE = b"H"
KEYFRAME = b"K"

MAX_ANSWER = 256 << 20
"""Bytes."""


def message(kind: bytes, payload: bytes = b"") -> bytes:
    """One message, either way."""
    return HEAD.pack(kind, len(payload)) + payload
