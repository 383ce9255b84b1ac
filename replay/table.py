"""Columns as kubectl prints them: upper-case headers, three spaces between, nothing else."""

import unicodedata
from collections.abc import Iterable, Sequence

_GAP = "   "


def width(text: str) -> int:
    """Cells that `text`, which has no control characters, takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def columns(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The table as lines. The cells must be safe to print already; the last column is not padded."""
    table = [headers, *rows]
    widths = [max(map(width, column)) for column in zip(*table, strict=True)]
    return "".join(f"{_line(row, widths)}\n" for row in table)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell + " " * (wanted - width(cell)) for cell, wanted in zip(row, widths, strict=True)]
    return _GAP.join(cells).rstrip()
