"""Whether the kubectl of the PATH completes plugins. It does from 1.26 on, as its changelog of that version says."""

import json
import subprocess

from replay.escape import printable

_SECONDS = 3.0
_FIRST = (1, 26)


def too_old() -> str | None:
    """The version of a kubectl that completes no plugins; None for any other, or if it cannot be told."""
    try:
        asked = subprocess.run(
            ["kubectl", "version", "--client", "--output=json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
        )
        told = json.loads(asked.stdout)["clientVersion"]
        # Some builds of a vendor's have a minor version like "25+".
        version = int(told["major"]), int(str(told["minor"]).rstrip("+"))
        name = printable(str(told["gitVersion"])[:80])
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return None
    return name if version < _FIRST else None
