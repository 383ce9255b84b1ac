"""One line at the bottom of a terminal that changes in place."""

import contextlib
import os
import time
from typing import Protocol

_COLUMNS = 80
_UNITS = ("B", "kB", "MB", "GB")
_PAUSE_SECONDS = 0.1


class Screen(Protocol):
    """As much of a text stream as is written to."""

    def write(self, text: str, /) -> int: ...
    def flush(self) -> None: ...
    def isatty(self) -> bool: ...
    def fileno(self) -> int: ...


class StatusLine:
    """For text that is safe to print. Not thread-safe."""

    def __init__(self, out: Screen) -> None:
        self._out = out
        self._shown = ""
        self._shown_at = 0.0

    def show(self, text: str) -> None:
        """Shows `text` instead of what was shown before, cut to the width of the terminal."""
        now = time.monotonic()
        if text == self._shown or (self._shown and now - self._shown_at < _PAUSE_SECONDS):
            return
        self._shown, self._shown_at = text, now
        self._write("\r\x1b[2K" + text[: self._columns() - 1])

    def clear(self) -> None:
        """Takes the line away."""
        if self._shown:
            self._write("\r\x1b[2K")
        self._shown = ""

    def _columns(self) -> int:
        with contextlib.suppress(OSError, ValueError):
            return os.get_terminal_size(self._out.fileno()).columns or _COLUMNS
        return _COLUMNS

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a terminal that was closed must not end the recording
            self._out.write(text)
            self._out.flush()


def size(count: int) -> str:
    """Bytes in few characters: 12 B, 3.4 MB."""
    if count < 1000:
        return f"{count} B"
    unit = min(3, (len(str(count)) - 1) // 3)
    return f"{count / 1000**unit:.1f} {_UNITS[unit]}"
