"""The recorder: from the rings to the log."""

import contextlib
import gc
import os
import platform
import signal
import time
from pathlib import Path
from typing import Any

from recorder import bpf, events, loss, probes
from recorder.cgroups import Cgroups
from recorder.config import Config
from recorder.control import Control
from recorder.events import Event
from recorder.log import __version__
from recorder.log.errors import NotRoot
from recorder.log.format import BYTE_LANE, PROCESS_LANE
from recorder.log.writer import LogWriter
from recorder.owners import holds_master
from recorder.ring import Ring
from recorder.scope import BYTES, PROCESS, Scope
from recorder.serve import LOG
from recorder.sessions import Sessions
from recorder.spool import Spool

GATHER_SECONDS = 0.01  # how long events may gather in a ring before they are taken out together
TICK_SECONDS = 0.1
MAX_PASSES = 16  # of 1 MiB a ring, between two looks at everything else
PROCESS_FLUSH_SECONDS = 0.25  # for who looks on
FLUSH_SECONDS = 1.0
CLOCK_STEP_NS = 1_000_000
OWNERLESS_SECONDS = 5.0
LOST_CLOSE_SECONDS = 2.0  # a terminal that the kernel has forgotten so long ago: its tty_close was lost

_LAYOUTS = events.layouts()
_TYPES = {layout.name: number for number, layout in _LAYOUTS.items()}
_CWD = 1 + _LAYOUTS[_TYPES["exec"]].fields.index("cwd")
_TARGET_EXITED = events.enums()["target_end_reason"]["TARGET_EXITED"]


def monotonic() -> int:
    """ns of CLOCK_MONOTONIC, the clock of the events."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def _turn_cwd(arrived: list[Event]) -> None:
    """The kernel gives a working directory from the inside out, bpf/exec.c."""
    for event in arrived:
        if event[0] == _TYPES["exec"]:
            event[_CWD] = b"/" + b"/".join(event[_CWD].split(b"\0")[-2::-1])


class Agent:
    """One recording. Raises AuditError for whatever keeps it from starting or going on."""

    def __init__(self, config: Config, spool: Path) -> None:
        if os.geteuid() != 0:
            raise NotRoot("recording needs root: run it with sudo")
        self._config = config
        self._control = Control(spool)
        self._terminations = 0
        signal.signal(signal.SIGTERM, self._on_term)
        signal.signal(signal.SIGINT, self._on_term)
        cgroups = Cgroups(config.sysfs)
        targets = [cgroups.find(t) for t in config.targets]
        rings = (config.process_ring_bytes, config.byte_ring_bytes)
        self._probes = probes.load(config.keep_input, config.ways or probes.TTY_WAYS, rings)
        self._scope = Scope(self._probes, targets)
        self._rings = (
            Ring(self._probes.maps["process_ring"], rings[PROCESS]),
            Ring(self._probes.maps["byte_ring"], rings[BYTES]),
        )
        for ring in self._rings:
            self._control.watch(ring.fd)
        self._decoders = {number: layout.decoder() for number, layout in _LAYOUTS.items()}
        self._lanes = (
            loss.Lane(lambda target: self._scope.lost(target, PROCESS)),
            loss.Lane(lambda target: self._scope.lost(target, BYTES)),
        )
        self._streams = loss.Streams()
        self._sessions = Sessions()
        self._missed = 0
        self._gone: set[int] = set()
        self._all_gone_since = 0.0
        self._taken_until = 0
        self._lingering_since: dict[int, float] = {}
        self._spool = Spool(spool / LOG)
        now = monotonic()
        under_way = self._scope.open(now)
        self._realtime_offset = time.time_ns() - monotonic()
        self._writer = LogWriter(self._spool.write, self._header(targets, now))
        self._put(PROCESS_LANE, under_way)
        self._writer.flush()

    def _on_term(self, _signal: int, _frame: object) -> None:
        self._terminations += 1

    def _header(self, targets: list[Any], now: int) -> dict[str, Any]:
        uname = os.uname()
        return {
            "recording": self._config.recording,
            "clock": {"monotonic": now, "realtime": now + self._realtime_offset},
            "recorder": {"version": __version__, "python": platform.python_version()},
            "node": {
                "name": uname.nodename,
                "kernel": uname.release,
                "arch": uname.machine,
                **self._config.node,
            },
            "targets": [{**t.about, "cgroup": t.name, "cgroup_id": t.cgroup_id} for t in targets],
            "probes": self._probes.taken,
            "options": {
                "duration": self._config.duration,
                "sessions": self._config.sessions,
                "input": self._config.keep_input,
            },
            "events": events.header_entries(),
            "enums": events.enums(),
        }

    def _put(self, lane: str, arrived: list[Event]) -> None:
        if arrived:
            self._sessions.see(arrived)
            self._writer.add(lane, arrived)

    def run(self) -> None:
        """Records until it is over, writes the end record and serves until the clients have it."""
        gc.freeze()
        gc.disable()  # nothing here makes cycles, and a collection is a pause
        started = ticked = flushed = process_flushed = time.monotonic()
        reason = None
        while reason is None:
            self._control.wait(GATHER_SECONDS if self._busy() else TICK_SECONDS)
            time.sleep(GATHER_SECONDS)
            self._take()
            now = time.monotonic()
            if now - ticked >= TICK_SECONDS:
                ticked = now
                self._tick()
            if now - process_flushed >= PROCESS_FLUSH_SECONDS:
                process_flushed = now
                self._writer.flush_lane(PROCESS_LANE)
            if now - flushed >= FLUSH_SECONDS:
                flushed = now
                self._writer.flush()
            reason = self._over(now - started)
        self._end(reason)
        self._linger()

    def _busy(self) -> bool:
        return self._lanes[PROCESS].waiting or self._lanes[BYTES].waiting

    def _take(self) -> None:
        """Empties the rings; what happened before the last call goes into the log."""
        # Not until they are empty: one who fills them as fast as they are emptied must not stop the rest.
        for _ in range(MAX_PASSES):
            until, self._taken_until = self._taken_until, monotonic()
            more = False
            for ring, lane in zip(self._rings, self._lanes, strict=True):
                arrived: list[Event] = []
                more |= ring.drain(self._decoders, arrived)
                lane.take(arrived)
            self._release(until)
            if not more:
                return

    def _release(self, until: int, final: bool = False) -> None:
        ready = self._lanes[PROCESS].release(until, final)
        _turn_cwd(ready)
        self._put(PROCESS_LANE, ready)
        self._put(BYTE_LANE, self._streams.check(self._lanes[BYTES].release(until, final)))
        # By way of the lane, which may hold earlier events back.
        self._lanes[PROCESS].take(self._sessions.finish(until))
        if final:
            self._put(PROCESS_LANE, self._lanes[PROCESS].release(until, final))

    def _tick(self) -> None:
        self._spool.check()
        now = monotonic()
        own: list[Event] = []
        self._close_terminals()
        for number, target in enumerate(self._scope.targets, 1):
            if number not in self._gone and not target.populated():
                self._gone.add(number)
                self._all_gone_since = time.monotonic()
                own.append([_TYPES["target_end"], now, None, number, 0, 0, _TARGET_EXITED])
        offset = time.time_ns() - monotonic()
        if abs(offset - self._realtime_offset) > CLOCK_STEP_NS:
            self._realtime_offset = offset
            own.append([_TYPES["clock"], now, None, 0, 0, 0, now + offset])
        missed = sum(map(bpf.missed_runs, self._probes.programs))
        if missed > self._missed:
            own.append(loss.gap(now, 0, "GAP_PROBE_MISSED", count=missed - self._missed))
            self._missed = missed
        self._lanes[PROCESS].take(own)

    def _close_terminals(self) -> None:
        """Ends terminals whose end the kernel could not tell of, or will not see.

        The latter are those of ended sessions whose owner has closed its end without reading to the end.
        """
        if not self._sessions.open:
            self._lingering_since.clear()
            return
        lingering = {s.number: s for s in self._sessions.lingering()}
        now = time.monotonic()
        terminals = self._scope.terminals()
        known = {terminal.number for terminal in terminals}
        for session in lingering.values():
            for number in session.terminals - known:
                if now - self._lingering_since.setdefault(number, now) >= LOST_CLOSE_SECONDS:
                    session.terminals.discard(number)
        for terminal in terminals:
            if not terminal.closed:
                if terminal.session not in lingering:
                    continue
                waits = now - self._lingering_since.setdefault(terminal.number, now) < OWNERLESS_SECONDS
                if holds_master(terminal.owner, terminal.index) if terminal.owner else waits:
                    continue
            if not self._scope.forget(terminal):
                continue
            # What the owner has read is in the ring by now, since it has closed its end, and is older.
            close = [
                _TYPES["tty_close"], monotonic(), None, terminal.target, terminal.session, 0,
                terminal.out_bytes, terminal.in_bytes, terminal.number,
            ]  # fmt: skip
            self._lanes[BYTES].take([close])

    def _over(self, elapsed: float) -> str | None:
        """Why the recording is over, or None."""
        config = self._config
        if self._terminations:
            return "terminated"
        if self._control.stop_asked:
            return "stopped"
        if config.sessions is not None and self._sessions.ended >= config.sessions:
            return "sessions"
        if config.duration is not None and elapsed >= config.duration:
            return "duration"
        if config.max_log_bytes is not None and self._spool.size >= config.max_log_bytes:
            return "log full"
        if len(self._gone) == len(self._scope.targets) and self._said_all():
            return "target gone"
        if config.idle_client_seconds is not None and self._control.idle_seconds >= config.idle_client_seconds:
            return "no client"
        return None

    def _said_all(self) -> bool:
        """Whether what the last sessions of ended targets have printed was read by those who show it."""
        return not self._sessions.open or time.monotonic() - self._all_gone_since >= OWNERLESS_SECONDS

    def _end(self, reason: str) -> None:
        for link in self._probes.links:
            os.close(link)
        self._take()
        self._release(monotonic(), final=True)
        now = monotonic()
        for target in range(1, len(self._scope.targets) + 1):
            state = self._scope.state(target)
            self._put(PROCESS_LANE, self._lanes[PROCESS].tail(target, state[PROCESS], now))
            self._put(BYTE_LANE, self._lanes[BYTES].tail(target, state[BYTES], now))
        self._writer.end(reason, self._sessions.totals)
        self._spool.close()
        self._control.announce_end(self._spool.size)

    def _linger(self) -> None:
        """Waits for the clients to have the whole log, or for one to come back for it; a signal ends that."""
        limit = self._config.idle_client_seconds
        before = self._terminations
        while not (self._control.served and not self._control.clients):
            if self._terminations > before:
                return
            if limit is not None and self._control.idle_seconds >= limit:
                return
            with contextlib.suppress(InterruptedError):
                self._control.wait(TICK_SECONDS)
