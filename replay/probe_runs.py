"""Which sessions are runs of a pod's probes and hooks, as far as the first command tells, while the events pass."""

from collections.abc import Mapping

from recorder.log.events import Event
from recorder.log.probe_commands import Commands, words
from replay.fields import data, number
from replay.kinds import probes
from replay.model import Watched


class ProbeRuns:
    """As the recorder counts them (recorder/probe_runs.py)."""

    def __init__(self) -> None:
        self._beginning: set[int] = set()

    def begins(self, event: Event, targets: Mapping[int, Watched]) -> str:
        """What the session is a run of, if this is its first command and that of a probe; else empty."""
        if event.type == "session_start" and not number(event, "flags"):
            self._beginning.add(event.session)
        if event.type != "exec" or event.session not in self._beginning:
            return ""
        self._beginning.discard(event.session)
        watched = targets.get(event.target)
        known: Commands = probes(watched.target) if watched else {}
        return known.get(words(data(event, "argv")), "") if known and not number(event, "tty") else ""
