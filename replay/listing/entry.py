"""A recording in an overview: one log, or the logs of a folder."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorder.log.format import SUFFIX
from replay.listing.summary import COMPLETE, CUT, RECORDING, TOTALS, Summary
from replay.run import BROKEN

STATES = (BROKEN, CUT, RECORDING, COMPLETE)
"""Of a recording; of the states of several logs the first of these counts."""


_PLACES = {name: place for place, name in enumerate(TOTALS)}


@dataclass(slots=True, eq=False)
class Entry:
    """A recording of the store. Text is not escaped; times are ns since 1970-01-01 UTC.

    There may be tens of thousands, nearly all of one log: what the usual columns ask for has a quick way for these.
    """

    folder: Path
    name: str
    logs: tuple[Summary, ...]
    is_folder: bool = False
    is_written: bool = False
    """Whether some program is writing to it."""

    @property
    def path(self) -> Path:
        return self.folder / self.name

    @property
    def stem(self) -> str:
        """The name by which it is asked for."""
        return self.name if self.is_folder else self.name.removesuffix(SUFFIX)

    @property
    def readable(self) -> list[Summary]:
        """Its logs that are not broken."""
        return [log for log in self.logs if log.state != BROKEN]

    @property
    def ids(self) -> list[str]:
        return list(dict.fromkeys(log.recording for log in self.readable))

    @property
    def started(self) -> int | None:
        if len(self.logs) == 1:
            started = self.logs[0].started
            return None if started < 0 else started
        return min((log.started for log in self.readable), default=None)

    @property
    def lasted(self) -> int | None:
        """ns"""
        started, ended = self.started, self.ended
        return max(ended - started, 0) if started is not None and ended is not None else None

    @property
    def ended(self) -> int | None:
        """When the last of its logs ended, None if that of one is not known."""
        if len(self.logs) == 1:
            ended = self.logs[0].ended
            return None if ended < 0 else ended
        ends = [log.ended for log in self.logs]
        return max(ends) if ends and min(ends) >= 0 else None

    @property
    def names(self) -> list[str]:
        """Its targets."""
        if len(self.logs) == 1 and len(self.logs[0].names) == 1:
            return list(self.logs[0].names)
        return list(dict.fromkeys(name for log in self.logs for name in log.names))

    @property
    def targets(self) -> list[dict[str, Any]]:
        """All that is known of its targets."""
        return [target for log in self.logs for target in json.loads(log.targets)]

    @property
    def users(self) -> list[str]:
        """Who its sessions were."""
        return list(dict.fromkeys(user for log in self.logs for user in log.users))

    @property
    def namespaces(self) -> set[str]:
        return {name for log in self.logs for name in log.namespaces}

    @property
    def state(self) -> str:
        """broken | cut | recording | complete: the worst of its logs"""
        state = self.logs[0].state if len(self.logs) == 1 else min((log.state for log in self.logs), key=STATES.index)
        return RECORDING if self.is_written and state == CUT else state

    @property
    def size(self) -> int:
        """bytes"""
        return sum(log.size for log in self.logs)

    @property
    def problems(self) -> list[str]:
        """What is wrong with its logs."""
        wrong = [log for log in self.logs if log.problem]
        return [f"{log.file}: {log.problem}" if self.is_folder else log.problem for log in wrong]

    @property
    def reasons(self) -> list[str]:
        """Why its logs ended."""
        return list(dict.fromkeys(log.reason for log in self.logs if log.ended >= 0))

    def total(self, name: str) -> int | None:
        """A count over all its logs, None if that of one is not known."""
        place = _PLACES[name]
        if len(self.logs) == 1:
            total = self.logs[0].totals[place]
            return None if total < 0 else total
        counts = [log.totals[place] for log in self.logs]
        return sum(counts) if counts and min(counts) >= 0 else None
