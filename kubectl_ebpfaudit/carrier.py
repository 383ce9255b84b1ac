"""What brings a log from a recorder to this machine. One recorder, one way to read it, several ways there.

A carrier starts a recorder, gives the bytes of its log from the first on, and removes all that it started.
"""

import json
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from recorder.log.errors import AuditError

IDLE_CLIENT_SECONDS = 60
"""Seconds without a client after which a recorder ends by itself: so long a connection may be away."""

Interruptible = Callable[[], AbstractContextManager[None]]
"""Makes a region of code in which a signal of the user ends the program (see interrupt.Signals)."""


@dataclass(frozen=True)
class Order:
    """What the recorder is asked to do. `targets` and `node` are described in docs/architecture.md."""

    targets: list[dict[str, Any]]
    duration: float | None = None
    sessions: int | None = None
    input: bool = True
    node: dict[str, Any] = field(default_factory=dict)
    recording: str = field(default_factory=lambda: str(uuid.uuid4()))

    def config(self, sysfs: str, max_log_bytes: int | None = None) -> str:
        """The recorder's --config; `sysfs` is where it finds the node's /sys, `max_log_bytes` ends the log."""
        config = {
            "recording": self.recording,
            "targets": self.targets,
            "duration": self.duration,
            "sessions": self.sessions,
            "input": self.input,
            "sysfs": sysfs,
            "idle_client_seconds": IDLE_CLIENT_SECONDS,
            "max_log_bytes": max_log_bytes,
            "node": self.node,
        }
        return json.dumps(config)


class Carrier(Protocol):
    """Used by one thread. `read` and `stop` only after `start`; `close` always, on every way out."""

    def start(self, interruptible: Interruptible) -> None:
        """Starts the recorder. Raises AuditError if it cannot; `close` is still to be called."""

    def read(self, wake: int, seconds: float) -> bytes | None:
        """The next bytes of the log; b"" after the last.

        None if there were none within `seconds`, or the file descriptor `wake` has become readable before.
        """

    def stop(self) -> None:
        """Asks the recorder to end the log. What was recorded up to now still follows, and the end record."""

    def failure(self) -> AuditError:
        """Why the log ended without an end record. Only after `read` has given b""."""

    def close(self, whole: bool) -> str:
        """Removes all that was started and waits until it is gone; a second call does nothing.

        `whole`: the end record was read, so that the recorder is about to end by itself.
        Returns "", or one line that says what could not be removed and how to do it by hand.
        """
