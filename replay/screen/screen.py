"""A screen as data: rows of text in styles, safe to print."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from replay.screen.protocol import CURSOR

_SGR = re.compile(r"\x1b\[([0-9;:]*)m")
_MAX_STYLE = 256


class Span(NamedTuple):
    """Text in one style: the parameters of an SGR sequence, such as "1;38;5;1", empty for none."""

    style: str
    text: str


Row = tuple[Span, ...]


@dataclass(frozen=True)
class Screen:
    """What a terminal shows. `cursor` is (column, row) from 0, None if hidden. `note` says what is wrong with it."""

    size: tuple[int, int]
    """Rows, columns."""
    rows: tuple[Row, ...]
    cursor: tuple[int, int] | None = None
    alternate: bool = False
    note: str = ""

    @property
    def lines(self) -> list[str]:
        """The rows as plain text, without blanks at their ends."""
        return ["".join(span.text for span in row).rstrip() for row in self.rows]

    @property
    def text(self) -> str:
        """The rows as lines, without empty ones at the end."""
        return "\n".join(self.lines).rstrip("\n")


def drawn(text: str) -> str:
    """`text` with what does not draw (controls, bidi overrides, zero-width characters) replaced or left out."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _instead(c) for c in text)


def _instead(char: str) -> str:
    return " " if char in "\t\xa0\u3000" or char.isspace() else ""


def parse(answer: bytes, size: tuple[int, int], note: str = "") -> Screen:
    """The screen that the emulator's answer to SHOW describes."""
    column, row, shown, alternate = CURSOR.unpack(answer[: CURSOR.size])
    text = answer[CURSOR.size :].decode("utf-8", "replace")
    style = ""
    rows = []
    for line in text.split("\r\n")[: size[0]]:
        spans = []
        parts = _SGR.split(line)
        for at, part in enumerate(parts):
            if at % 2:
                style = _after(style, part)
            elif part:
                spans.append(Span(style, drawn(part)))
        rows.append(tuple(spans))
    return Screen(size, tuple(rows), (column, row) if shown else None, bool(alternate), note)


def _after(style: str, parameters: str) -> str:
    if parameters in ("", "0"):
        return ""
    return f"{style};{parameters}" if style and len(style) < _MAX_STYLE else parameters
