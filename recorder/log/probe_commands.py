"""The commands of a container's probes and hooks, which the client has written into the log with its target."""

from collections.abc import Mapping
from typing import Any

from recorder.log.argv import split

_MAX = 16

Commands = Mapping[tuple[bytes, ...], str]
"""What each command is: "liveness probe" and the like."""


def commands(told: Any) -> Commands:
    """Those that `probes` of a target tells of; what is none of them is passed over."""
    found: dict[tuple[bytes, ...], str] = {}
    for entry in told[:_MAX] if isinstance(told, (list, tuple)) else ():
        kind, argv = (entry.get("kind"), entry.get("argv")) if isinstance(entry, dict) else (None, None)
        if isinstance(kind, str) and isinstance(argv, (list, tuple)) and all(isinstance(word, str) for word in argv):
            found.setdefault(tuple(word.encode(errors="surrogateescape") for word in argv), kind)
    return found


def run_of(told: Any, tty: int, argv: bytes) -> str:
    """What a session is a run of, by its first command and the `probes` of its target; empty if it is none.

    It is one if that is, without a terminal, the very command of a probe or hook.
    """
    return "" if tty else commands(told).get(split(argv), "")


class Beginning:
    """The sessions whose first command is still to come, which may be runs."""

    def __init__(self) -> None:
        self._sessions: set[int] = set()

    def start(self, session: int, flags: int) -> None:
        """A session begins. One with flags was under way, or came in as no probe does."""
        if not flags:
            self._sessions.add(session)

    def first(self, session: int) -> bool:
        """A session runs a command: whether that is its first."""
        if session not in self._sessions:
            return False
        self._sessions.discard(session)
        return True

    def end(self, session: int) -> None:
        """A session has ended."""
        self._sessions.discard(session)
