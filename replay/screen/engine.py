"""The terminal emulator: libghostty-vt. The only importer of pyghostty, itself imported by the child process alone.

Its functions are those of include/ghostty/vt/ of Ghostty, https://github.com/ghostty-org/ghostty.
"""

from typing import Any

from pyghostty._ffi import check, ffi, lib
from pyghostty.core import Terminal, init_sized

_SCROLLBACK_BYTES = 32 << 20
_LEAST_SCROLLBACK_BYTES = 1 << 20
_SCROLLBACK_LINES = 1 << 20
_BUFFER_BYTES = 256 << 10
_FORGET_SCROLLBACK = b"\x1b[3J"
_LEAVE_ALTERNATE = b"\x1b[?1049l"
_ENTER_ALTERNATE = b"\x1b[?1049h"
_NO_AUTOWRAP = b"\x1b[?7l"
_STATE = ("modes", "scrolling_region", "tabstops", "screen.cursor", "screen.style", "screen.charsets")
"""What a keyframe holds besides text. No palette, links or paths: nothing sets them in what we feed."""

PLAIN = lib.GHOSTTY_FORMATTER_FORMAT_PLAIN
VT = lib.GHOSTTY_FORMATTER_FORMAT_VT
HTML = lib.GHOSTTY_FORMATTER_FORMAT_HTML


class Engine:
    """A terminal of `rows` x `cols` cells; with `scrollback` it keeps lines that scroll out, up to 32 MiB of them.

    Without, it keeps some all the same, which nobody sees: moving all rows at each line's end takes three times longer.
    """

    def __init__(self, rows: int, cols: int, scrollback: bool) -> None:
        self._scrollback = scrollback
        self._terminal = self._new(rows, cols)
        self._buffer = ffi.new("uint8_t[]", _BUFFER_BYTES)

    def _new(self, rows: int, cols: int) -> Any:
        terminal = Terminal(cols, rows, scrollback=_SCROLLBACK_LINES)
        most = ffi.new("size_t*", _SCROLLBACK_BYTES if self._scrollback else _LEAST_SCROLLBACK_BYTES)
        option = lib.GHOSTTY_TERMINAL_OPT_SCROLLBACK_MAX_BYTES
        check(lib.ghostty_terminal_set(terminal._t[0], option, most), "scrollback")
        return terminal

    def feed(self, data: bytes) -> None:
        """Takes output, already safe."""
        self._terminal.feed(data)

    def resize(self, rows: int, cols: int) -> None:
        """Gives the terminal another size; lines of the primary screen flow into it."""
        self._tidy()
        self._terminal.resize(cols, rows)
        self._tidy()

    @property
    def alternate(self) -> bool:
        """Whether the alternate screen is shown."""
        return bool(self._terminal.get("active_screen", "GhosttyTerminalScreen"))

    @property
    def scrolled(self) -> int:
        """How many lines have scrolled out since `forget`."""
        return int(self._terminal.get("scrollback_rows", "size_t"))

    def cursor(self) -> tuple[int, int, bool]:
        """(column, row, whether it is shown), from 0."""
        return *self._terminal.cursor, bool(self._terminal.get("cursor_visible", "bool"))

    def format(self, form: int, state: tuple[str, ...] = (), unwrap: bool = False) -> bytes:
        """The scrollback, if kept, and the screen."""
        self._tidy()
        options = init_sized("GhosttyFormatterTerminalOptions")
        options.emit, options.unwrap = form, unwrap
        for name in state:
            place = options.extra
            *path, last = name.split(".")
            for step in path:
                place = getattr(place, step)
            setattr(place, last, True)
        formatter = ffi.new("GhosttyFormatter*")
        new = lib.ghostty_formatter_terminal_new
        check(new(ffi.NULL, formatter, self._terminal._t[0], options[0]), "formatter")
        try:
            size = ffi.new("size_t*")
            write = lib.ghostty_formatter_format_buf
            failed = write(formatter[0], self._buffer, len(self._buffer), size)
            if failed == lib.GHOSTTY_OUT_OF_SPACE:  # `size` is then what it takes
                self._buffer = ffi.new("uint8_t[]", size[0])
                failed = write(formatter[0], self._buffer, len(self._buffer), size)
            check(failed, "format")
            return bytes(ffi.buffer(self._buffer, size[0]))
        finally:
            lib.ghostty_formatter_free(formatter[0])

    def forget(self) -> None:
        """Empties the scrollback."""
        self._terminal.feed(_FORGET_SCROLLBACK)

    def _tidy(self) -> None:
        if not self._scrollback:
            self.forget()

    def keyframe(self) -> bytes:
        """Bytes that bring a new terminal of this size to this state, both screens included."""
        if not self.alternate:
            return self._state()
        alternate = self._state()
        self._terminal.feed(_LEAVE_ALTERNATE)  # no other way shows what lies behind it
        cols, rows = self._terminal.size
        whole = self._state() + _ENTER_ALTERNATE + alternate
        self._terminal.close()
        self._terminal = self._new(rows, cols)
        self._terminal.feed(whole)
        return whole

    def _state(self) -> bytes:
        # Unwrapped, a long line is one line again, and flows at a resize as it would have. Without autowrap it cannot.
        found = self.format(VT, _STATE, unwrap=True)
        return self.format(VT, _STATE) if _NO_AUTOWRAP in found else found
