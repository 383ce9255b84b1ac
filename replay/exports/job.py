"""What a format is asked to write."""

from collections.abc import Callable
from dataclasses import dataclass, field

from recorder.log.reader import Log
from replay.model import Session, Terminal
from replay.recording import Part, Recording
from replay.stream import OUT, Piece


@dataclass(frozen=True)
class Entry:
    """The session with `number` in the recording, and the log that it is in."""

    number: int
    part: Part
    session: Session

    @property
    def log(self) -> Log:
        """The log that it is in."""
        return self.part.log

    @property
    def began(self) -> int:
        """Time of the session's first event, ns since 1970-01-01 UTC."""
        return self.part.clocks.wall(self.session.began)


@dataclass(frozen=True)
class Screen(Entry):
    """A terminal of that session."""

    tty: Terminal


@dataclass(frozen=True)
class Job:
    """An export. `missing` is told of each hole in what is exported, where it lies."""

    recording: Recording
    session: tuple[Part, int] | None = None
    """The log, and the number there, of the only session that is wanted."""
    screen: Screen | None = None
    """For formats of a terminal."""
    direction: str = OUT
    table: str = "commands"
    """For formats of tables."""
    missing: Callable[[Piece], None] = field(default=lambda piece: None)

    @property
    def of_screen(self) -> Screen:
        """The terminal, which a format of a terminal is always given."""
        if self.screen is None:
            raise TypeError("this format is about a terminal, and none was given")
        return self.screen
