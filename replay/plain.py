r"""Terminal output as plain text: no control sequences at all, lines as they stood when they were left.

For pipes and files. Understands what shells and their line editors do within a line: \r, \b, moves to the
left and right, erasing, inserting and deleting characters. Of a full-screen program come the pieces of text
that it drew, a line each: where they lay takes a screen to tell. A line that the terminal wrapped is one line.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from recorder.log.events import Event
from replay.edited import MAX_COLS, EditedLine
from replay.fields import number
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
    """Turns recorded output, in pieces of any size, into text; `cols` are the columns of its terminal, if known."""

    def __init__(self, cols: int = 0) -> None:
        self._cols = MAX_COLS
        self.resize(cols)
        self._filter = SafeFilter()
        self._rows = b""
        """What stands before `_pending` in the same line, without the line ends that its editor has put between."""
        self._pending = b""

    def resize(self, cols: int) -> None:
        """The terminal has so many columns from the line on that has not ended; 0 tells nothing."""
        self._cols = min(cols, MAX_COLS) if cols > 0 else self._cols

    def feed(self, data: bytes) -> str:
        """The lines that `data` completes."""
        end = data.rfind(b"\n") + 1
        if end and self._filter.between and not self._rows:
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
        whole = self._joined(whole)
        ended = _lines(b"\n".join(whole) + b"\n", self._cols) if whole else ""
        return ended if len(last) < _MAX_LINE else ended + self.flush()

    def _joined(self, rows: list[bytes]) -> list[bytes]:
        """The lines that `rows` complete.

        At the margin, busybox's editor writes CR LF, of which the terminal makes CR CR LF: that ends no line. Nobody
        can tell what it writes if the command ends there, too: its first line of output then goes on in the same line.
        """
        found = []
        for row in rows:
            line = self._rows + row
            goes_on = row.endswith(b"\r\r") and len(line) < _MAX_LINE and _edited(_text(row), self._cols).is_at_margin
            self._rows = line.rstrip(b"\r") if goes_on else b""
            if not goes_on:
                found.append(line)
        return found

    def flush(self) -> str:
        """What there is of a line that has not ended."""
        line, self._rows, self._pending = self._rows + self._pending, b"", b""
        return _line(line, self._cols)


def _flat(data: bytes) -> bytes:
    return _STYLES.sub(b"", data).replace(b"\r\n", b"\n")


def _lines(data: bytes, cols: int) -> str:
    """Whole lines, most of which nobody has edited: those come out as they are, without their styles."""
    flat = _flat(data)
    if not flat.translate(None, _UNEDITED):
        return flat.decode("utf-8", "replace")
    found = []
    for line, whole in zip(flat.split(b"\n"), data.split(b"\n"), strict=True):
        found.append(_line(whole, cols) if line.translate(None, _UNEDITED) else line.decode("utf-8", "replace"))
    return "\n".join(found)


def _line(data: bytes, cols: int) -> str:
    text = _text(data)
    return _edited(text, cols).text() if _EDITED.search(text) else text


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").rstrip("\r")


def _edited(text: str, cols: int) -> EditedLine:
    line = EditedLine(cols)
    for token in _TOKEN.finditer(text):
        if token["text"]:
            line.write(token["text"])
        elif token["final"]:
            line.control(token["final"], token["arguments"])
        elif token["control"] == "\b":
            line.move(-1)
        elif token["control"] == "\r":
            line.go(0)
    return line


def sized(events: Iterable[Event], tty: int, resize: Callable[[int], None]) -> Iterator[Event]:
    """The same events; tells `resize` the columns of terminal `tty` as they change."""
    for event in events:
        if event.type in ("tty_open", "tty_resize") and number(event, "tty") == tty and tty:
            resize(number(event, "cols"))
        yield event
