"""Finds lines in a stream of bytes that comes in pieces: what lies across two pieces is found as well."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import NamedTuple

from replay.search.hit import Line, excerpt, short
from replay.search.pattern import Pattern, Span

_BATCH = 256 << 10
"""Bytes that are searched at once; of a line that is longer, so much is taken for a line ..."""
_OVERLAP = 4 << 10
"""... and what follows begins with the last bytes of it, so that no match of this length is cut in two."""


class Found(NamedTuple):
    """A line that matches, and the time of the piece that brought the end of the match."""

    time: int
    line: Line


class LineSearch:
    """Takes pieces and gives the lines that match, once they are whole. Keeps less than 1 MiB.

    A line ends with LF or CR LF. `context` is the number of lines to give before and after. A line matches also if
    its `variant` does, and is shown as that then. `cols` are the columns of the terminal, if it is one.
    """

    def __init__(
        self, pattern: Pattern, context: int = 0, variant: Callable[[str], str] | None = None, cols: int = 0
    ) -> None:
        self._pattern, self._context, self._variant, self._cols = pattern, context, variant, cols
        self._held = bytearray()
        self._base = 0
        """Bytes of the stream before those held."""
        self._overlap = 0
        """Bytes of those held that have been searched already."""
        self._offsets: list[int] = []
        self._times: list[int] = []
        self._before: list[str] = []
        self._waiting: list[Found] = []
        """What lacks lines after it."""

    def feed(self, data: bytes, time: int) -> Iterator[Found]:
        """Takes a piece that came at `time`."""
        if not self._times or self._times[-1] != time:
            self._offsets.append(self._base + len(self._held))
            self._times.append(time)
        if data[:1] == b"\n" and self._held[-1:] == b"\r":
            del self._held[-1:]
        self._held += data.replace(b"\r\n", b"\n")
        if len(self._held) >= _BATCH:
            yield from self._search(self._held.rfind(b"\n") + 1 or len(self._held))

    def end(self) -> Iterator[Found]:
        """Ends the text: the stream does, or there is a hole in it."""
        yield from self._search(len(self._held))
        self._forget(len(self._held), overlap=0)
        yield from self._waiting
        self._waiting, self._before = [], []

    def _search(self, cut: int) -> Iterator[Found]:
        """Searches what is held up to `cut`, and keeps only what a line may yet need."""
        data = bytes(self._held[:cut])
        whole = data.endswith(b"\n")
        text = data.decode("utf-8", "surrogateescape").removesuffix("\n")
        yield from self._settle(text)
        if data and len(data) > self._overlap:
            found = [*self._in_text(text), *self._in_bytes(data)]
            found.sort(key=lambda one: one[0])
            for start, end, time, line in found:
                if self._context:
                    line.before = self._lines_before(text, start)
                    line.after = _lines_after(text, end, self._context)
                one = Found(time, line)
                if self._context and len(line.after) < self._context:
                    self._waiting.append(one)
                else:
                    yield one
        if self._context:
            self._before = self._lines_before(f"{text}\n", len(text) + 1)
        kept = 0 if whole else min(_OVERLAP, len(data))
        self._forget(cut - kept, kept)

    def _forget(self, count: int, overlap: int) -> None:
        del self._held[:count]
        self._base += count
        self._overlap = overlap
        first = max(bisect_right(self._offsets, self._base) - 1, 0)
        del self._offsets[:first], self._times[:first]

    def _in_text(self, text: str) -> Iterator[tuple[int, int, int, Line]]:
        if self._variant:
            yield from self._in_variants(text, self._variant)
            return
        in_bytes = _Bytes(text)
        for span in self._pattern.lines(text):
            line = text[span.start : span.end]
            place = self._not_again(span, line)
            if place:
                time = self._time(in_bytes.of(span.start + place[1]))
                yield span.start, span.end, time, excerpt(line, *place, self._cols)

    def _not_again(self, span: Span, line: str) -> tuple[int, int] | None:
        """The first match in a line that does not lie within what was searched before."""
        if span.start or not self._overlap:
            return span.match_start, span.match_end
        again = bytes(self._held[: self._overlap]).decode("utf-8", "surrogateescape")
        return self._pattern.find(line, beyond=len(again))

    def _in_variants(self, text: str, variant: Callable[[str], str]) -> Iterator[tuple[int, int, int, Line]]:
        start, in_bytes = 0, _Bytes(text)
        for line in text.split("\n"):
            end = start + len(line)
            for shown in dict.fromkeys((variant(line), line)):
                if place := self._pattern.find(shown):
                    yield start, end, self._time(in_bytes.of(end) + 1), excerpt(shown, *place)  # when it was ended
                    break
            start = end + 1

    def _in_bytes(self, data: bytes) -> Iterator[tuple[int, int, int, Line]]:
        for span in self._pattern.byte_lines(data):
            line, at, to = data[span.start : span.end], span.match_start, span.match_end
            parts = [part.decode("utf-8", "backslashreplace") for part in (line[:at], line[at:to], line[to:])]
            first = len(parts[0])
            start, end = (len(data[:n].decode("utf-8", "surrogateescape")) for n in (span.start, span.end))
            yield start, end, self._time(span.start + to), excerpt("".join(parts), first, first + len(parts[1]))

    def _time(self, end: int) -> int:
        """When the byte before `end`, of those held, came."""
        return self._times[max(bisect_right(self._offsets, self._base + max(end - 1, 0)) - 1, 0)]

    def _lines_before(self, text: str, start: int) -> list[str]:
        lines: list[str] = []
        while start > 0 and len(lines) < self._context:
            begin = text.rfind("\n", 0, start - 1) + 1
            lines.insert(0, short(text[begin : start - 1]))
            start = begin
        lacking = self._context - len(lines)
        return [*self._before[-lacking:], *lines] if lacking else lines

    def _settle(self, text: str) -> Iterator[Found]:
        """Gives the lines of `text` to what waits for them."""
        if not self._waiting:
            return
        lines = [short(line) for line in text[: self._context << 12].split("\n")[: self._context]]
        for one in self._waiting:
            one.line.after.extend(lines[: self._context - len(one.line.after)])
        yield from (one for one in self._waiting if len(one.line.after) >= self._context)
        self._waiting = [one for one in self._waiting if len(one.line.after) < self._context]


def _lines_after(text: str, end: int, count: int) -> list[str]:
    lines: list[str] = []
    while end < len(text) and len(lines) < count:
        stop = text.find("\n", end + 1)
        stop = len(text) if stop < 0 else stop
        lines.append(short(text[end + 1 : stop]))
        end = stop
    return lines


class _Bytes:
    """Tells how many bytes the beginning of a text takes; asked for ever later places, it counts each once."""

    def __init__(self, text: str) -> None:
        self._text, self._ascii = text, text.isascii()
        self._chars = self._bytes = 0

    def of(self, chars: int) -> int:
        if self._ascii:
            return chars
        part = self._text[self._chars : chars]
        self._chars, self._bytes = chars, self._bytes + len(part.encode("utf-8", "surrogateescape"))
        return self._bytes
