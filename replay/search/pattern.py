"""What is looked for: a regular expression or fixed text, in lines of text and of bytes."""

import re
import warnings
from collections.abc import Iterator
from typing import NamedTuple

from replay.errors import WrongUsage
from replay.escape import printable

_MAX_PATTERN = 10_000
_MAY_CROSS_LINES = re.compile(r"\[\^|\\[sSWDnxZAN0]|\(\?")
"""In patterns without these nothing matches a line's end, so that many lines can be searched as one text."""

_NAMES_BYTES = re.compile(r"\\x[89a-fA-F]")


class Span(NamedTuple):
    """A line of a text, from `start` up to `end`, and the match in it, counted from the line's start."""

    start: int
    end: int
    match_start: int
    match_end: int


class Pattern:
    """A pattern that was compiled. `busy` is true while an expression runs, `calls` counts how often one ran."""

    def __init__(self, pattern: str, fixed: bool = False, ignore_case: bool = False) -> None:
        if len(pattern) > _MAX_PATTERN:
            raise WrongUsage(f"the pattern has {len(pattern):,} characters: give at most {_MAX_PATTERN:,}")
        self.busy = False
        self.calls = 0
        self._by_line = not fixed and bool(_MAY_CROSS_LINES.search(pattern))
        flags = re.MULTILINE | (re.IGNORECASE if ignore_case else 0)
        source = re.escape(pattern) if fixed else pattern
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what a later Python may take otherwise
                self._text = re.compile(source, flags)
                names_bytes = not fixed and source.isascii() and _NAMES_BYTES.search(source)
                self._bytes = re.compile(source.encode(), flags) if names_bytes else None
        except (re.error, OverflowError, RecursionError) as error:
            raise WrongUsage(f"{printable(pattern)} is no regular expression: {error}; -F takes it as text") from error

    def find(self, line: str, beyond: int = 0) -> tuple[int, int] | None:
        """Where in a line the first match is that ends beyond that place; any match, if it is 0."""
        at = 0
        while True:
            self.busy, self.calls = True, self.calls + 1
            found = self._text.search(line, at)
            self.busy = False
            if not found or not beyond or found.end() > beyond:
                return found.span() if found else None
            at = max(found.end(), at + 1)

    def lines(self, text: str) -> Iterator[Span]:
        """The lines of `text` that match, each line taken by itself."""
        if self._by_line:
            yield from self._each_line(text)
            return
        at = 0
        while at <= len(text):
            self.busy, self.calls = True, self.calls + 1
            found = self._text.search(text, at)
            self.busy = False
            if not found:
                return
            start = text.rfind("\n", at, found.start()) + 1 or at
            end = text.find("\n", found.start())
            end = len(text) if end < 0 else end
            if span := self.find(text[start:end]):
                yield Span(start, end, *span)
            at = end + 1

    def _each_line(self, text: str) -> Iterator[Span]:
        start = 0
        for line in text.split("\n"):
            if span := self.find(line):
                yield Span(start, start + len(line), *span)
            start += len(line) + 1

    def byte_lines(self, data: bytes) -> Iterator[Span]:
        """The same for bytes: only of a pattern that names bytes which no text has alone, such as \\xff."""
        if self._bytes is None:
            return
        start = 0
        for line in data.split(b"\n"):
            self.busy, self.calls = True, self.calls + 1
            found = self._bytes.search(line)
            self.busy = False
            if found:
                yield Span(start, start + len(line), *found.span())
            start += len(line) + 1
