"""JSON values out of a file of any size, with bounded memory: one to a line, or one document that holds many."""

import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

MAX_VALUE_BYTES = 16 << 20
"""Of a line, or of one element of a document. An event has at most about 3 MiB: twice what etcd takes as an object."""

_CHUNK = 1 << 20
_OF_INTEREST = (b"exec", b"attach", b"ephemeralcontainers")
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["\[\]{}]', re.S)
_LISTS = re.compile(rb'"(?:events|logEvents|records|entries|items|value)"')
_decode = json.JSONDecoder().raw_decode


class Values:
    """Iterates over the values of a file. `unreadable` counts the lines and elements that are none, or too long.

    Of lines that cannot speak of an exec only the first and the last are given: they tell which time is covered.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.unreadable = 0

    def __iter__(self) -> Iterator[Any]:
        line = self._line()
        while line is not None and not line.strip():
            line = self._line()
        if line is None:
            return
        if _begins_a_document(line):
            yield from self._document(line)
        else:
            yield from self._lines(line)

    def _line(self) -> bytes | None:
        """The next line; its beginning if it is too long; None at the end."""
        return self._file.readline(MAX_VALUE_BYTES) or None

    def _lines(self, first: bytes) -> Iterator[Any]:
        line: bytes | None = first
        last = b""
        is_first = True
        while line is not None:
            if len(line) == MAX_VALUE_BYTES and not line.endswith(b"\n"):
                self.unreadable += 1
                while line is not None and not line.endswith(b"\n"):
                    line = self._line()
                last = b""
            elif is_first or any(word in line for word in _OF_INTEREST):
                yield from self._of_line(line)
                last, is_first = b"", False
            elif not line.isspace():
                last = line
            line = self._line() if line is not None else None
        yield from self._of_line(last) if last else ()

    def _of_line(self, line: bytes) -> Iterator[Any]:
        """The values of a line; what a log has put before the first (a time, a stream's name) is passed over."""
        text = line.decode("utf-8", "surrogateescape").strip()
        at = 0 if text[:1] in ("{", "[") else max(text.find("{"), 0)
        while at < len(text):
            try:
                value, at = _decode(text, at)
            except (ValueError, RecursionError):
                self.unreadable += 1
                return
            yield value
            while at < len(text) and text[at] in " \t,":
                at += 1

    def _document(self, begin: bytes) -> Iterator[Any]:
        """The objects of a document: those of its outer list, or of a list of events in its outer object."""
        data, at = begin, 0
        depth: list[int] = []  # the brackets that are open
        start = inside = -1  # where the element begins that is being read, and how many brackets are open around it
        key = b""
        more = True
        while more:
            chunk = self._file.read(_CHUNK)
            more = bool(chunk)
            data += chunk
            while token := _TOKEN.search(data, at):
                found = token[0]
                if found == b'"':  # a string that goes on in the next chunk
                    at = token.start()
                    break
                at = token.end()
                if len(found) > 1:
                    key = found if len(depth) == 1 else key
                elif found in b"{[":
                    is_list = found == b"[" and (not depth or (depth == [123] and _LISTS.fullmatch(key)))
                    if is_list:
                        start = inside = -1
                    elif inside < 0 and found == b"{":
                        start, inside = token.start(), len(depth)
                    depth.append(found[0])
                elif depth:
                    depth.pop()
                    if len(depth) == inside:
                        yield from self._element(data[start:at]) if start >= 0 else ()
                        start = inside = -1
            else:
                at = len(data)
            keep = min(start if start >= 0 else at, at)
            data, at, start = data[keep:], at - keep, start - keep if start >= 0 else start
            if len(data) > MAX_VALUE_BYTES:
                self.unreadable += 1
                data, at, start = data[at:], 0, -1  # read on, to where it ends
                if len(data) > MAX_VALUE_BYTES:  # a string without an end
                    return
        self.unreadable += start >= 0

    def _element(self, data: bytes) -> Iterator[Any]:
        try:
            yield json.loads(data.decode("utf-8", "surrogateescape"))
        except (ValueError, RecursionError):
            self.unreadable += 1


def _begins_a_document(line: bytes) -> bool:
    text = line.strip()
    if text[:1] not in (b"{", b"["):
        return False
    return len(line) == MAX_VALUE_BYTES or text[-1:] in (b"{", b"[", b",", b":")
