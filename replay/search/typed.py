"""What somebody typed, as the line that it became: without the keys that only edited it."""

import re

_KEYS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1bO.|\x1b.|[\x00-\x07\x0b-\x14\x16\x18-\x1f]", re.S)
"""Sequences of arrows and other keys, and controls, but for those that take text back."""

_TAKES_BACK = re.compile(r"[\b\x7f\x15\x17]")
_LAST_WORD = re.compile(r"\S*\s*\Z")


def as_line(typed: str) -> str:
    """The line that `typed` gives in a shell: backspace, ^W and ^U take back; arrows and controls are left out.

    What a shell completes or brings back from its history is not in it: that only the screen shows.
    """
    text = _KEYS.sub("", typed)
    if not _TAKES_BACK.search(text):
        return text
    line = ""
    for part in re.split(r"([\b\x7f\x15\x17])", text):
        if part == "\x15":
            line = ""
        elif part == "\x17":
            line = _LAST_WORD.sub("", line)
        elif part in ("\b", "\x7f"):
            line = line[:-1]
        else:
            line += part
    return line
