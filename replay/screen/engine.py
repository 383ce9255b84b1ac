"""The terminal emulator: libghostty-vt.

Its functions are those of include/ghostty/vt/ of Ghostty, https://github.com/ghostty-org/ghostty.
"""

from typing import Any

from replay.screen.library import load
from replay.screen.protocol import LENGTH

ffi, lib = load()

_SCROLLBACK_BYTES = 32 << 20
_LEAST_SCROLLBACK_BYTES = 1 << 20
_SCROLLBACK_LINES = 1 << 20
_BUFFER_BYTES = 256 << 10
_CELL_PIXELS = (8, 16)
"""Of no consequence: nothing that we feed asks for it."""
_FORGET_SCROLLBACK = b"\x1b[3J"
_LEAVE_ALTERNATE = b"\x1b[?1049l"
_ENTER_ALTERNATE = b"\x1b[?1049h"
_NO_AUTOWRAP = b"\x1b[?7l"
_STATE = ("modes", "scrolling_region", "tabstops", "screen.cursor", "screen.style", "screen.charsets")
"""What a keyframe holds besides text. No palette, links or paths: nothing sets them in what we feed."""

PLAIN = lib.GHOSTTY_FORMATTER_FORMAT_PLAIN
VT = lib.GHOSTTY_FORMATTER_FORMAT_VT
HTML = lib.GHOSTTY_FORMATTER_FORMAT_HTML


def _check(result: int, what: str) -> None:
    if result:
        raise RuntimeError(f"{what} failed: {result}")


class Engine:
    """A terminal of `rows` x `cols` cells; with `scrollback` it keeps lines that scroll out, up to 32 MiB of them.

    Without, it keeps some all the same, which nobody sees: moving all rows at each line's end takes three times longer.
    Every method raises RuntimeError if the library fails.
    """

    def __init__(self, rows: int, cols: int, scrollback: bool) -> None:
        self._scrollback = scrollback
        self._terminal = self._new(rows, cols)
        self._buffer = ffi.new("uint8_t[]", _BUFFER_BYTES)

    def _new(self, rows: int, cols: int) -> Any:
        made = ffi.new("GhosttyTerminal*")
        _check(lib.ghostty_terminal_new(ffi.NULL, made, cols, rows), "terminal")
        terminal = ffi.gc(made[0], lib.ghostty_terminal_free)
        most = _SCROLLBACK_BYTES if self._scrollback else _LEAST_SCROLLBACK_BYTES
        for option, value in (
            (lib.GHOSTTY_TERMINAL_OPT_SCROLLBACK_MAX_LINES, _SCROLLBACK_LINES),
            (lib.GHOSTTY_TERMINAL_OPT_SCROLLBACK_MAX_BYTES, most),
        ):
            _check(lib.ghostty_terminal_set(terminal, option, ffi.new("size_t*", value)), "scrollback")
        return terminal

    def feed(self, data: bytes) -> None:
        """Takes output, already safe."""
        lib.ghostty_terminal_vt_write(self._terminal, data, len(data))

    def resize(self, rows: int, cols: int) -> None:
        """Gives the terminal another size; lines of the primary screen flow into it."""
        self._tidy()
        _check(lib.ghostty_terminal_resize(self._terminal, cols, rows, *_CELL_PIXELS), "resize")
        self._tidy()

    def _get(self, what: int, kind: str) -> Any:
        value = ffi.new(f"{kind}*")
        _check(lib.ghostty_terminal_get(self._terminal, what, value), "get")
        return value[0]

    @property
    def alternate(self) -> bool:
        """Whether the alternate screen is shown."""
        return bool(self._get(lib.GHOSTTY_TERMINAL_DATA_ACTIVE_SCREEN, "int"))

    @property
    def scrolled(self) -> int:
        """How many lines have scrolled out since `forget`."""
        return int(self._get(lib.GHOSTTY_TERMINAL_DATA_SCROLLBACK_ROWS, "size_t"))

    def cursor(self) -> tuple[int, int, bool]:
        """(column, row, whether it is shown), from 0."""
        column = self._get(lib.GHOSTTY_TERMINAL_DATA_CURSOR_X, "uint16_t")
        row = self._get(lib.GHOSTTY_TERMINAL_DATA_CURSOR_Y, "uint16_t")
        return column, row, bool(self._get(lib.GHOSTTY_TERMINAL_DATA_CURSOR_VISIBLE, "bool"))

    def format(self, form: int, state: tuple[str, ...] = (), unwrap: bool = False) -> bytes:
        """The scrollback, if kept, and the screen."""
        self._tidy()
        options = ffi.new("GhosttyFormatterTerminalOptions*")
        # By these the library knows what we know of it.
        options.size = ffi.sizeof(options[0])
        options.extra.size = ffi.sizeof(options.extra)
        options.extra.screen.size = ffi.sizeof(options.extra.screen)
        options.emit, options.unwrap = form, unwrap
        for name in state:
            place = options.extra
            *path, last = name.split(".")
            for step in path:
                place = getattr(place, step)
            setattr(place, last, True)
        formatter = ffi.new("GhosttyFormatter*")
        new = lib.ghostty_formatter_terminal_new
        _check(new(ffi.NULL, formatter, self._terminal, options[0]), "formatter")
        try:
            size = ffi.new("size_t*")
            write = lib.ghostty_formatter_format_buf
            failed = write(formatter[0], self._buffer, len(self._buffer), size)
            if failed == lib.GHOSTTY_OUT_OF_SPACE:  # `size` is then what it takes
                self._buffer = ffi.new("uint8_t[]", size[0])
                failed = write(formatter[0], self._buffer, len(self._buffer), size)
            _check(failed, "format")
            return bytes(ffi.buffer(self._buffer, size[0]))
        finally:
            lib.ghostty_formatter_free(formatter[0])

    def text(self) -> bytes:
        """The answer to TEXT.

        Of a line that began in the scrollback, the screen alone has the rest: from now on no more is known of it.
        """
        scrolled = self.scrolled
        screen = text = self.format(PLAIN, unwrap=True)
        if scrolled:
            self.forget()
            screen = self.format(PLAIN, unwrap=True)
        return LENGTH.pack(len(text)) + text + screen

    def forget(self) -> None:
        """Empties the scrollback."""
        self.feed(_FORGET_SCROLLBACK)

    def _tidy(self) -> None:
        if not self._scrollback:
            self.forget()

    def keyframe(self) -> bytes:
        """Bytes that bring a new terminal of this size to this state, both screens included."""
        if not self.alternate:
            return self._state()
        alternate = self._state()
        self.feed(_LEAVE_ALTERNATE)  # no other way shows what lies behind it
        rows, cols = (
            self._get(what, "uint16_t") for what in (lib.GHOSTTY_TERMINAL_DATA_ROWS, lib.GHOSTTY_TERMINAL_DATA_COLS)
        )
        whole = self._state() + _ENTER_ALTERNATE + alternate
        self._terminal = self._new(rows, cols)
        self.feed(whole)
        return whole

    def _state(self) -> bytes:
        # Unwrapped, a long line is one line again, and flows at a resize as it would have. Without autowrap it cannot.
        found = self.format(VT, _STATE, unwrap=True)
        return self.format(VT, _STATE) if _NO_AUTOWRAP in found else found
