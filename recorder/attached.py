"""Sessions of kubectl attach: somebody is at the terminal of a container's own program.

The probes begin one as somebody outside types on that terminal, or sets its size. Until then the program and what it
has started were the container's own, of which nothing is told.
"""

from typing import NamedTuple

from recorder import events
from recorder.events import Event
from recorder.targets import Targets

_START = next(layout for layout in events.layouts().values() if layout.name == "session_start")
_FLAGS = 1 + _START.fields.index("flags")
_ATTACHED = events.enums()["session_flag"]["SESSION_ATTACHED"]


class _Begun(NamedTuple):
    target: int
    session: int
    root: int


class Attached:
    """Those of a recording."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._begun: list[_Begun] = []

    def see(self, arrived: list[Event]) -> None:
        """Takes note of those that begin."""
        self._begun += (
            _Begun(event[3], event[4], event[5])
            for event in arrived
            if event[0] == _START.type and event[_FLAGS] & _ATTACHED
        )

    def take_in(self, now: int) -> list[Event]:
        """The events (of time `now`, ns) that tell what runs on the terminals of those that have begun since."""
        begun, self._begun = self._begun, []
        return [event for of in begun for event in self._targets.attached(of.target, of.session, of.root, now)]
