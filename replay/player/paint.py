"""From frames to bytes for a terminal: of two that follow each other only what differs."""

from replay.player.view import Frame
from replay.screen.screen import Row, Screen

ENTER = b"\x1b[?1049h\x1b[?7l\x1b[2J"
LEAVE = b"\x0f\x1b(B\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"


def _row(row: Row) -> str:
    return "".join(f"\x1b[{span.style}m{span.text}\x1b[0m" if span.style else span.text for span in row)


class Painter:
    """Remembers what the terminal shows. `encoding` is what it understands."""

    def __init__(self, encoding: str) -> None:
        self._encoding = "utf-8" if encoding.lower().replace("-", "") == "utf8" else "ascii"
        self._before: tuple[Row, ...] = ()
        self._cursor: tuple[int, int] | None = (-1, -1)

    def forget(self) -> bytes:
        """The terminal may show anything: the next frame is drawn whole."""
        self._before, self._cursor = (), (-1, -1)
        return b"\x1b[0m\x1b[2J"

    def paint(self, frame: Frame) -> bytes:
        """What turns the frame before into this one."""
        if len(frame.rows) != len(self._before):
            self._before = ()
        changed = [
            f"\x1b[{at + 1};1H{_row(row)}\x1b[K"
            for at, row in enumerate(frame.rows)
            if not self._before or row != self._before[at]
        ]
        if not changed and frame.cursor == self._cursor:
            return b""
        self._before, self._cursor = frame.rows, frame.cursor
        cursor = f"\x1b[{frame.cursor[1] + 1};{frame.cursor[0] + 1}H\x1b[?25h" if frame.cursor else ""
        return ("\x1b[?25l" + "".join(changed) + cursor).encode(self._encoding, "replace")


def lines(screen: Screen) -> str:
    """The screen as lines with colours, without empty ones at the end."""
    rows = list(screen.rows)
    while rows and not "".join(span.text for span in rows[-1]).strip():
        rows.pop()
    return "".join(f"{_row(row)}\n" for row in rows)
