"""Makes what an attacker may have chosen safe to show: the one place where tables, JSON and YAML escape.

What Python calls printable (`str.isprintable`) passes: no control characters, no ESC, no C1, no bidi
overrides, no zero-width or unassigned characters, no line separators. All else becomes an escape.
"""

import re
import shlex
from collections.abc import Callable

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_SUSPECT = re.compile(
    r"[^ -~\xa1-\xac\xae-\u0377\u0400-\u052f\u1e00-\u1eff\u2500-\u257f\u4e00-\u9fa5\uac00-\ud7a3\ufffd]"
)
"""Characters that must be looked at. Of the others each is printable, in any version of Unicode that Python knows."""

_PLAIN_WORD = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
_QUOTED = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\e", "\a": "\\a"}


def text(value: object) -> str:
    r"""`value` as text, still unescaped; each byte that is not UTF-8 becomes `\xNN` (lower case).

    Takes bytes, the str of a header (which may hold surrogate escapes), or any number.
    """
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def is_exact(value: bytes) -> bool:
    """Whether `text(value)` is exactly `value`, nothing having been written as an escape."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _escape(line: str, escape_one: Callable[[str], str]) -> str:
    if line.isprintable():
        return line
    return _SUSPECT.sub(lambda found: c if (c := found[0]).isprintable() else escape_one(c), line)


def _code(char: str) -> str:
    # \x is for bytes; below 0x80 a byte and a character are the same.
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"


def printable(value: object) -> str:
    r"""`value` as one line that only draws: newline, ESC, bidi override become `\n`, `\x1b`, `\u202e`."""
    if isinstance(value, str) and value.isprintable():
        return value
    return _escape(text(value), lambda c: _NAMED.get(c) or _code(c))


def lines(text: str) -> str:
    """`text`, which is not of control characters, with its lines and tabs, and all else that only draws."""
    return text if text.isascii() else _SUSPECT.sub(_in_lines, text)


def _in_lines(found: re.Match[str]) -> str:
    char = found[0]
    return char if char.isprintable() or char in "\n\t" else _code(char)


def shell_word(word: bytes) -> str:
    """`word` as a shell would need it typed to get these very bytes: bare, in '…', or in bash's $'…'."""
    try:
        plain = word.decode()
    except UnicodeDecodeError:
        plain = ""
    if plain and _PLAIN_WORD.fullmatch(plain):
        return plain
    if plain.isprintable() and (plain or not word):
        return shlex.quote(plain)
    quoted = []
    for char in word.decode("utf-8", "surrogateescape"):
        if "\udc80" <= char <= "\udcff":
            # Three digits of octal: \x takes what follows it, in some shells without end.
            quoted.append(f"\\{ord(char) - 0xDC00:03o}")
        elif named := _QUOTED.get(char):
            quoted.append(named)
        elif char.isprintable():
            quoted.append(char)
        elif ord(char) < 0x80:
            quoted.append(f"\\{ord(char):03o}")
        else:
            quoted.append(_code(char))
    return f"$'{''.join(quoted)}'"


def shell_line(argv: tuple[bytes, ...]) -> str:
    """The words of `argv` as one command line for a shell, safe to print."""
    return " ".join(map(shell_word, argv))


def _json_one(char: str) -> str:
    code = ord(char)
    if code < 1 << 16:
        return f"\\u{code:04x}"
    code -= 1 << 16
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def json_line(line: str) -> str:
    """A line of JSON with what could do harm on a terminal as JSON escapes: it means the same."""
    return _escape(line, _json_one)


def yaml_line(line: str) -> str:
    """The same for a line of YAML whose unprintable strings are all in double quotes."""
    return _escape(line, lambda c: _code(c) if ord(c) >= 0x80 else f"\\x{ord(c):02x}")
