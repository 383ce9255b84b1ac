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
    by_column = list(zip(*table, strict=True))
    widths = [max(map(width, column)) for column in by_column[:-1]]
    padded = [_padded(column, wanted) for column, wanted in zip(by_column, widths, strict=False)]
    return "".join(f"{_GAP.join(row).rstrip()}\n" for row in zip(*padded, by_column[-1], strict=True))


def _padded(column: Sequence[str], wanted: int) -> list[str]:
    if "".join(column).isascii():
        return [cell.ljust(wanted) for cell in column]
    return [cell + " " * (wanted - width(cell)) for cell in column]
