"""The safe filter: of recorded terminal output, passes what draws and drops what talks to the terminal.

An allow-list. It passes text (valid UTF-8), cursor movement, erasing, insertion, scrolling, SGR,
charsets, the alternate screen and a few modes, and drops everything else, whole: OSC, DCS, APC, PM
and SOS with their payload (title, clipboard, hyperlinks, key bindings, palettes), queries that make
the terminal type an answer, mouse and paste modes, printing, erasing of the scrollback. Sequences
are delimited as in Paul Williams' parser (https://vt100.net/emu/dec_ansi_parser): ESC, CAN and SUB end
any of them. Where terminals differ, more of the recording is shown rather than less.
"""

import re

_MAX_SEQUENCE = 256
"""Bytes of parameters that a sequence may have; of a longer one nothing passes."""
_MAX_NUMBER = 9999
_MAX_PARAMETERS = 32
_MAX_REPEAT = 1000
"""REP (CSI b) prints a character again this often at most: a few bytes must not stall a terminal."""
_CACHE_ENTRIES = 4096

_PLAIN = bytes([*range(0x20, 0x7F), *b"\b\t\n\v\f\r\x0e\x0f"])
"""Printable ASCII, the controls that move the cursor, and SO and SI, which switch charsets."""

_UTF8 = rb"""
    [\xc3-\xdf][\x80-\xbf] | \xc2[\xa0-\xbf]            # U+0080 to U+009F are C1 controls
  | \xe0[\xa0-\xbf][\x80-\xbf] | [\xe1-\xec\xee\xef][\x80-\xbf]{2} | \xed[\x80-\x9f][\x80-\xbf]
  | \xf0[\x90-\xbf][\x80-\xbf]{2} | [\xf1-\xf3][\x80-\xbf]{3} | \xf4[\x80-\x8f][\x80-\xbf]{2} """

_UTF8_UNFINISHED = rb"""(?: [\xc2-\xf4]
  | \xe0[\xa0-\xbf] | [\xe1-\xec\xee\xef][\x80-\xbf] | \xed[\x80-\x9f]
  | \xf0[\x90-\xbf][\x80-\xbf]? | [\xf1-\xf3][\x80-\xbf]{1,2} | \xf4[\x80-\x8f][\x80-\xbf]? ) \Z"""

# Groups: 1 text, 2 and 3 CSI, 4 the end of an OSC, 5 that of other strings, 6 and 7 other sequences,
# 8 a character that the end of the piece cuts off, 9 bad bytes.
# What is most common (text, colours, erasing the rest of a line) passes in runs: a call for each would be slow.
_TOKEN = re.compile(
    rb"( (?: [\x20-\x7e\b-\r\x0e\x0f]+ |"
    + _UTF8
    + rb"| \x1b\[ [0-9]{0,3} (?: ;[0-9]{1,3}){0,6} m | \x1b\[ [0-2]? K )+"
    + rb""")
  | \x1b+ (?=\x1b)
  | \x1b\[ ([\x20-\x3f]*) ([\x40-\x7e]?)
  | \x1b\] [^\x07\x18\x1a\x1b]* ([\x07\x18\x1a]?)
  | \x1b[PX^_] [^\x18\x1a\x1b]* ([\x18\x1a]?)
  | \x1b ([\x20-\x2f]*) ([\x30-\x7e]?)
  | \xc2[\x80-\x9f]
  | ("""
    + _UTF8_UNFINISHED
    + rb""")
  | ([\x80-\xff])
  | [\x00-\x07\x10-\x1f\x7f]""",
    re.X,
)

# What most output is made of: text between these. A look at all of it at once is twice as quick as one at each token.
_COMMON = re.compile(
    rb"\x1b\[(?:[0-9]{0,3}(?:;[0-9]{1,3}){0,6}m|[0-2]?[JK]"
    rb"|[0-9]{0,3}[@A-GILMPSTXZ`adefg]|[0-9]{0,3}(?:;[0-9]{0,3})?[Hfr])"
)
_HIGH = bytes(range(0x80, 0x100))
_C1 = re.compile(rb"\xc2[\x80-\x9f]")

_IN_CONTROL = re.compile(rb"[\x20-\x3f]*([\x40-\x7e]?)")
_IN_ESCAPE = re.compile(rb"[\x20-\x2f]*([\x30-\x7e]?)")
_IN_OSC = re.compile(rb"[^\x07\x18\x1a\x1b]*([\x07\x18\x1a]?)")
_IN_STRING = re.compile(rb"[^\x18\x1a\x1b]*([\x18\x1a]?)")
"""The rest of a sequence that is dropped; group 1 is what ends it. An ESC ends it too, and begins another."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}".encode()

_ESCAPES = re.compile(rb"[78DEMHc]|#[3-68]|[()*+][0AB]")
"""DECSC, DECRC, IND, NEL, RI, HTS, RIS; line sizes and DECALN; line drawing, British and ASCII charsets."""

_NUMBERS = re.compile(rb"[0-9;]*")
_SGR = re.compile(rb"[0-9;:]*")
_MOVES = frozenset(b"@ABCDEFGHILMPSTXZ`abdefgr")
_MODES = frozenset([4])
_PRIVATE_MODES = frozenset([5, 6, 7, 25, 47, 1047, 1048, 1049])
"""Reverse video, origin, autowrap, cursor, alternate screen; of the others none draws."""


def _bounded(parameters: bytes, most: int = _MAX_NUMBER) -> list[bytes]:
    return [p if len(p) < 4 else b"%d" % min(int(p[:9]), most) for p in parameters.split(b";")]


def _csi(parameters: bytes, final: bytes) -> bytes:
    """The control sequence as it may pass: itself, itself with smaller numbers, or nothing."""
    if len(parameters) > _MAX_SEQUENCE:
        return b""
    if final == b"m":
        whole = _SGR.fullmatch(parameters) and parameters.count(b";") < _MAX_PARAMETERS
        too_large = any(len(p) > 4 for p in re.split(rb"[;:]", parameters))
        return b"\x1b[" + parameters + b"m" if whole and not too_large else b""
    if final in b"hl":
        private = parameters[:1] == b"?"
        allowed = _PRIVATE_MODES if private else _MODES
        wanted = parameters[private:].split(b";")
        kept = [p for p in wanted if p.isdigit() and len(p) < 5 and int(p) in allowed]
        return b"\x1b[" + b"?" * private + b";".join(kept) + final if kept else b""
    if final in b"JK" and parameters in (b"", b"0", b"1", b"2", b"?", b"?0", b"?1", b"?2"):
        return b"\x1b[" + parameters + final  # not 3, which would erase the reader's scrollback
    if not _NUMBERS.fullmatch(parameters):
        return b""
    if final in b"su":
        return b"\x1b[" + final if not parameters else b""  # with parameters these are something else
    if final == b"b":
        return b"\x1b[" + _bounded(parameters, _MAX_REPEAT)[0] + b"b"
    if final[0] not in _MOVES:
        return b""
    numbers = _bounded(parameters)
    if len(numbers) > (2 if final in b"Hfr" else 1):
        return b""  # CSI T with five is mouse tracking
    return b"\x1b[" + b";".join(numbers) + final


def _is_harmless(data: bytes) -> bool:
    """Whether `data` is whole characters and common sequences only, so that all of it passes. False if in doubt."""
    if not data.translate(None, _PLAIN):
        return True
    text = _COMMON.sub(b" ", data)
    rest = text.translate(None, _PLAIN)
    if rest.translate(None, _HIGH):
        return False
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return not _C1.search(text)


class SafeFilter:
    """Filters a stream of bytes, in pieces of any size: how it is cut does not change what comes out.

    Keeps at most a few hundred bytes between calls.
    """

    def __init__(self) -> None:
        self._held = b""
        self._inside: re.Pattern[bytes] | None = None
        self._known: dict[bytes, bytes] = {}

    @property
    def between(self) -> bool:
        """Whether what it was fed ended between two characters or sequences."""
        return not self._held and not self._inside

    def feed(self, data: bytes) -> bytes:
        """What of `data` may pass; an unfinished sequence at its end is kept for the next call."""
        if self._held:
            data, self._held = self._held + data, b""
        if self._inside:
            data = self._skip(self._inside, data)
        if _is_harmless(data):
            return data
        return _TOKEN.sub(self._token, data)

    def _skip(self, rest: re.Pattern[bytes], data: bytes) -> bytes:
        """`data` after the rest of the dropped sequence within which it begins."""
        found = rest.match(data)
        assert found  # it matches nothing, too
        if found[1] or found.end() < len(data):
            self._inside = None
        return data[found.end() :]

    def _token(self, found: re.Match[bytes]) -> bytes:
        # Each alternative has groups of its own; lastindex is its last.
        kind = found.lastindex
        if kind == 3:
            return self._control(found)
        if kind == 1:
            return found[0]
        if kind == 7:
            return self._escape(found)
        if kind == 8:
            self._held = found[0]
            return b""
        if kind == 9:
            return b"" if found[0] < b"\xa0" else _REPLACEMENT
        if kind and not found[kind] and found.end() == len(found.string):
            self._inside = _IN_OSC if kind == 4 else _IN_STRING
        return b""

    def _control(self, found: re.Match[bytes]) -> bytes:
        whole = found[0]
        if not found[3]:
            return self._unfinished(found, _IN_CONTROL)
        passed = self._known.get(whole)
        if passed is None:
            if len(self._known) >= _CACHE_ENTRIES:
                self._known.clear()
            passed = self._known[whole] = _csi(found[2], found[3])
        return passed

    def _escape(self, found: re.Match[bytes]) -> bytes:
        if not found[7]:
            return self._unfinished(found, _IN_ESCAPE)
        return found[0] if _ESCAPES.fullmatch(found[6] + found[7]) else b""

    def _unfinished(self, found: re.Match[bytes], rest: re.Pattern[bytes]) -> bytes:
        """Drops a sequence that another byte cuts off; keeps one that the end of the piece cuts off."""
        if found.end() == len(found.string):
            if len(found[0]) <= _MAX_SEQUENCE + 2:
                self._held = found[0]
            else:
                self._inside = rest
        return b""
