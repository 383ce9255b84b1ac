"""Keys: from the bytes that a terminal sends to names, and what each does."""

import re

_SEQUENCE = re.compile(rb"\x1b(?:\[[0-9;?]*[@-~]|O.)|\x1b\[?[0-9;]*\Z|\x1b")
_UNFINISHED = re.compile(rb"\x1b(?:O|\[[0-9;?]*)?\Z")
_NAMES = {
    b"\x1b[A": "up", b"\x1b[B": "down", b"\x1b[C": "right", b"\x1b[D": "left", b"\x1b[H": "home", b"\x1b[F": "end",
    b"\x1bOA": "up", b"\x1bOB": "down", b"\x1bOC": "right", b"\x1bOD": "left", b"\x1bOH": "home", b"\x1bOF": "end",
    b"\x1b[1~": "home", b"\x1b[4~": "end", b"\x1b[5~": "page-up", b"\x1b[6~": "page-down", b"\x1bOP": "h",
    b"\x1b[11~": "h", b"\x1b": "esc",
}  # fmt: skip
_CONTROLS = {"\r": "enter", "\n": "enter", "\x7f": "backspace", "\b": "backspace", "\x0c": "redraw", "\x15": "clear"}

HELP = (
    ("space", "pause, go on"),
    (".", "pause, and show the next output"),
    ("left, right", "5 seconds back, forward"),
    ("down, up", "1 minute back, forward"),
    ("[ ]", "previous, next command"),
    ("{ }", "previous, next line of input"),
    ("< >", "slower, faster"),
    ("/ ?", "search forward, backward: screens and commands"),
    ("n N", "next, previous match"),
    (":", "go to 90, 1m30s, 12:34:56Z, +10, -10 or 50%"),
    ("g G", "start, end"),
    ("m x", "set mark x; ' x goes there"),
    ("t", "the commands, beside the screen"),
    ("i", "the input, as it was typed"),
    ("T", "the session's next terminal"),
    ("h", "this help"),
    ("q", "quit"),
)
"""Each key and what it does: the help, and the table in docs/replay.md."""


def is_unfinished(data: bytes) -> bool:
    """Whether `data` ends with what may be the beginning of a key's sequence."""
    return _UNFINISHED.search(data) is not None


def decode(data: bytes) -> list[str]:
    """The keys that `data` stands for: printable characters as they are, others by name."""
    found: list[str] = []
    at = 0
    while at < len(data):
        if sequence := _SEQUENCE.match(data, at):
            if name := _NAMES.get(sequence[0]):
                found.append(name)
            at = sequence.end()
            continue
        end = data.find(b"\x1b", at)
        end = len(data) if end < 0 else end
        for char in data[at:end].decode("utf-8", "ignore"):
            if name := _CONTROLS.get(char, char if char.isprintable() else ""):
                found.append("space" if name == " " else name)
        at = end
    return found
