"""Which sessions are runs of a pod's probes and hooks, as far as the first command tells, while the events pass."""

from collections.abc import Mapping

from recorder.log.events import Event
from recorder.log.probe_commands import Beginning, run_of
from replay.fields import data, number
from replay.model import Watched


class ProbeRuns:
    """As the recorder counts them (recorder/probe_runs.py)."""

    def __init__(self) -> None:
        self._beginning = Beginning()

    def begins(self, event: Event, targets: Mapping[int, Watched]) -> str:
        """What the session is a run of, if this is its first command and that of a probe; else empty."""
        if event.type == "session_start":
            self._beginning.start(event.session, number(event, "flags"))
        elif event.type == "session_end":
            self._beginning.end(event.session)
        elif event.type == "exec" and self._beginning.first(event.session):
            watched = targets.get(event.target)
            told = watched.target.more.get("probes") if watched else None
            return run_of(told, number(event, "tty"), data(event, "argv"))
        return ""
