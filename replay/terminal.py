"""The reader's own terminal while a recording plays on it, and its way back to what it was."""

import contextlib
import re
import termios
from collections.abc import Iterator

_SCREEN = re.compile(rb"\x1bc|\x1b\[\?([0-9;]*)([hl])")
_ALTERNATE = {b"47", b"1047", b"1049"}

_RESTORE = (
    b"\x0f\x1b(B"  # ASCII in GL
    b"\x1b[0m"
    b"\x1b[4l\x1b[?5;6l\x1b[?7;25h"  # replace mode, normal video, absolute origin, autowrap, cursor shown
    b"\x1b7\x1b[r\x1b8"  # the whole screen scrolls; setting that moves the cursor, so keep its place
)
_LEAVE_ALTERNATE = b"\x1b[?1049l"
_RESTORE_RAW = (
    b"\x1b[?1000;1001;1002;1003;1004;1005;1006;1015;2004l"  # mouse, focus, bracketed paste
    b"\x1b[?1l\x1b>\x1b[<u\x1b[>4m"  # cursor keys, keypad, keyboard protocols
)


class Restorer:
    """Watches what is played, to know what must be undone."""

    def __init__(self) -> None:
        self.alternate = False
        """Whether the alternate screen is on."""
        self._tail = b""

    def feed(self, played: bytes) -> None:
        """Takes note of bytes that went to the terminal; whole sequences, as the safe filter gives them."""
        for found in _SCREEN.finditer(self._tail + played):
            if not found[2]:
                self.alternate = False
            elif _ALTERNATE.intersection(found[1].split(b";")):
                self.alternate = found[2] == b"h"
        self._tail = played[-16:] if b"\x1b" in played[-16:] else b""

    def restore(self, raw: bool) -> bytes:
        """What brings the terminal back to normal; `raw`: sequences of all kinds may have reached it."""
        leave = _LEAVE_ALTERNATE if self.alternate else b""
        return (b"\x18" + _RESTORE_RAW if raw else b"") + leave + _RESTORE


@contextlib.contextmanager
def untouched_output(fd: int) -> Iterator[None]:
    r"""While it lasts, terminal `fd` gets bytes as they are (no \n to \r\n) and shows nothing that is typed.

    The recorded bytes have been through a terminal's output processing once. ctrl-C keeps its meaning. What
    was typed meanwhile is thrown away, or the shell would run it afterwards.
    """
    before = termios.tcgetattr(fd)
    mode = termios.tcgetattr(fd)
    mode[1] &= ~termios.OPOST
    mode[3] &= ~termios.ECHO
    termios.tcsetattr(fd, termios.TCSADRAIN, mode)
    try:
        yield
    finally:
        termios.tcflush(fd, termios.TCIFLUSH)
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
