"""The commands of a container's probes and hooks, which the client has written into the log with its target."""

from collections.abc import Mapping
from typing import Any

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


def words(argv: bytes) -> tuple[bytes, ...]:
    """The arguments of an exec event."""
    return tuple(argv.removesuffix(b"\0").split(b"\0"))
