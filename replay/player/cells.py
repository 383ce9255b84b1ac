"""Text in cells: how wide it is, cutting it to a width, and marking what a search found."""

import itertools
import unicodedata

from replay.player.expression import Expression
from replay.screen.screen import Row, Span


def width(text: str) -> int:
    """How many columns `text` takes."""
    return len(text) if text.isascii() else sum(map(_width, text))


def _width(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, columns: int) -> str:
    """As much of `text` as fits into `columns`."""
    if text.isascii():
        return text[: max(columns, 0)]
    for at, char in enumerate(text):
        columns -= _width(char)
        if columns < 0:
            return text[:at]
    return text


def cropped(row: Row, columns: int) -> Row:
    """As much of `row` as fits into `columns`."""
    found = []
    for span in row:
        text = cut(span.text, columns)
        columns -= width(text)
        if text:
            found.append(Span(span.style, text))
        if text != span.text:
            break
    return tuple(found)


def marked(row: Row, pattern: Expression) -> Row:
    """`row` with what `pattern` matches in reverse video."""
    text = "".join(span.text for span in row)
    hits = pattern.spans(text)
    if not hits:
        return row
    edges = sorted({edge for hit in hits for edge in hit})
    spans, at = [], 0
    for span in row:
        end = at + len(span.text)
        places = [at, *(edge for edge in edges if at < edge < end), end]
        for start, stop in itertools.pairwise(places):
            inside = any(first <= start < last for first, last in hits)
            style = f"{span.style};30;43".lstrip(";") if inside else span.style
            spans.append(Span(style, text[start:stop]))
        at = end
    return tuple(spans)
