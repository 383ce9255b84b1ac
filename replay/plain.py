r"""Terminal output as plain text: no control sequences at all, lines as they stood when they were left.

For pipes and files. Understands what shells and their line editors do within a line: \r, \b, moves to the
left and right, erasing, inserting and deleting characters. Of a full-screen program come the pieces of text
that it drew, a line each: where they lay takes a screen to tell.
"""

import re

from replay.safe import SafeFilter

_MAX_LINE = 1 << 16
"""Bytes after which a line is given out, ended or not."""

_STYLES = re.compile(rb"\x1b\[(?:[0-9;:]*m|0?K)")
"""Colours, and erasing to the right of where writing goes on, which erases nothing in a line that nobody edits."""
_EDITED = re.compile(r"[\x00-\x08\x0b-\x1f]")
_UNEDITED = bytes({*range(256)} - {*range(9), *range(11, 32)})
_SHOWN = bytes([*range(0x20, 0x7F), *b"\t\n"])
_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x08\x0b-\x1f]+)"
    r"|\x1b\[(?P<arguments>[0-9;:?]*)(?P<final>[@-~])|\x1b[()*+\#].|\x1b."
    r"|(?P<control>.)",
    re.S,
)


class PlainText:
    """Turns recorded output, in pieces of any size, into text."""

    def __init__(self) -> None:
        self._filter = SafeFilter()
        self._pending = b""

    def feed(self, data: bytes) -> str:
        """The lines that `data` completes."""
        end = data.rfind(b"\n") + 1
        if end and self._filter.between:
            flat = _flat(self._pending + data[:end])
            if not flat.translate(None, _SHOWN):  # the filter would pass all of it
                self._pending = b""
                return flat.decode() + self._feed(data[end:])
        return self._feed(data)

    def _feed(self, data: bytes) -> str:
        safe = self._filter.feed(data)
        if b"\n" not in safe and len(self._pending) + len(safe) < _MAX_LINE:
            self._pending += safe
            return ""
        # The filter gives out whole characters and sequences only, so any of its ends is a place to cut.
        *whole, last = (self._pending + safe).split(b"\n")
        self._pending = last
        ended = _lines(b"\n".join(whole) + b"\n") if whole else ""
        return ended if len(last) < _MAX_LINE else ended + self.flush()

    def flush(self) -> str:
        """What there is of a line that has not ended."""
        line, self._pending = self._pending, b""
        return _line(line)


def _flat(data: bytes) -> bytes:
    return _STYLES.sub(b"", data).replace(b"\r\n", b"\n")


def _lines(data: bytes) -> str:
    """Whole lines, most of which nobody has edited: those come out as they are, without their styles."""
    flat = _flat(data)
    if not flat.translate(None, _UNEDITED):
        return flat.decode("utf-8", "replace")
    found = []
    for line, whole in zip(flat.split(b"\n"), data.split(b"\n"), strict=True):
        found.append(_line(whole) if line.translate(None, _UNEDITED) else line.decode("utf-8", "replace"))
    return "\n".join(found)


def _line(data: bytes) -> str:
    text = data.decode("utf-8", "replace").rstrip("\r")
    if not _EDITED.search(text):
        return text
    line = _Line()
    for token in _TOKEN.finditer(text):
        if token["text"]:
            line.write(token["text"])
        elif token["final"]:
            line.control(token["final"], token["arguments"])
        elif token["control"] == "\b":
            line.move(-1)
        elif token["control"] == "\r":
            line.at = 0
    return line.text()


class _Line:
    """A line under the hands of a line editor."""

    def __init__(self) -> None:
        self.at = 0
        self._left: list[str] = []
        self._cells: list[str] = []

    def write(self, text: str) -> None:
        if self.at > len(self._cells):
            self._cells += " " * (self.at - len(self._cells))
        self._cells[self.at : self.at + len(text)] = text
        self.at += len(text)

    def move(self, by: int) -> None:
        self.at = min(max(self.at + by, 0), _MAX_LINE)

    def control(self, final: str, arguments: str) -> None:
        first = arguments.split(";")[0].strip("?")
        number = int(first) if first.isdigit() else 0
        count = max(number, 1)
        cells, at = self._cells, self.at
        if final in "CDa":
            self.move(-count if final == "D" else count)
        elif final in "G`":
            self.at = count - 1
        elif final == "K" or (final == "J" and number == 0):
            self._erase(number)
        elif final == "P":
            del cells[at : at + count]
        elif final == "@":
            cells[at:at] = " " * (count if at < len(cells) else 0)
        elif final == "X":
            cells[at : at + count] = " " * len(cells[at : at + count])
        elif final in "ABEFHdefJ":
            self._leave()

    def _erase(self, part: int) -> None:
        if part == 0:
            del self._cells[self.at :]
        else:
            upto = len(self._cells) if part == 2 else self.at + 1
            self._cells[:upto] = " " * len(self._cells[:upto])

    def _leave(self) -> None:
        """The cursor goes to another line of the screen: what is here stays as it is."""
        if line := "".join(self._cells).strip():
            self._left.append(line)
        self._cells, self.at = [], 0

    def text(self) -> str:
        return "\n".join([*self._left, "".join(self._cells).rstrip()])
