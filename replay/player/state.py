"""The player's state: keys and the clock go in, and what is to be shown comes out. No input, no output, no waiting."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from replay.clock import SECOND, duration, parse_at, rfc3339
from replay.errors import WrongUsage
from replay.player.expression import Expression
from replay.player.pace import MAX
from replay.player.story import Story, around
from replay.screen.reel import Item

DEFAULT_IDLE = 2 * SECOND
"""ns. Longer pauses are shortened to this."""
SPEEDS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
_BACK_GRACE = SECOND
"""Going back goes to the one before if we are less than so much after one: else one never gets further back."""
_JUMPS = {"left": -5, "right": 5, "down": -60, "up": 60}
_MAX_LINE = 200
_TOLD = 5 * SECOND


class Request(NamedTuple):
    """What a key asks of the one who plays: quit, redraw, seek (to `at`), step, find (`text`), switch."""

    what: str
    at: int = 0
    text: str = ""
    forward: bool = True


@dataclass
class Player:
    """Where it stands (`time`, ns since the session began) and how it goes on. `now` is ns of any clock."""

    story: Story
    speed: float = 1.0
    idle_limit: int | None = DEFAULT_IDLE
    follow: bool = False
    end: int | None = None
    time: int = 0
    playing: bool = True
    at_end: bool = False
    message: str = ""
    help: bool = False
    commands: bool = False
    typed: bool = False
    prompt: str = ""
    """What is being asked for on the last line: "/", "?", ":", "m" or "'"; with what was typed so far in `line`."""
    line: str = ""
    pattern: Expression | None = None
    forward: bool = True
    marks: dict[str, int] = field(default_factory=dict)
    _size: tuple[int, int] = (0, 0)
    _told: tuple[str, int] = ("", 0)
    _clock: int = 0
    _shown: int = 0
    """When the last output came that was shown."""

    def start(self, now: int) -> None:
        """Takes the clock's time: what went by before does not count."""
        self._clock = now

    def tick(self, now: int, upcoming: int | None) -> int:
        """The time up to which output is to be shown now; `upcoming` is when the next comes, None if there is none."""
        passed, self._clock = now - self._clock, now
        self._forget(now)
        if not self.playing:
            return self.time
        if self.speed == MAX:
            self.time = self._limit if upcoming is None else max(self.time, upcoming)
        else:
            self.time += int(passed * self.speed)
            self._skip(upcoming)
        if upcoming is None and self.follow:
            self.time = min(self.time, max(self._shown, self._limit))
        over = upcoming is None and not self.follow and self.time >= self._limit
        if over or (self.end is not None and self.time >= self.end):
            self._stop()
        return self.time

    def _forget(self, now: int) -> None:
        """Takes back what was told long enough."""
        if self.message != self._told[0]:
            self._told = self.message, now
        elif self.message and self.playing and now - self._told[1] > _TOLD:
            self.message = ""

    @property
    def _limit(self) -> int:
        return self.story.length if self.end is None else self.end

    def _stop(self) -> None:
        self.time = max(self._shown, min(self.time, self._limit))
        self.playing, self.at_end = False, True

    def _skip(self, upcoming: int | None) -> None:
        """Cuts a pause short once it has lasted long enough."""
        if self.idle_limit is None or self.follow:
            return
        goal = self._limit if upcoming is None else min(upcoming, self._limit)
        if self.time < goal and self.time - self._shown >= self.idle_limit:
            self.message = f"» {duration(goal - self._shown)} without output, shortened"
            self.time = goal

    def wait(self, upcoming: int | None) -> int | None:
        """ns until there may be something new to show, None if never."""
        if not self.playing:
            return None
        if self.speed == MAX:
            return 0
        until = [goal for goal in (upcoming, self._limit if not self.follow else None) if goal is not None]
        goal = min([g for g in until if g > self.time], default=None)
        if goal is None:
            return 0 if upcoming is not None else SECOND // 2
        if self.idle_limit is not None and not self.follow:
            goal = min(goal, max(self._shown + self.idle_limit, self.time))
        return int((goal - self.time) / self.speed) + 1

    def saw(self, item: Item) -> None:
        """Takes note of what was shown."""
        self._shown = item.time
        self.time = max(self.time, item.time)
        if item.missing:
            self.message = f"!! {item.missing:,} bytes of output are missing here"
        elif item.size and item.size != (self._size if any(self._size) else self._first_size):
            self.message = f"resized to {item.size[1]}x{item.size[0]}"

        self._size = item.size or self._size

    @property
    def _first_size(self) -> tuple[int, int]:
        return self.story.tty.rows, self.story.tty.cols

    def behind(self, time: int) -> None:
        """Drawing does not keep up: goes no further than what was shown."""
        self.time = max(time, 0)

    def sought(self, time: int) -> None:
        """Stands at `time` now."""
        self.time = self._shown = time
        self.at_end = False

    def give_up(self, why: str) -> None:
        """Searches no longer."""
        self.pattern, self.message = None, why

    def grew(self) -> None:
        """The recording goes on."""
        if self.at_end:
            self.at_end, self.playing = False, True

    def key(self, key: str) -> Request | None:
        """What a key asks for; None if it only changes this."""
        self.message = ""
        if self.prompt:
            return self._ask(key)
        if self.help:
            self.help = False
            return Request("quit") if key == "q" else None
        return self._command(key)

    def _command(self, key: str) -> Request | None:
        if key == "q":
            return Request("quit")
        if key == "redraw":
            return Request("redraw")
        if key == "space":
            if self.at_end:
                self.playing = True
                return Request("seek", 0)
            self.playing = not self.playing
        elif key == ".":
            self.playing = False
            return Request("step")
        elif key in _JUMPS:
            return self._to(self.time + _JUMPS[key] * SECOND)
        elif key in "g" or key == "home":
            return self._to(0)
        elif key in "G" or key == "end":
            return self._to(self._limit)
        elif key in "[]{}":
            return self._next_of(key)
        elif key in "<>":
            self._change_speed(1 if key == ">" else -1)
        elif key in "/?:m'":
            self.prompt, self.line = key, ""
        elif key in "nN":
            if not self.pattern:
                self.message = "nothing to search for: / asks for it"
                return None
            forward = self.forward == (key == "n")
            back = _BACK_GRACE if self.playing and not forward else 0
            return Request("find", max(self.time - back, 0), self.pattern.pattern, forward)
        elif key == "T":
            return Request("switch")
        elif key == "h":
            self.help = True
        elif key == "t":
            self.commands = not self.commands
        elif key == "i":
            self.typed = not self.typed
        elif key == "esc":
            self.pattern = None
        return None

    def _to(self, at: int) -> Request:
        return Request("seek", min(max(at, 0), max(self._limit, 0)))

    def _next_of(self, key: str) -> Request | None:
        moments = self.story.commands if key in "[]" else self.story.prompts
        what = "command" if key in "[]" else "input"
        if key in "]}":
            at = around(moments, self.time)
            if at < len(moments):
                return self._to(moments[at].at)
        else:
            at = around(moments, self.time - 1)
            if at and self.playing and self.time - moments[at - 1].at < _BACK_GRACE:
                at -= 1
            if at:
                return self._to(moments[at - 1].at)
        self.message = f"no {'later' if key in ']}' else 'earlier'} {what}"
        return None

    def _change_speed(self, by: int) -> None:
        if self.speed == MAX:
            self.speed = SPEEDS[-1]
            return
        nearest = min(range(len(SPEEDS)), key=lambda at: abs(SPEEDS[at] - self.speed))
        self.speed = SPEEDS[min(max(nearest + by, 0), len(SPEEDS) - 1)]

    def _ask(self, key: str) -> Request | None:
        kind = self.prompt
        if kind in "m'":
            self.prompt = ""
            return self._mark(kind, key)
        if key == "enter":
            self.prompt = ""
            return self._answered(kind, self.line)
        if key == "esc" or (key == "backspace" and not self.line):
            self.prompt = ""
        elif key == "backspace":
            self.line = self.line[:-1]
        elif key == "clear":
            self.line = ""
        elif key == "space" or len(key) == 1:
            self.line = (self.line + (" " if key == "space" else key))[:_MAX_LINE]
        return None

    def _mark(self, kind: str, key: str) -> Request | None:
        if len(key) != 1:
            return None
        if kind == "m":
            self.marks[key] = self.time
            self.message = f"mark {key} set"
        elif key in self.marks:
            return self._to(self.marks[key])
        else:
            self.message = f"there is no mark {key}"
        return None

    def _answered(self, kind: str, line: str) -> Request | None:
        if kind == ":":
            return self._go(line.strip())
        if not line and not self.pattern:
            return None
        if line:
            try:
                self.pattern = Expression(line)
            except WrongUsage as error:
                self.message = f"not a regular expression: {error.__cause__}"
                return None
        self.forward = kind == "/"
        return Request("find", self.time, line, self.forward)

    def _day_of(self, time: str) -> str:
        """The day on which HH:MM:SS comes first since the session began, at the earliest."""
        start = self.story.start
        is_next = time[:8] < rfc3339(start)[11:19]
        return rfc3339(start + is_next * 86400 * SECOND)[:10]

    def _go(self, line: str) -> Request | None:
        try:
            if line.endswith("%"):
                return self._to(int(float(line[:-1]) / 100 * self._limit))
            if line[:1] in ("+", "-"):
                offset = parse_at(line[1:], 0)
                return self._to(self.time + (offset if line[0] == "+" else -offset))
            if re.fullmatch(r"\d\d:\d\d:\d\d(\.\d+)?[Zz]", line):
                line = f"{self._day_of(line)}T{line}"
            return self._to(self.story.at(line)) if line else None
        except (WrongUsage, ValueError, OverflowError):
            self.message = "no time: give 90, 1m30s, 12:34:56Z, +10, -10 or 50%"
            return None
