"""Sessions on pipes that all begin at once, and whether each is recorded whole.

Run as a program, with the bytes that each session is sent, it records them on this machine and prints one JSON object:
{"taken", "sessions", "begun", "exact", "whole", "gaps"}: the ways that were taken, how many sessions there were and how
many were seen, whether each recorded piece is one of what went through, whether all is there, and reasons of gaps.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.support.container import container
from tests.support.recorder import Recording, recording

SESSIONS = 6
_SECONDS = 300
_RING = 64 << 20


def record(size: int) -> dict[str, Any]:
    """Records the sessions; what the program prints."""
    sent = [os.urandom(size) for _ in range(SESSIONS)]
    # With room for all of it: what has to give way to what is not asked here.
    with container() as victim, recording({"container_id": victim.id}, byte_ring_bytes=_RING) as live:
        argv = victim.exec_argv("/bin/cat", tty=False)
        with ThreadPoolExecutor(SESSIONS) as crowd:
            received = list(crowd.map(lambda data: _through(argv, data), sent))
        assert received == sent
        live.stop()
        live.end()
    pieces = [e.fields["data"] for e in live.of("stream_data")]
    return {
        "taken": live.header.raw["probes"],
        "sessions": SESSIONS,
        "begun": len(live.of("session_start")),
        "exact": all(any(piece in data for data in sent) for piece in pieces),
        "whole": sorted(_streams(live)) == sorted(2 * sent),
        "gaps": sorted({e.fields["reason"] for e in live.of("gap")}),
    }


def _through(argv: list[str], data: bytes) -> bytes:
    return subprocess.run(argv, input=data, stdout=subprocess.PIPE, check=True, timeout=_SECONDS).stdout


def _streams(live: Recording) -> list[bytes]:
    """What went through each pipe that anything went through."""
    found: dict[int, bytearray] = {}
    for e in live.of("stream_data"):
        found.setdefault(e.fields["stream"], bytearray()).extend(e.fields["data"])
    return [bytes(data) for data in found.values()]


if __name__ == "__main__":
    print(json.dumps(record(int(sys.argv[1]))))
