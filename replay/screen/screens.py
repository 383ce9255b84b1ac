"""The screens of one terminal, at any time."""

from collections.abc import Iterator
from pathlib import Path

from recorder.log.reader import Log
from replay.model import Session, Terminal
from replay.screen.display import Display
from replay.screen.keyframes import Keyframes
from replay.screen.reel import Item, Reel
from replay.screen.screen import Screen

_BETWEEN_KEYFRAMES = 2 << 20
_BREATH = 1 << 20
"""Bytes of output after which a seek says how far it is."""


class Screens:
    """Where a recording of a terminal stands, and what it shows there. Times are ns since the session began.

    `cache` is a folder for what makes the next seek quick. Use it in a `with`, or close it.
    """

    def __init__(self, log: Log, session: Session, tty: Terminal, cache: Path | None = None) -> None:
        self._log, self._session, self._tty = log, session, tty
        self.display = Display(tty.rows, tty.cols)
        self._keyframes = Keyframes(log, session.number, tty.number, cache)
        self.time = 0
        self.holes: dict[int, int] = {}
        """Bytes that are missing in what was passed, by their time."""
        self._since_keyframe = 0
        self._start(Reel(log, session, tty.number))

    def _start(self, reel: Reel) -> None:
        self.reel = reel
        self._items = iter(reel)
        self._next = next(self._items, None)

    def next_time(self) -> int | None:
        """When the next output comes, None at the end."""
        return self._next.time if self._next else None

    def step(self) -> Item | None:
        """Shows the next item and gives it; None at the end."""
        item = self._next
        if not item:
            return None
        self.time = item.time
        if item.missing:
            self.holes[item.time] = item.missing
        elif item.size:
            self.display.resize(*item.size)
        elif item.data:
            self.display.feed(item.data)
            self._since_keyframe += len(item.data)
        if self._since_keyframe >= _BETWEEN_KEYFRAMES and (place := self.reel.place()):
            self._since_keyframe = 0
            if place > self._keyframes.last and (vt := self.display.keyframe()):
                self._keyframes.add(place, self.display.size, vt)
        self._next = next(self._items, None)
        return item

    def seek(self, time: int) -> Iterator[int]:
        """Goes to the screen after all output up to `time`; on the way gives the times that it has come to."""
        found = self._keyframes.before(time)
        if found and (time < self.time or found.place.time > self.time) and (vt := found.vt):
            self.display.reset(*found.size, vt)
            self.time, self._since_keyframe = found.place.time, 0
            self._start(Reel(self._log, self._session, self._tty.number, found.place))
        elif time < self.time:
            self.display.reset(self._tty.rows, self._tty.cols)
            self.time = self._since_keyframe = 0
            self._start(Reel(self._log, self._session, self._tty.number))
        passed = 0
        while self._next and self._next.time <= time:
            item = self.step()
            passed += len(item.data) if item else 0
            if passed >= _BREATH:
                passed = 0
                yield self.time

    def follow(self) -> bool:
        """Looks whether the log has become longer, and if so goes on with that."""
        place = self.reel.place()
        if self._next or not place or not self._log.refresh():
            return False
        self._start(Reel(self._log, self._session, self._tty.number, place))
        return True

    def at(self, time: int) -> Screen:
        """The screen at that time."""
        for _ in self.seek(time):
            pass
        return self.display.screen()

    def close(self) -> None:
        """Ends the emulator."""
        self.display.close()

    def __enter__(self) -> "Screens":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
