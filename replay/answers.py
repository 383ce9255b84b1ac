"""Finds in a terminal's output what is meant for the terminal of who looks at it, not for the eye.

The clipboard (OSC 52), and queries whose answer is what the output itself chose, so that it is typed into the shell:
the title (CSI 20 t, 21 t), the answer-back message (ENQ), settings and capabilities (DECRQSS, XTGETTCAP) that do not
exist. Not what programs ask every day: what terminal it is, where the cursor stands, colours, settings that do exist.
Source: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
"""

import re

CLIPBOARD, ANSWER = "clipboard", "answer_back"

_END = rb"(?:\x1b\\|\xc2\x9c|\x07)"
# Each alternative begins with a byte of its own: only then `re` looks for these bytes first, six times as quickly.
_SEQUENCE = re.compile(
    rb"\x1b(?:\](52;)|\[2[01]t"
    rb'|P[01]?\$q(?!(?:[mrst]|\$[|}~]|\*[x|]| q|"[pq]|\)\{|,\|)' + _END + rb")"
    rb"|P\+q(?![0-9A-Fa-f;]*" + _END + rb"))"
    rb"|\xc2(?:\x9d(52;)|\x9b2[01]t)"
    rb"|\x05"
)
_ESC_PARTS = (b"\x1bP", b"\x1b]52;", b"\x1b[20t", b"\x1b[21t")
_C1_PARTS = (b"\xc2\x9d52;", b"\xc2\x9b20t", b"\xc2\x9b21t")

_UNFINISHED = re.compile(
    rb"\x1b(?:\](?:52?)?|\[(?:2[01]?)?|P[^\x1b\x07]{0,200}\x1b?)?\Z|\xc2(?:\x9d(?:52?)?|\x9b(?:2[01]?)?)?\Z"
)
_LOOK_BACK = 256


class Answers:
    """One terminal's output, piece by piece."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[str]:
        """The kinds of what is found in `data`, each as often as it is there."""
        data, self._held = self._held + data, b""
        if unfinished := _UNFINISHED.search(data, max(len(data) - _LOOK_BACK, 0)):
            data, self._held = data[: unfinished.start()], data[unfinished.start() :]
        return _kinds(data)

    def close(self) -> list[str]:
        """What is found at the end of the stream."""
        data, self._held = self._held, b""
        return _kinds(data)


def _may_have(data: bytes) -> bool:
    """Whether anything can be found: a look for fixed bytes is quicker than the expression."""
    if b"\x05" in data:
        return True
    if b"\x1b" in data and any(part in data for part in _ESC_PARTS):
        return True
    return b"\xc2" in data and any(part in data for part in _C1_PARTS)


def _kinds(data: bytes) -> list[str]:
    if not _may_have(data):
        return []
    return [CLIPBOARD if found[1] or found[2] else ANSWER for found in _SEQUENCE.finditer(data)]
