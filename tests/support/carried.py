"""A small log, and a carrier that brings it without any recorder."""

import select
from collections.abc import Callable
from typing import Any

from kubectl_ebpfaudit.carrier import STOP, Interruptible, Slow
from recorder.events import header_entries, layouts
from recorder.log.errors import AuditError
from recorder.log.writer import LogWriter

SECOND = 10**9
_LAYOUTS = {layout.name: layout for layout in layouts().values()}
Chunk = bytes | Callable[[], object] | None
"""What one `read` does: gives bytes, finds nothing (None), or calls something and finds nothing.

If that is true, a word for the recorder is waited for."""

_WORD_SECONDS = 60


def event(name: str, time: int, session: int = 1, target: int = 1, pid: int = 100, **fields: Any) -> list[Any]:
    """An event as a log holds it; fields that are not given are 0 or empty."""
    layout = _LAYOUTS[name]
    values = [fields.pop(f.name, 0) for f in layout.own] + [fields.pop(f.name, b"") for f in layout.tails]
    assert not fields
    return [layout.type, time, 0, target, session, pid, *values]


def exec_of(*argv: bytes, time: int = 2 * SECOND, session: int = 1) -> list[Any]:
    joined = b"".join(word + b"\0" for word in argv)
    return event("exec", time, session, argv=joined, argv_total=len(joined), filename=argv[0])


def header(**changes: Any) -> dict[str, Any]:
    target = {
        "namespace": "default",
        "pod": "victim",
        "container": "app",
        "container_id": "ab" * 32,
        "cgroup": "/kubepods/x",
        "cgroup_id": 7,
    }
    return {
        "recording": "11111111-2222-3333-4444-555555555555",
        "clock": {"monotonic": 0, "realtime": 1_700_000_000 * SECOND},
        "node": {"name": "node1"},
        "targets": [target],
        "events": header_entries(),
        **changes,
    }


def session_events() -> list[list[Any]]:
    """One session with one command."""
    return [
        event("session_start", SECOND),
        exec_of(b"ls", b"-la"),
        event("session_end", 3 * SECOND, exit_code=3),
    ]


def log_objects(
    events: list[list[Any]] | None = None, lost_bytes: int = 0, reason: str = "sessions", **header_changes: Any
) -> list[bytes]:
    """The objects of a whole log: header, a block of process events, a block of bytes, end record."""
    objects: list[bytes] = []
    writer = LogWriter(objects.append, header(**header_changes))
    writer.add("process", session_events() if events is None else events)
    writer.flush()
    writer.add("bytes", [event("tty_out", 2 * SECOND, data=b"hello\r\n", tty=1)])
    totals = {"sessions": 1, "execs": 1, "output_bytes": 7, "input_bytes": 0}
    writer.end(reason, {**totals, "lost_events": 0, "lost_bytes": lost_bytes})
    return objects


class FakeCarrier:
    """Brings `chunks` one a read. Asked to stop, it goes on with `after_stop`."""

    def __init__(
        self,
        chunks: list[Chunk],
        after_stop: list[Chunk] | None = None,
        error: AuditError | None = None,
        left: str = "",
    ) -> None:
        self._chunks, self.after_stop, self.left = list(chunks), after_stop or [], left
        self._error = error or AuditError("the recorder died")
        self.told: list[bytes] = []
        self.acknowledged = 0
        self.closed: list[bool] = []
        self.name = "ebpfaudit-1"
        self.away = 0.0
        self.trouble = ""
        self.behind = 0
        self.is_dead = False
        self.let_go = False

    def create(self, interruptible: Interruptible) -> None:
        with interruptible():
            return

    def start(self, interruptible: Interruptible, slow: Slow | None = None) -> None:
        with interruptible():
            return

    def cancel(self) -> bool:
        return True

    def read(self, wake: int, seconds: float) -> bytes | None:
        if not self._chunks:
            return b""
        chunk = self._chunks.pop(0)
        if callable(chunk):
            if chunk():
                select.select([wake], [], [], _WORD_SECONDS)
            return None
        return chunk

    def tell(self, line: bytes) -> None:
        self.told.append(line)
        if line == STOP:
            self._chunks = list(self.after_stop)

    def acknowledge(self, offset: int) -> None:
        self.acknowledged = offset

    def leave(self) -> None:
        self.let_go = True

    def failure(self) -> AuditError:
        return self._error

    def close(self, whole: bool) -> str:
        if not self.closed:
            self.closed.append(whole)
        return self.left
