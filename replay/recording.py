"""A recording as one thing: a log, or a folder of the logs that the nodes of one run wrote."""

import contextlib
import heapq
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from pathlib import Path

from recorder.log.errors import AuditError, BadLog
from recorder.log.events import Event
from recorder.log.format import PROCESS_LANE, SUFFIX
from recorder.log.reader import Damage, Log, open_log
from replay.clock import Clock
from replay.clocks import Clocks
from replay.errors import NoSuchRecording
from replay.escape import printable, text
from replay.fields import node_name, number
from replay.model import SESSION_UNDER_WAY
from replay.open_files import make_room


def logs_in(folder: Path) -> list[Path]:
    """The logs in a folder, by name. Raises OSError."""
    return sorted(p for p in folder.iterdir() if p.name.endswith(SUFFIX) and not p.name.startswith("."))


@dataclass(eq=False)
class Part:
    """One log of a recording, open."""

    name: str
    """That of its file, without the suffix."""
    log: Log
    damage: Damage | None
    """What is wrong with it; more may be found when it is read."""

    @property
    def node(self) -> str:
        """The node that it was written on."""
        return node_name(self.log.header) or text(self.name)

    @cached_property
    def clocks(self) -> Clocks:
        """Its times on the wall clock."""
        return Clocks(self.log)

    def events(self, session: int | None = None) -> Iterator[tuple[int, Event]]:
        """The events in order of time, each with its time in ns since 1970-01-01 UTC.

        A block that cannot be decoded ends them, and is the `damage` then.
        """
        clock = Clock(self.log.header)
        try:
            for event in self.log.events():
                clock.feed(event)
                if session in (None, event.session):
                    yield clock.wall(event.time), event
        except BadLog as error:
            self.damage = Damage(self.log.size, str(error).removeprefix(f"{self.log.path}: "), cut=False)


@dataclass(frozen=True)
class Broken:
    """A log of a folder that cannot be opened, and why."""

    path: Path
    problem: AuditError

    @property
    def name(self) -> str:
        """That of its file, without the suffix."""
        return self.path.name.removesuffix(SUFFIX)

    @property
    def reason(self) -> str:
        """Why, without where."""
        said = str(self.problem)
        return said.removeprefix(f"{self.path}: ").removeprefix(f"{printable(str(self.path))} ")


class Recording:
    """One log, or those of a folder. Sessions of a folder are numbered over all logs, in order of their start."""

    def __init__(self, path: Path, parts: list[Part], broken: list[Broken], is_folder: bool) -> None:
        self.path = path
        self.parts = parts
        self.broken = broken
        self.is_folder = is_folder

    @property
    def name(self) -> str:
        """The name of its file or folder."""
        return self.path.name or self.path.resolve().name

    @property
    def ids(self) -> list[str]:
        """The recordings that the logs are of: more than one if they do not belong together."""
        return list(dict.fromkeys(part.log.header.recording for part in self.parts))

    @cached_property
    def _numbers(self) -> dict[tuple[Part, int], int]:
        order = []
        for place, part in enumerate(self.parts):
            started = _starts(part.log)
            # Of what process events are lost nobody knows the start: the last.
            order += [(n not in started, started.get(n, 0), place, n) for n in part.log.sessions]
        return {(self.parts[place], n): count for count, (_, _, place, n) in enumerate(sorted(order), 1)}

    def number(self, part: Part, session: int) -> int:
        """The number in the recording of a session that has the number `session` in its log."""
        if not self.is_folder or session <= 0:
            return session
        return self._numbers.setdefault((part, session), len(self._numbers) + 1)

    def find(self, number: int) -> tuple[Part, int] | None:
        """The log of the session with this number, and its number there; None if there is none."""
        if not self.is_folder:
            return self.parts[0], number
        return next((place for place, known in self._numbers.items() if known == number), None)

    def sessions(self) -> list[int]:
        """The numbers of all sessions."""
        return sorted(self.number(part, n) for part in self.parts for n in part.log.sessions)

    def events(self) -> Iterator[tuple[int, Part, Event]]:
        """The events of all logs by their time, in ns since 1970-01-01 UTC; those of one log stay in its order."""
        streams = [_in_order(part) for part in self.parts]
        for _, time, part, event in heapq.merge(*streams, key=itemgetter(0)):
            yield time, part, event


def _in_order(part: Part) -> Iterator[tuple[int, int, Part, Event]]:
    latest = 0
    for time, event in part.events():
        latest = max(latest, time)  # a clock that was put back must not tear the log apart
        yield latest, time, part, event


def _starts(log: Log) -> dict[int, int]:
    """When each session of `log` began, ns since 1970-01-01 UTC, as the process lane tells it."""
    clock, known = Clock(log.header), log.sessions
    found: dict[int, int] = {}
    with contextlib.suppress(BadLog):  # who reads the log will say so
        for event in log.events(PROCESS_LANE):
            clock.feed(event)
            if event.session not in known:
                continue
            found.setdefault(event.session, clock.wall(event.time))
            under_way = event.type == "session_start" and number(event, "flags") & SESSION_UNDER_WAY
            if under_way and (created := number(event, "start_time")):
                found[event.session] = clock.wall(created)
    return found


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Recording]:
    """The recording at `path`, a log or a folder of logs, open and checked.

    Of a folder, logs that cannot be opened are `broken`, as long as there is one that can.
    Raises BadLog, NewerLog, NoSuchRecording or AuditError.
    """
    with contextlib.ExitStack() as files:
        if not path.is_dir():
            yield Recording(path, [_part(path, files)], [], is_folder=False)
            return
        parts, broken = [], []
        logs = _logs(path)
        make_room(len(logs))
        for log in logs:
            try:
                parts.append(_part(log, files))
            except AuditError as error:
                broken.append(Broken(log, error))
        if not parts:
            first = broken[0].problem
            raise type(first)(f"{printable(str(path))}: none of its logs can be read: {first}")
        yield Recording(path, parts, broken, is_folder=True)


def _logs(folder: Path) -> list[Path]:
    try:
        found = logs_in(folder)
    except OSError as error:
        raise AuditError(f"cannot read the folder {printable(str(folder))}: {error.strerror}") from error
    if not found:
        raise NoSuchRecording(f"there is no recording in the folder {printable(str(folder))}: no file *{SUFFIX}")
    return found


def _part(path: Path, files: contextlib.ExitStack) -> Part:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a FIFO would be waited for
            raise BadLog(f"{printable(str(path))} is not a regular file: save the recording to one")
        log = files.enter_context(open_log(path))
    except FileNotFoundError as error:
        raise NoSuchRecording(f"there is no file {printable(str(path))}") from error
    except OSError as error:
        raise AuditError(f"cannot read {printable(str(path))}: {error.strerror}") from error
    return Part(path.name.removesuffix(SUFFIX), log, log.damage)
