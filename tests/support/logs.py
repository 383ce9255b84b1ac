"""Synthetic logs, from events given by name, through the real writer: the same events make the same bytes."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any
from unittest import mock

from recorder import events
from recorder.log.format import BYTE_LANE, PROCESS_LANE
from recorder.log.writer import LogWriter

MS = 1_000_000
SECOND = 1_000 * MS
MONOTONIC = 1_000 * SECOND
REALTIME = 1_767_323_045 * SECOND
"""2026-01-02T03:04:05Z"""

TARGET = {
    "namespace": "default",
    "pod": "victim",
    "container": "main",
    "container_id": "containerd://" + "c0" * 32,
    "cgroup": "/kubepods/victim",
    "cgroup_id": 4242,
}

_LAYOUTS = {layout.name: layout for layout in events.layouts().values()}
_DEFAULTS: dict[str, Any] = {"bytes": b""}


def header(**changes: Any) -> dict[str, Any]:
    """The map that a writer takes, as of a small recording of one container."""
    return {
        "recording": "11111111-2222-4333-8444-555555555555",
        "clock": {"monotonic": MONOTONIC, "realtime": REALTIME},
        "recorder": {"version": "0.1.0"},
        "node": {"name": "node-1", "kernel": "6.18.0", "arch": "x86_64"},
        "probes": {"exec": "raw tracepoint sched_process_exec", "tty": "fexit pty_write"},
        "options": {"input": True},
        "targets": [TARGET],
        "events": events.header_entries(),
        "enums": events.enums(),
        **changes,
    }


class LogBuilder:
    """Collects events; `at` is in ns since the recording began. Sequence numbers count by themselves."""

    def __init__(self, **header_changes: Any) -> None:
        self.header = header(**header_changes)
        self.totals = {
            "sessions": 0, "execs": 0, "output_bytes": 0, "input_bytes": 0, "lost_events": 0, "lost_bytes": 0
        }  # fmt: skip
        self._lanes: dict[str, list[list[Any]]] = {PROCESS_LANE: [], BYTE_LANE: []}
        self._seq: defaultdict[tuple[int, str], int] = defaultdict(int)
        self._offsets: dict[tuple[int, str], int] = {}
        self.last = 0

    def add(self, name: str, at: int, session: int = 1, pid: int = 100, **fields: Any) -> "LogBuilder":
        """One event; a field that is not given is 0 or empty, an offset what follows from those before."""
        layout = _LAYOUTS[name]
        own = {f.name: _DEFAULTS.get(f.type, 0) for f in (*layout.own, *layout.tails)}
        unknown = fields.keys() - own.keys() - {"seq", "target"}
        if unknown:
            raise TypeError(f"{name} has no field {', '.join(sorted(unknown))}")
        lane = (
            BYTE_LANE
            if name.startswith(("tty_", "stream_")) or own.get("direction") or fields.get("direction")
            else PROCESS_LANE
        )
        counter = fields.get("target", 1), lane
        seq = fields["seq"] if "seq" in fields else self._seq[counter]
        self._seq[counter] += "seq" not in fields
        own |= {k: v for k, v in fields.items() if k in own}
        if name in ("tty_out", "tty_in"):
            self._stream(name, own, fields)
        elif name == "stream_data":
            self._pipe(own, fields)
        if name == "exec" and not fields.get("argv_total"):
            own["argv_total"] = len(own["argv"])
        self._count(name, own)
        event = [layout.type, MONOTONIC + at, seq, fields.get("target", 1), session, pid, *own.values()]
        self._lanes[lane].append(event)
        self.last = max(self.last, at)
        return self

    def come(self, at: int, target: int, about: bytes | None = None, **changes: Any) -> "LogBuilder":
        """Adds that a target comes under watch; what is told of it is that of TARGET with `changes`, or `about`."""
        told = {**TARGET, "cgroup": f"/kubepods/{target}", **changes}
        cgroup = told.pop("cgroup_id")
        about = json.dumps(told).encode() if about is None else about
        return self.add("target_start", at, 0, 0, seq=None, target=target, cgroup=cgroup, about=about)

    def lose(self, events: int, lane: str = PROCESS_LANE, target: int = 1) -> "LogBuilder":
        """Leaves out sequence numbers of a target's lane, as if events were lost."""
        self._seq[target, lane] += events
        return self

    def _stream(self, name: str, own: dict[str, Any], given: dict[str, Any]) -> None:
        own["tty"] = own["tty"] or 1
        key = (own["tty"], name)
        if "offset" not in given:
            own["offset"] = self._offsets.get(key, 0)
        self._offsets[key] = own["offset"] + len(own["data"]) + own.get("hidden", 0)

    def _pipe(self, own: dict[str, Any], given: dict[str, Any]) -> None:
        key = (own["stream"], "stream")
        if "offset" not in given:
            own["offset"] = self._offsets.get(key, 0)
        self._offsets[key] = own["offset"] + len(own["data"]) + own["left_out"]

    def _count(self, name: str, own: dict[str, Any]) -> None:
        totals = self.totals
        totals["sessions"] += name == "session_start"
        totals["execs"] += name == "exec"
        totals["output_bytes"] += len(own["data"]) if name == "tty_out" else 0
        totals["input_bytes"] += len(own["data"]) if name == "tty_in" else 0
        if name == "stream_data":
            totals["output_bytes" if own["fd"] else "input_bytes"] += len(own["data"]) + own["left_out"]
        if name == "gap":
            totals["lost_events"] += own["events"]
            totals["lost_bytes"] += own["bytes"]

    def objects(self, end: str | None = "target gone", split: int = 1 << 20) -> list[bytes]:
        """The objects, each as its bytes, with `split` events to a block; no end record without `end`."""
        written: list[bytes] = []
        log = LogWriter(written.append, self.header)
        rest = {name: list(found) for name, found in self._lanes.items()}
        while any(rest.values()):
            for name, found in rest.items():
                log.add(name, found[:split])
                del found[:split]
            log.flush()
        if end is not None:
            ended = MONOTONIC + self.last + SECOND
            with mock.patch("time.clock_gettime_ns", return_value=ended):
                log.end(end, self.totals)
        return written

    def build(self, end: str | None = "target gone", split: int = 1 << 20) -> bytes:
        """The whole log."""
        return b"".join(self.objects(end, split))

    def save(self, path: Path, end: str | None = "target gone", split: int = 1 << 20) -> Path:
        """The whole log in a file."""
        path.write_bytes(self.build(end, split))
        return path


def argv(*words: str | bytes) -> bytes:
    """`words` as an exec event has them."""
    return b"".join((w if isinstance(w, bytes) else w.encode()) + b"\0" for w in words)


def run(log: LogBuilder, at: int, pid: int, *words: str | bytes, ppid: int = 100, **fields: Any) -> LogBuilder:
    """Adds the fork and the exec of a command; its process ID in the container is `pid` - 90."""
    first = words[0] if isinstance(words[0], bytes) else words[0].encode()
    session = fields.pop("session", 1)
    start = MONOTONIC + at
    target = fields.get("target", 1)
    log.add("fork", at, session, ppid, child=pid, child_ns_pid=pid - 90, child_start_time=start, target=target)
    of_exec = {"start_time": start, "ppid": ppid, "ns_pid": pid - 90, "ns_ppid": ppid - 90, "cwd": b"/root"}
    of_exec |= {"filename": b"/bin/" + first, "argv": argv(*words)}
    return log.add("exec", at + MS, session, pid, **{**of_exec, **fields})


def start_shell(
    log: LogBuilder, at: int = 0, session: int = 1, pid: int = 100, tty: int = 1, target: int = 1
) -> LogBuilder:
    """Adds the start of a session that runs bash, on a terminal unless `tty` is 0."""
    start = MONOTONIC + at - MS
    log.add("session_start", at, session, pid, start_time=start, ns_pid=pid - 90, target=target)
    log.add(
        "exec", at + MS, session, pid, start_time=start, ppid=50, ns_pid=pid - 90, tty=tty,
        filename=b"/bin/bash", cwd=b"/root", argv=argv("bash"), target=target,
    )  # fmt: skip
    if tty:
        log.add("tty_open", at + 2 * MS, session, pid, tty=tty, rows=24, cols=80, target=target)
    return log


def shell_session(**header_changes: Any) -> LogBuilder:
    """A small, whole recording: a shell that runs a few commands, with typing, a password and a resize."""
    log = start_shell(LogBuilder(**header_changes))
    log.add("tty_out", 10 * MS, data=b"root@victim:~# ")
    log.add("tty_in", SECOND, data=b"ls -la\r")
    log.add("tty_out", SECOND + MS, data=b"ls -la\r\n")
    run(log, SECOND + 5 * MS, 101, "ls", "-la", tty=1)
    log.add("tty_out", SECOND + 9 * MS, data=b"total 0\r\n\x1b[01;34mbin\x1b[0m  caf\xc3\xa9\r\n")
    log.add("exit", SECOND + 10 * MS, pid=101, start_time=MONOTONIC + SECOND + 5 * MS)
    log.add("tty_resize", 2 * SECOND, tty=1, rows=50, cols=120)
    run(log, 3 * SECOND, 102, "sh", "-c", "exec sleep 100", tty=1)
    log.add(
        "exec", 3 * SECOND + 5 * MS, pid=102, start_time=MONOTONIC + 3 * SECOND, ppid=100,
        ns_pid=12, ns_ppid=10,
        filename=b"/bin/sleep", cwd=b"/root", argv=argv("sleep", "100"), tty=1,
    )  # fmt: skip
    log.add("tty_in", 4 * SECOND, data=b"\x03")
    log.add("exit", 4 * SECOND + MS, pid=102, start_time=MONOTONIC + 3 * SECOND, signal=2)
    log.add("exec_failed", 5 * SECOND, pid=100, error=2, filename=b"/bin/nosuch")
    log.add("tty_in", 6 * SECOND, hidden=8)
    log.add("tty_out", 7 * SECOND, data=b"exit\r\n")
    log.add("exit", 7 * SECOND + MS, pid=100, start_time=MONOTONIC - MS, exit_code=1)
    log.add("tty_close", 7 * SECOND + 2 * MS, tty=1, out_bytes=62, in_bytes=16)
    return log.add("session_end", 7 * SECOND + 3 * MS, exit_code=1)
