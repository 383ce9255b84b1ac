"""Which sessions are runs of a pod's probes and hooks: they come every few seconds, and nobody has entered."""

from collections.abc import Callable
from typing import Any

from recorder import events
from recorder.events import Event
from recorder.log.probe_commands import commands, words

_LAYOUTS = {layout.name: layout for layout in events.layouts().values()}
_START, _END, _EXEC = (_LAYOUTS[name].type for name in ("session_start", "session_end", "exec"))
_FLAGS = 8
_TTY, _ARGV = (1 + _LAYOUTS["exec"].fields.index(name) for name in ("tty", "argv"))


class ProbeRuns:
    """Those of a recording. `about` tells what is known of a target, by number.

    A session is one if it begins, without a terminal, with the very command of a probe of its container.
    """

    def __init__(self, about: Callable[[int], dict[str, Any]]) -> None:
        self._about = about
        self._beginning: set[int] = set()
        self._open: set[int] = set()
        self.begun = 0
        self.others_ended = 0
        """How many sessions have ended that were none."""

    def see(self, arrived: list[Event]) -> None:
        """Takes note of events."""
        for event in arrived:
            kind, session = event[0], event[4]
            if kind == _START and not event[_FLAGS]:
                self._beginning.add(session)
            elif kind == _EXEC and session in self._beginning:
                self._beginning.discard(session)
                if not event[_TTY] and words(event[_ARGV]) in commands(self._about(event[3]).get("probes")):
                    self._open.add(session)
                    self.begun += 1
            elif kind == _END:
                self._beginning.discard(session)
                self.others_ended += session not in self._open
                self._open.discard(session)
