"""A terminal that shows recorded output whatever happens to the emulator behind it."""

from replay.plain import PlainText
from replay.safe import SafeFilter
from replay.screen import protocol
from replay.screen.emulator import Emulator, EngineDied
from replay.screen.screen import Screen, Span, drawn, parse

MAX_ROWS, MAX_COLS = 500, 1000
"""Cells are memory, and sizes are recorded: a hostile one is cut to this."""
DEFAULT_SIZE = (24, 80)

_WINDOW = 256 << 10
"""Bytes that may be on their way to the emulator: so many are looked through again when it dies."""
_STEP = 1 << 10
"""Bytes of these that are given up if they end it once more."""
_CHUNK = 64 << 10
_MAX_DEATHS = 32
_RESETS = (b"\x1bc", b"\x1b[2J", b"\x1b[?1049h")
"""After these a screen no longer depends on what was there before."""
_UNSURE = "the emulator failed here: the screen is incomplete until it is next cleared"
_WITHOUT = "the emulator failed too often: plain text from here on"


def bounded(rows: int, cols: int) -> tuple[int, int]:
    """A size that a terminal may have; for one that is not known, 24x80."""
    if rows <= 0 or cols <= 0:
        return DEFAULT_SIZE
    return min(rows, MAX_ROWS), min(cols, MAX_COLS)


class Display:
    """Takes recorded output as it is, lets through what draws, and shows it.

    The emulator's death is noticed, counted in `deaths`, and costs the bytes that caused it: a new one goes on,
    and until the screen is next cleared its `note` says so. If that happens too often, lines of plain text do.
    """

    def __init__(self, rows: int, cols: int, scrollback: bool = False) -> None:
        self.size = bounded(rows, cols)
        self.deaths = 0
        self._scrollback = scrollback
        self._safe = SafeFilter()
        self._window: list[bytes | tuple[int, int]] = []
        self._window_bytes = 0
        self._unsure = self._asked = False
        self._plain: PlainText | None = None
        self._lines: list[str] = []
        self._emulator = Emulator(*self.size, scrollback)

    @property
    def note(self) -> str:
        """What is wrong with what it shows, if anything."""
        return _WITHOUT if self._plain else _UNSURE if self._unsure else ""

    @property
    def pid(self) -> int:
        """Process ID of the emulator."""
        return self._emulator.pid

    def feed(self, data: bytes) -> None:
        """Takes recorded output."""
        for start in range(0, len(data), _CHUNK):
            self._put(self._safe.feed(data[start : start + _CHUNK]))

    def _put(self, safe: bytes) -> None:
        if not safe:
            return
        if self._unsure and any(reset in safe for reset in _RESETS):
            self._unsure = False
        self._do(safe)
        self._window_bytes += len(safe)
        if self._window_bytes >= _WINDOW:
            self._ask(protocol.SYNC)

    def resize(self, rows: int, cols: int) -> None:
        """Gives it another size."""
        size = bounded(rows, cols)
        if size != self.size:
            self.size = size
            self._do(size)

    def reset(self, rows: int, cols: int, keyframe: bytes = b"") -> None:
        """Empties it, and brings it to the state of a keyframe."""
        self.size = bounded(rows, cols)
        self._safe = SafeFilter()
        self._window, self._window_bytes = [], 0
        self._unsure = False
        self._lines = []
        if self._plain:
            self._plain = PlainText(self.size[1])
        else:
            try:
                self._emulator.renew(*self.size, self._scrollback)
            except EngineDied:
                self._next_emulator()
            self.feed(keyframe)

    def _do(self, item: bytes | tuple[int, int]) -> None:
        if self._plain:
            if isinstance(item, bytes):
                self._lines = [*self._lines, *self._plain.feed(item).splitlines()][-MAX_ROWS:]
            else:
                self._plain.resize(item[1])
            return
        self._window.append(item)
        try:
            self._send(item)
        except EngineDied:
            self._recover()

    def _send(self, item: bytes | tuple[int, int]) -> None:
        if isinstance(item, bytes):
            self._emulator.feed(item)
        else:
            self._emulator.resize(*item)

    def _ask(self, kind: bytes, asked: bool = False) -> bytes | None:
        """The emulator's answer; None if there is none any more. `asked`: it was asked for already."""
        while not self._plain:
            try:
                answer = self._emulator.answer() if asked else self._emulator.ask(kind)
            except EngineDied:
                asked = False
                self._recover()
                continue
            self._window, self._window_bytes = [], 0
            return answer
        return None

    def _next_emulator(self) -> None:
        self._emulator.close()
        self.deaths += 1
        if self.deaths > _MAX_DEATHS:
            self._plain = PlainText(self.size[1])
        else:
            self._emulator = Emulator(*self.size, self._scrollback)

    def _recover(self) -> None:
        """Puts a new emulator in place, and gives it again, in small steps, what the dead one may not have done."""
        window, self._window, self._window_bytes = self._window, [], 0
        self._unsure = True
        self._next_emulator()
        good: list[bytes | tuple[int, int]] = []
        for item in _small(window):
            if self._plain:
                self._do(item)
            elif self._survives([item]):
                good.append(item)
            else:
                self._next_emulator()
                if not self._plain and not self._survives(good):
                    good.clear()
                    self._next_emulator()

    def _survives(self, items: list[bytes | tuple[int, int]]) -> bool:
        try:
            for item in items:
                self._send(item)
            self._emulator.ask(protocol.SYNC)
        except EngineDied:
            return False
        return True

    def screen(self) -> Screen:
        """What it shows."""
        answer = self._ask(protocol.SHOW)
        if answer is not None:
            return parse(answer, self.size, self.note)
        rows = tuple((Span("", drawn(line)),) for line in self._lines[-self.size[0] :])
        return Screen(self.size, rows, None, False, self.note)

    def begin_text(self) -> None:
        """Lets the emulator begin with what `text` will give. Nothing may be fed until that was called."""
        if self._plain:
            return
        try:
            self._emulator.request(protocol.TEXT)
            self._asked = True
        except EngineDied:
            self._recover()

    def text(self) -> tuple[list[str], list[str]]:
        """(the lines that have scrolled out since this was last called and those of the screen, the latter alone).

        What the terminal has wrapped is one line.
        """
        asked, self._asked = self._asked, False
        answer = self._ask(protocol.TEXT, asked)
        if answer is None:
            lines, self._lines = self._lines, []
            return [line.rstrip() for line in lines], []
        head = protocol.LENGTH.size
        end = head + protocol.LENGTH.unpack(answer[:head])[0]
        return _split(answer[head:end]), _split(answer[end:])

    def page(self) -> bytes:
        """The screen as HTML: one `div` with styles within, nothing else. Empty without an emulator."""
        return self._ask(protocol.PAGE) or b""

    def keyframe(self) -> bytes | None:
        """Bytes for `reset`; None if what it shows is not to be relied on."""
        return None if self.note else self._ask(protocol.KEYFRAME)

    def close(self) -> None:
        """Ends the emulator."""
        self._emulator.close()


def _split(text: bytes) -> list[str]:
    return [line.rstrip() for line in text.decode("utf-8", "replace").split("\n")]


def _small(window: list[bytes | tuple[int, int]]) -> list[bytes | tuple[int, int]]:
    found: list[bytes | tuple[int, int]] = []
    for item in window:
        if isinstance(item, bytes):
            found += [item[at : at + _STEP] for at in range(0, len(item), _STEP)]
        else:
            found.append(item)
    return found
