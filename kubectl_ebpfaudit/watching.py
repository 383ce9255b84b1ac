"""Plays a session on a terminal, with keys."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from kubectl_ebpfaudit import caches
from kubectl_ebpfaudit.console import Console
from kubectl_ebpfaudit.printing import emit
from kubectl_ebpfaudit.terminals import Found
from recorder.log.errors import BadLog
from replay.clock import SECOND
from replay.escape import printable
from replay.player.expression import Expression
from replay.player.find import Finder
from replay.player.keys import decode, is_unfinished
from replay.player.paint import Painter
from replay.player.state import Player, Request
from replay.player.view import Frame, frame
from replay.screen.screens import Screens
from replay.search.watch import TooSlow, watched

_FRAME_SECONDS = 0.03
_LOOK_SECONDS = 0.3
"""Between two looks at a recording that is being made."""
_REST_SECONDS = 0.05
"""In which the rest of a key's sequence comes, also over a slow connection; else it was the escape key."""
_BURST = 1 << 20
"""Bytes of output between two looks at the keys."""
_PATIENT_SECONDS = 0.15
"""After which something that takes long says how far it is."""


class Watching:
    """One player on one terminal. `terminal` is the place among the session's terminals."""

    def __init__(self, found: Found, player: Player, console: Console, terminal: int = 0) -> None:
        self._found, self._console, self._terminal = found, console, terminal
        self._painter = Painter(sys.stdout.encoding or "")
        self._finder: Finder | None = None
        self.player = player
        self.missing: dict[tuple[int, int], int] = {}
        """Bytes that are missing in what was played, by terminal and time."""
        self.problem: BadLog | None = None
        self._screens = self._open()
        self._drawn = 0.0
        self._changed = True
        self._screen = self._screens.display.screen()

    def _open(self) -> Screens:
        tty = self._found.session.terminals[self._terminal]
        return Screens(self._found.part.log, self._found.session, tty, caches.screens())

    def run(self) -> None:
        """Plays until somebody quits."""
        self._seek(self.player.time)
        self.player.start(time.monotonic_ns())
        looked = time.monotonic()
        while True:
            due = self.player.tick(time.monotonic_ns(), self._screens.next_time())
            behind = self._show(due)
            if self.player.follow and time.monotonic() - looked >= _LOOK_SECONDS:
                looked = time.monotonic()
                self._look()
            self._draw()
            try:
                data = self._console.read(0 if behind else self._wait())
                while is_unfinished(data) and (more := self._console.read(_REST_SECONDS)):
                    data += more
            except EOFError:
                return
            for key in decode(data):
                request = self.player.key(key)
                self._changed = True
                if request and not self._do(request):
                    return

    def _wait(self) -> float | None:
        wait = self.player.wait(self._screens.next_time())
        seconds = None if wait is None else min(wait / SECOND, 0.5)
        if self.player.follow:
            return min(_LOOK_SECONDS, seconds if seconds is not None else _LOOK_SECONDS)
        if self._changed:
            return min(_FRAME_SECONDS, seconds if seconds is not None else _FRAME_SECONDS)
        return seconds

    def _show(self, due: int) -> bool:
        """Shows what is due; gives whether there is more than could be shown now."""
        shown = 0
        screens = self._screens
        while (upcoming := screens.next_time()) is not None and upcoming <= due:
            if shown >= _BURST:
                self.player.behind(screens.time)
                return True
            item = screens.step()
            if item:
                self.player.saw(item)
                shown += len(item.data) + 1
                self._changed = True
        return False

    def _look(self) -> None:
        if self._screens.follow():
            self.player.story.grown()
            self.player.grew()
            self.player.follow = self._found.part.log.end is None
            self._changed = True

    def _draw(self, force: bool = False) -> None:
        if self._console.stale:
            self._console.stale, force = False, True
            emit(self._painter.forget())
        now = time.monotonic()
        if not force and now - self._drawn < _FRAME_SECONDS:
            return
        if self._changed:
            self._screen = self._screens.display.screen()
        self._changed, self._drawn = False, now
        emit(self._painter.paint(self._frame()))

    def _frame(self) -> Frame:
        if self.player.pattern:
            try:
                with watched(self.player.pattern):
                    return frame(self.player, self._screen, *self._console.size())
            except TooSlow:
                self._give_up()
        return frame(self.player, self._screen, *self._console.size())

    def _give_up(self) -> None:
        self._close_finder()
        self.player.give_up("the expression takes too long: make it simpler")

    def _do(self, request: Request) -> bool:
        """Does what a key asks for; gives whether to go on."""
        if request.what == "quit":
            return False
        if request.what == "redraw":
            self._console.stale = True
        elif request.what == "seek":
            self._seek(request.at)
        elif request.what == "step":
            item = self._screens.step()
            if item:
                self.player.saw(item)
            else:
                self.player.message = "no later output"
        elif request.what == "find":
            self._find(request)
        elif request.what == "switch":
            self._switch()
        self.player.start(time.monotonic_ns())
        self._changed = True
        return True

    def _seek(self, at: int) -> None:
        start = self._screens.time
        span = max(at - start, 1) if at >= start else max(at, 1)
        base = start if at >= start else 0
        stopped = self._patiently(
            self._screens.seek(at), lambda way: f"making screens: {max(way - base, 0) * 100 // span} % (any key stops)"
        )
        self.player.sought(self._screens.time if stopped else at)
        self._changed = True

    def _find(self, request: Request) -> None:
        player, length = self.player, max(self.player.story.length, 1)
        if not player.pattern:
            return
        try:
            finder = self._finder_of(player.pattern)
            stopped = self._patiently(
                _each_watched(finder.look(request.at, request.forward), player.pattern),
                lambda way: f"searching: {way * 100 // length} % (any key stops)",
            )
        except TooSlow:
            self._give_up()
            return
        if finder is not self._finder:  # it was given up when a picture was drawn
            return
        at = (finder.after if request.forward else finder.before)(request.at)
        if at is not None:
            self._seek(at)
        elif not stopped:
            where = "after" if request.forward else "before"
            player.message = f"not found {where} here: {printable(player.pattern.pattern)}"

    def _finder_of(self, pattern: Expression) -> Finder:
        if not self._finder or self._finder.pattern != pattern:
            self._close_finder()
            found = self._found
            tty = found.session.terminals[self._terminal]
            with watched(pattern):
                self._finder = Finder(found.part.log, found.session, tty, self.player.story, pattern)
        return self._finder

    def _switch(self) -> None:
        count = len(self._found.session.terminals)
        if count < 2:
            self.player.message = "the session has no other terminal"
            return
        self.close()
        self._terminal = (self._terminal + 1) % count
        tty = self._found.session.terminals[self._terminal]
        self.player.story = replace(self.player.story, tty=tty, title=f"terminal {self._terminal + 1}/{count}")
        self._screens = self._open()
        self._seek(self.player.time)

    def _patiently(self, ways: Iterator[int], say: Callable[[int], str]) -> bool:
        """Does something that takes long; gives whether a key has stopped it."""
        told = time.monotonic()
        for way in ways:
            if time.monotonic() - told < _PATIENT_SECONDS:
                continue
            told = time.monotonic()
            self.player.message = say(way)
            self._draw(force=True)
            self.player.message = ""
            if self._console.read(0):
                self.player.message = "stopped"
                return True
        return False

    def _close_finder(self) -> None:
        if self._finder:
            self._finder.close()
        self._finder = None

    def close(self) -> None:
        """Ends the emulators."""
        for at, size in self._screens.holes.items():
            self.missing[self._terminal, at] = size
        self.problem = self.problem or self._screens.reel.problem
        self._found.part.damage = self._found.part.log.damage  # another one after --follow
        self._screens.close()
        self._close_finder()


def _each_watched(ways: Iterator[int], pattern: Expression) -> Iterator[int]:
    """The same, where each raises TooSlow if the expression has run away."""
    while True:
        with watched(pattern):
            way = next(ways, None)
        if way is None:
            return
        yield way


def watch(found: Found, player: Player, terminal: int = 0) -> Watching:
    """Plays until somebody quits; gives what came of it. The terminal is as it was then, whatever happened."""
    with Console() as console:
        watching = Watching(found, player, console, terminal)
        try:
            watching.run()
        finally:
            watching.close()
    return watching
