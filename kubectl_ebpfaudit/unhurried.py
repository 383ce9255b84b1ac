"""Standard error and output while a recording is made: it does not wait for a reader that has stopped."""

import json
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from kubectl_ebpfaudit.interrupt import Signals
from kubectl_ebpfaudit.printing import discard

_LOOK_SECONDS = 0.1
_STOPPED_SECONDS = 2.0
"""Who has read nothing for so long, while the program is to end, is not waited for."""
_PIECE = 1 << 12


class Unhurried:
    """Text for `stream`, which a thread of its own writes, up to the end of its `with`. `write` is for any thread.

    At most `room` characters wait. What comes when they do is left out if nothing was read for `patience` seconds,
    or the user has sent a signal; what `left_out` makes of the number of lines then stands in its place.
    `complain` is told, once, why nothing more can be written.
    """

    def __init__(
        self,
        stream: TextIO,
        signals: Signals,
        room: int,
        left_out: Callable[[int], str],
        patience: float = 0.0,
        complain: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._stream, self._signals, self._room, self._patience = stream, signals, room, patience
        self._left_out, self._complain = left_out, complain
        self._changed = threading.Condition()
        self._texts: deque[str] = deque()
        self._waiting = self._lost = 0
        self._read_at = 0.0
        self._is_over = False
        self._thread: threading.Thread | None = None

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str, /) -> int:
        with self._changed:
            if self._is_over:
                self._stream.write(text)
            elif text and self._await_room(len(text)):
                self._tell_lost()
                self._add(text)
            else:
                self._lost += text.count("\n")
        return len(text)

    def flush(self) -> None:
        with self._changed:
            if self._is_over:
                self._stream.flush()

    def __enter__(self) -> "Unhurried":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Returns when all is written, or the user wants it to end and nobody reads."""
        asked = self._signals.count
        with self._changed:
            self._tell_lost()
            while self._texts and not self._is_over:
                has_stopped = time.monotonic() - self._read_at >= _STOPPED_SECONDS
                if self._signals.count > asked or (asked and has_stopped):
                    self._give_up("nobody reads it, and the rest is left out")
                    break
                self._changed.wait(_LOOK_SECONDS)
            self._is_over = True
            self._changed.notify_all()

    def _await_room(self, size: int) -> bool:
        """Whether there is room, now or as soon as somebody reads."""
        while self._texts and self._waiting + size > self._room and not self._is_over:
            left = self._read_at + self._patience - time.monotonic()
            if left <= 0 or self._signals.count:
                return False
            self._changed.wait(min(left, _LOOK_SECONDS))
        return True

    def _tell_lost(self) -> None:
        if self._lost:
            self._add(self._left_out(self._lost))
            self._lost = 0

    def _add(self, text: str) -> None:
        if not self._texts:
            self._read_at = time.monotonic()
        self._texts.append(text)
        self._waiting += len(text)
        self._changed.notify_all()
        if self._thread is None:  # a daemon: what hangs in a write must not keep the program from ending
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def _give_up(self, why: str) -> None:
        self._is_over = True
        self._texts.clear()
        self._changed.notify_all()
        discard(self._stream)
        self._complain(why)

    def _run(self) -> None:
        while text := self._next():
            try:
                self._put(text)
            except OSError as error:
                with self._changed:
                    if not self._is_over:
                        self._give_up(_why(error))
            with self._changed:
                if self._texts:
                    self._waiting -= len(self._texts.popleft())
                self._changed.notify_all()

    def _next(self) -> str:
        """What is to be written next, "" when it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._texts or self._is_over)
            return self._texts[0] if self._texts else ""

    def _put(self, text: str) -> None:
        # Not by the stream: the interpreter could not end while a thread is in the middle of that.
        fd = self._stream.fileno()
        rest = memoryview(text.encode(self._stream.encoding, self._stream.errors or "strict"))
        while rest and not self._is_over:
            try:
                rest = rest[os.write(fd, rest[:_PIECE]) :]
                self._read_at = time.monotonic()
            except BlockingIOError:  # who shares it has made it so
                select.select([], [fd], [])


def _why(error: OSError) -> str:
    return "nobody reads it any more" if isinstance(error, BrokenPipeError) else f"{error.strerror}"


_LINES, _EVENTS = 1 << 20, 64 << 20
"""Characters that may wait for whoever reads standard error, and standard output."""
_PATIENT_SECONDS = 5.0


def screen(signals: Signals) -> Unhurried:
    """Standard error, for people: what they do not want to see now is not waited for."""
    return Unhurried(sys.stderr, signals, _LINES, lambda lines: f"({lines:,} lines were left out: nobody read them)\n")


def events(signals: Signals, complain: Callable[[str], object]) -> Unhurried:
    """Standard output, for programs: one that is slow gets all, one that has stopped is not waited for."""

    def told(why: str) -> None:
        complain(f"warning: nothing more goes to standard output: {why}; the log is written all the same\n")

    def left_out(lines: int) -> str:
        return json.dumps({"type": "left_out", "lines": lines}) + "\n"

    return Unhurried(sys.stdout, signals, _EVENTS, left_out, _PATIENT_SECONDS, told)
