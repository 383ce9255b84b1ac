"""Where a pattern stands in a session: in its commands and on its screens."""

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterable, Iterator

from recorder.log.reader import Log
from replay.model import Session, Terminal
from replay.player.expression import Expression
from replay.player.story import Story
from replay.screen.changes import changes


class Finder:
    """Finds the times at which a pattern comes up, each once; looks through the screens only as far as it must."""

    def __init__(self, log: Log, session: Session, tty: Terminal, story: Story, pattern: Expression) -> None:
        self.pattern = pattern
        self._commands = sorted(m.at for m in story.commands if pattern.search(m.text))
        self._hits: list[int] = []
        self._seen = -1
        self._source = changes(log, session, tty)
        self._before: list[str] = []
        self._ended = False
        self._steps = self._read()

    def _read(self) -> Generator[int, None, None]:
        """Looks on; gives the times that it has come to."""
        for change in self._source:
            found = [line for line in change.lines if self.pattern.search(line)]
            # A line that is being typed or drawn anew is one place, not one for each key.
            if not all(_begins_with_one(line, self._before) for line in found):
                self._hits.append(change.at)
            if found:
                self._before = _shortest(line.rstrip() for line in found)
            self._seen = change.at
            yield change.at
        self._ended = True

    def look(self, time: int, forward: bool) -> Iterator[int]:
        """Looks as far as `after` or `before` needs; gives the times that it has come to."""
        known = self.after(time) if forward else None
        while not self._ended and (self._seen < time if not forward else known is None or self._seen < known):
            yield from itertools.islice(self._steps, 1)
            known = self.after(time) if forward else None

    def after(self, time: int) -> int | None:
        """The first time after `time` that is known."""
        known = self._hits, self._commands
        return min((at[n] for at in known if (n := bisect_right(at, time)) < len(at)), default=None)

    def before(self, time: int) -> int | None:
        """The last time before `time` that is known."""
        known = self._hits, self._commands
        return max((at[n - 1] for at in known if (n := bisect_left(at, time))), default=None)

    def close(self) -> None:
        """Ends what it looks with; whoever looks at that moment has come to the end."""
        self._ended = True
        self._steps.close()
        self._source.close()


def _shortest(lines: Iterable[str]) -> list[str]:
    """The lines in order, without those that begin with another one."""
    found: list[str] = []
    for line in sorted(lines):
        if not (found and line.startswith(found[-1])):
            found.append(line)
    return found


def _begins_with_one(line: str, shortest: list[str]) -> bool:
    """Whether a line begins with one of the `shortest`, which can only be the last that does not sort behind it."""
    at = bisect_right(shortest, line)
    return at > 0 and line.startswith(shortest[at - 1])
