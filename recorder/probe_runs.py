"""Which sessions are runs of a pod's probes and hooks: they come every few seconds, and nobody has entered."""

from collections.abc import Callable
from typing import Any

from recorder import events
from recorder.events import Event
from recorder.log.probe_commands import Beginning, run_of

_LAYOUTS = {layout.name: layout for layout in events.layouts().values()}
_START, _END, _EXEC = (_LAYOUTS[name].type for name in ("session_start", "session_end", "exec"))
_FLAGS = 1 + _LAYOUTS["session_start"].fields.index("flags")
_TTY, _ARGV = (1 + _LAYOUTS["exec"].fields.index(name) for name in ("tty", "argv"))


class ProbeRuns:
    """Those of a recording. `about` tells what is known of a target, by number.

    A session is one if its first command says so (recorder/log/probe_commands.py).
    """

    def __init__(self, about: Callable[[int], dict[str, Any]]) -> None:
        self._about = about
        self._beginning = Beginning()
        self._open: set[int] = set()
        self.begun = 0
        self.others_ended = 0
        """How many sessions have ended that were none."""

    def see(self, arrived: list[Event]) -> None:
        """Takes note of events."""
        for event in arrived:
            kind, session = event[0], event[4]
            if kind == _START:
                self._beginning.start(session, event[_FLAGS])
            elif kind == _EXEC and self._beginning.first(session):
                if run_of(self._about(event[3]).get("probes"), event[_TTY], event[_ARGV]):
                    self._open.add(session)
                    self.begun += 1
            elif kind == _END:
                self._beginning.end(session)
                self.others_ended += session not in self._open
                self._open.discard(session)
