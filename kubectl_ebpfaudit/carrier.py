"""What brings a log from a recorder to this machine. One recorder, one way to read it, several ways there.

A carrier starts a recorder, or finds one that runs, gives the bytes of its log, and removes all that it started.
"""

import json
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from recorder.log.errors import AuditError

PROTOCOL = 2
"""Of the configuration and of what is said to a recorder; recorder/config.py has the other side's."""

CLIENT_SECONDS = 60.0
"""Seconds without a client after which a recorder ends by itself: so long a connection may be away."""

FIRST_CLIENT_SECONDS = 120.0
"""The same for the first connection, which has to wait for an API server and a network that may be busy."""

SPOOL_BYTES = 1 << 30
STREAM_BYTES = 16 << 20

_CONFIG = "--config"
_MAX_ARGUMENT = 100_000
"""Characters: Linux takes no argument of 128 KiB (MAX_ARG_STRLEN)."""
_MAX_CONFIG = 1_000_000
"""Characters: etcd takes no object of 1.5 MiB, and Linux no more than 2 MiB of arguments and environment."""

STOP, GONE = b"stop\n", b"gone\n"
"""End the log; end it since nothing of what is recorded will come back."""

Slow = Callable[[str], None]
"""Is told, in words that are safe to print, what it is that takes long."""

Interruptible = Callable[[], AbstractContextManager[None]]
"""Makes a region of code in which a signal of the user ends the program (see interrupt.Signals)."""


@dataclass(frozen=True)
class Order:
    """What a recorder is asked to do. `targets` and `node` go into the header of its log as they are.

    All seconds may be None: without end. recorder/config.py says what each of them means.
    """

    targets: list[dict[str, Any]]
    duration: float | None = None
    sessions: int | None = None
    input: bool = True
    node: dict[str, Any] = field(default_factory=dict)
    recording: str = field(default_factory=lambda: str(uuid.uuid4()))
    client_seconds: float | None = CLIENT_SECONDS
    first_client_seconds: float = FIRST_CLIENT_SECONDS
    linger_seconds: float | None = CLIENT_SECONDS
    gone_seconds: float | None = 0.0
    follow: bool = False
    may_be_gone: bool = False
    spool_bytes: int = SPOOL_BYTES
    probes: dict[str, list[str]] = field(default_factory=dict)
    stream_limit: int = STREAM_BYTES

    def config(self, sysfs: str, own_spool: bool = False) -> str:
        """The recorder's --config. `sysfs` is where it finds the node's /sys.

        `own_spool`: it removes the folder of its spool when it ends.
        """
        config = {
            "protocol": PROTOCOL,
            "recording": self.recording,
            "targets": self.targets,
            "duration": self.duration,
            "sessions": self.sessions,
            "input": self.input,
            "sysfs": sysfs,
            "idle_client_seconds": self.client_seconds,
            "first_client_seconds": self.first_client_seconds,
            "linger_seconds": self.linger_seconds,
            "gone_seconds": self.gone_seconds,
            "follow": self.follow,
            "may_be_gone": self.may_be_gone,
            "spool_bytes": self.spool_bytes,
            "stream_limit": self.stream_limit,
            "own_spool": own_spool,
            "node": self.node,
            **({"probes": self.probes} if self.probes else {}),
        }
        return json.dumps(config)


def target_line(target: dict[str, Any]) -> bytes:
    """What tells a recorder of one more target, or more of one that it has."""
    return b"target " + json.dumps(target).encode() + b"\n"


def agent_arguments(spool: str, config: str) -> list[str]:
    """The recorder's command that records as `config` (of Order.config) says. Raises AuditError if that is too long."""
    if len(config) > _MAX_CONFIG:
        raise AuditError(
            f"what is to be recorded on one node takes {len(config) / 1e6:.1f} MB to say, and a recorder has room for "
            f"{_MAX_CONFIG / 1e6:.0f} MB: record fewer containers at once (-c, -l, -n)"
        )
    first, *rest = [config[at : at + _MAX_ARGUMENT] for at in range(0, len(config), _MAX_ARGUMENT)]
    # Of the usual one part, as recorders of before this rule want it.
    return ["agent", "--spool", spool, _CONFIG, first, *(f"{_CONFIG}={part}" for part in rest)]


def config_of(arguments: list[str]) -> str:
    """The `config` in a command of `agent_arguments`. Raises ValueError or IndexError if there is none."""
    first = arguments.index(_CONFIG) + 1
    rest = (word for word in arguments[first + 1 :] if word.startswith(f"{_CONFIG}="))
    return "".join([arguments[first], *(word.removeprefix(f"{_CONFIG}=") for word in rest)])


def serve_arguments(spool: str, offset: int) -> list[str]:
    """The recorder's command that gives its log from byte `offset` on."""
    return ["serve", "--spool", spool, "--from", str(offset), "--protocol", str(PROTOCOL)]


class Carrier(Protocol):
    """`read`, `tell` and `acknowledge` are for one thread, and only after `start`; `close` always, on every way out.

    Only `cancel` may be called while another call is under way.
    """

    name: str
    """What the recorder is called; "" if nobody else can ask for it."""

    def create(self, interruptible: Interruptible) -> None:
        """Asks for the recorder and does not wait for it. As `start` otherwise, which does it if nobody has."""

    def start(self, interruptible: Interruptible, slow: Slow | None = None) -> None:
        """Returns when the recorder runs; tells `slow` if that takes its time.

        Raises AuditError if it cannot; `close` is still to be called.
        """

    def cancel(self) -> bool:
        """Gives up a `start` that another thread is in; `close` is still to be called. For any thread.

        Whether it ends soon; if not, it has made nothing that is to be removed.
        """

    def read(self, wake: int, seconds: float) -> bytes | None:
        """The next bytes of the log; b"" after the last.

        None if there were none within `seconds`, or the file descriptor `wake` has become readable before.
        """

    def tell(self, line: bytes) -> None:
        """Says a line to the recorder. One that is lost on the way is said again after the next connection."""

    def acknowledge(self, offset: int) -> None:
        """All bytes of the log before `offset` are kept here: the recorder may forget them."""

    @property
    def away(self) -> float:
        """Seconds since the connection was lost; 0 if there is one."""

    @property
    def trouble(self) -> str:
        """Why the last attempt to connect again has failed; "" if none has."""

    @property
    def behind(self) -> int:
        """Bytes of the log that wait at the recorder, as far as it has told."""

    def failure(self) -> AuditError:
        """Why the log ended without an end record. Only after `read` has given b""."""

    @property
    def is_dead(self) -> bool:
        """Whether that recorder is known to be gone for good, so that nothing more of its log will ever come."""

    def close(self, whole: bool) -> str:
        """Removes all that was started and waits until it is gone; a second call does nothing.

        `whole`: the end record was read, so that the recorder is about to end by itself.
        Returns "", or one line that says what could not be removed and how to do it by hand.
        """

    def leave(self) -> None:
        """Leaves the recorder as it is, and lets go of it."""
