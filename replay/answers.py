"""Finds in a terminal's output what is meant for the terminal of who looks at it, not for the eye.

The clipboard (OSC 52), and queries whose answer is what the output itself chose, so that it is typed into the shell:
the title (CSI 20 t, 21 t), the answer-back message (ENQ), settings and capabilities (DECRQSS, XTGETTCAP) that do not
exist. Not what programs ask every day: what terminal it is, where the cursor stands, colours, settings that do exist.
Source: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html

A sequence has many spellings that work: zeros before a number, more numbers after it, and controls in between, which
are carried out at once or ignored (https://vt100.net/emu/dec_ansi_parser).
"""

import re

CLIPBOARD, ANSWER = "clipboard", "answer_back"

_BETWEEN = bytes(code for code in (*range(0x20), 0x7F) if code not in b"\x18\x1a\x1b")
"""The controls that may be within a sequence: CAN, SUB and ESC end it, and BEL an OSC."""


def _spelled(pattern: bytes) -> bytes:
    """`pattern` with these controls in place of each `_` (in a set of bytes), and of each `~` without BEL."""
    return pattern.replace(b"_", re.escape(_BETWEEN)).replace(b"~", re.escape(_BETWEEN.replace(b"\x07", b"")))


_CLIPBOARD = _spelled(rb"[0~]*5[~]*2[~]*(;)")
_TITLE = _spelled(rb"[0_]*2[_]*[01][_]*(?:[;:][0-9;:_]*)?t")
# From `q` on every byte counts: what is asked for.
_END = rb"(?:\x1b{1,2}\\|\xc2\x9c|\x07)"
"""ST, or BEL for it; with two ESC as within what tmux passes through."""
_ASKED = (
    (_spelled(rb"[0-9;:_]*(?:\$[_]*q") + rb'(?!(?:[mrst]|\$[|}\x7e]|\*[x|]| q|"[pq]|\)\{|,\|)' + _END + rb")")
    + (_spelled(rb"|\+[_]*q") + rb"(?![0-9A-Fa-f;]*" + _END + rb"))")
)  # fmt: skip
_SEQUENCE = re.compile(
    (_spelled(rb"\x1b[_]*(?:\]") + _CLIPBOARD + rb"|\[" + _TITLE + rb"|P" + _ASKED + rb")")
    + (rb"|\xc2(?:\x9d" + _CLIPBOARD + rb"|\x9b" + _TITLE + rb"|\x90" + _ASKED + rb")")
)

_IGNORED = _BETWEEN + b"0"
_ESC_PARTS = (b"\x1bP", b"\x1b]52;", b"\x1b[21", b"\x1b[2t", b"\x1b[2;", b"\x1b[2:")
_C1_PARTS = (b"\xc2\x90", b"\xc2\x9d52;", b"\xc2\x9b21", b"\xc2\x9b2t", b"\xc2\x9b2;", b"\xc2\x9b2:")
"""One of these has each of the sequences, once what is ignored is taken out."""

_UNFINISHED = re.compile(
    _spelled(
        rb"(?:\x1b[_]*(?:\]([0-9;:~]*)|[\[P]([0-9;:_]*))?"
        rb"|\xc2(?:\x9d([0-9;:~]*)|[\x9b\x90]([0-9;:_]*))?)\Z"
    )
)
_UNFINISHED_STRING = re.compile(
    _spelled(rb"(?:\x1b[_]*P|(\xc2\x90))[0-9;:_]*([$+])[_]*(q[^\x1b\x07]{0,200}\x1b{0,2})?\Z")
)
_TELLING = 8
"""Bytes of the numbers, without zeros before, that tell whether a sequence is one of these."""


class Answers:
    """One terminal's output, piece by piece. Of an unfinished sequence it keeps at most a few hundred bytes."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[str]:
        """The kinds of what is found in `data`, each as often as it is there."""
        asked = [ANSWER] * data.count(b"\x05")
        data, self._held = self._held + data, b""
        begun = data.rstrip(b"\x1b")  # what ends a string may have come in part
        if unfinished := _UNFINISHED_STRING.match(data, max(begun.rfind(b"\x1b"), begun.rfind(b"\xc2\x90"), 0)):
            self._held = (unfinished[1] or b"\x1bP") + unfinished[2] + (unfinished[3] or b"")
        elif unfinished := _UNFINISHED.match(data, max(data.rfind(b"\x1b"), data.rfind(b"\xc2"), 0)):
            self._held = _shortened(unfinished)
        return asked + _found(data[: unfinished.start()] if unfinished else data)

    def close(self) -> list[str]:
        """What is found at the end of the stream."""
        data, self._held = self._held, b""
        return _found(data)


def _shortened(unfinished: re.Match[bytes]) -> bytes:
    """The same sequence as far as it matters, however long somebody has made it."""
    kind = unfinished.lastindex
    if not kind:
        return unfinished[0][:1]
    begun = unfinished[0][: unfinished.start(kind) - unfinished.start()]
    numbers = unfinished[kind].translate(None, _BETWEEN).lstrip(b"0")
    return begun.translate(None, _BETWEEN) + numbers[:_TELLING]


def _may_have(data: bytes) -> bool:
    """Whether anything can be found: a look for fixed bytes is quicker than the expression."""
    escapes, controls = b"\x1b" in data, b"\xc2" in data
    if not escapes and not controls:
        return False
    plain = data.translate(None, _IGNORED)
    if escapes and any(part in plain for part in _ESC_PARTS):
        return True
    return controls and any(part in plain for part in _C1_PARTS)


def _found(data: bytes) -> list[str]:
    if not _may_have(data):
        return []
    return [CLIPBOARD if found[1] or found[2] else ANSWER for found in _SEQUENCE.finditer(data)]
