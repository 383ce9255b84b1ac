"""What a log's header says."""

import os
import platform
from typing import Any

from recorder import events
from recorder.config import Config
from recorder.log import __version__


def header(
    config: Config, targets: list[dict[str, Any]], probes: dict[str, str], now: int, realtime: int
) -> dict[str, Any]:
    """The map that a LogWriter takes. `now` is ns of CLOCK_MONOTONIC, `realtime` what the wall clock shows then."""
    uname = os.uname()
    return {
        "recording": config.recording,
        "clock": {"monotonic": now, "realtime": realtime},
        "recorder": {"version": __version__, "python": platform.python_version()},
        "node": {
            "name": uname.nodename,
            "kernel": uname.release,
            "arch": uname.machine,
            **config.node,
        },
        "targets": targets,
        "probes": probes,
        "options": {
            "duration": config.duration,
            "sessions": config.sessions,
            "input": config.keep_input,
            "stream_limit": config.stream_limit,
        },
        "events": events.header_entries(),
        "enums": events.enums(),
    }
