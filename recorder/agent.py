"""The recorder: from the rings to the log."""

import gc
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recorder import bpf, config, events, loader, loss, paths, privileges
from recorder.attached import Attached
from recorder.cgroups import Cgroups
from recorder.config import BadConfig, Config
from recorder.control import Control
from recorder.events import Event
from recorder.hashing import Hasher
from recorder.header import header
from recorder.lanes import Lanes, Open
from recorder.log import __version__
from recorder.log.errors import NotRoot
from recorder.log.format import BYTE_LANE, PROCESS_LANE
from recorder.log.writer import LogWriter
from recorder.mounts import Mounts
from recorder.pipes import Pipes
from recorder.probe_runs import ProbeRuns
from recorder.ring import Ring
from recorder.roots import Roots
from recorder.scope import BYTES, MAX_TARGETS, PROCESS, Full, Scope
from recorder.sessions import Sessions
from recorder.shed import Shed
from recorder.spool import Spool
from recorder.stream_ends import StreamEnds
from recorder.streams import Streams
from recorder.switches import Switches
from recorder.targets import Targets
from recorder.terminals import OWNERLESS_SECONDS, Terminals
from recorder.totals import Totals

GATHER_SECONDS = 0.01  # how long events may gather in a ring before they are taken out together
TICK_SECONDS = 0.1
MAX_PASSES = 16  # of 1 MiB a ring, between two looks at everything else
PROCESS_FLUSH_SECONDS = 0.25  # for who looks on
FLUSH_SECONDS = 1.0
CLOCK_STEP_NS = 1_000_000

_LAYOUTS = events.layouts()
_TYPES = {layout.name: number for number, layout in _LAYOUTS.items()}


def monotonic() -> int:
    """ns of CLOCK_MONOTONIC, the clock of the events."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


class Agent:
    """One recording. Raises AuditError for whatever keeps it from starting or going on."""

    def __init__(self, config: Config, spool: Path) -> None:
        if os.geteuid() != 0:
            raise NotRoot("recording needs root: run it with sudo")
        self._config = config
        self._folder = spool
        self._control = Control(spool, self._status)
        self._terminations = 0
        signal.signal(signal.SIGTERM, self._on_term)
        signal.signal(signal.SIGINT, self._on_term)
        cgroups = Cgroups(config.sysfs)
        # Before the work of loading.
        privileges.check(pid for target in cgroups.present(config.targets, config.may_be_gone) for pid in target.pids())
        rings = (config.process_ring_bytes, config.byte_ring_bytes)
        self._probes = loader.load(config.keep_input, config.probes, rings, config.sysfs)
        self._scope = Scope(self._probes)
        self._targets = Targets(self._scope, cgroups)
        self._attached = Attached(self._targets)
        self._probe_runs = ProbeRuns(self._targets.about)
        self._rings = (
            Ring(self._probes.maps["process_ring"], rings[PROCESS]),
            Ring(self._probes.maps["byte_ring"], rings[BYTES]),
        )
        for ring in self._rings:
            self._control.watch(ring.fd)
        self._decoders = {number: layout.decoder() for number, layout in _LAYOUTS.items()}
        self._lanes = Lanes(self._scope, self._targets)
        self._streams = Streams(config.stream_limit)
        self._realtime_offset = time.time_ns() - monotonic()
        self._sessions = Sessions()
        self._totals = Totals()
        self._missed = 0
        self._switches = Switches(self._probes.hooks, config.sysfs)
        self._all_gone_since: float | None = None
        self._taken_until = 0
        self._hasher = Hasher(
            self._targets.a_process,
            lambda time: time + self._realtime_offset,
            lambda fd: self._probes.run("raw_device", fd),
        )
        self._terminals = Terminals(self._scope, self._sessions)
        self._pipes = Pipes(self._probes, config.stream_limit)
        self._stream_ends = StreamEnds(self._pipes, self._sessions)
        self._roots = Roots(self._scope, self._sessions)
        self._spool = Spool(spool, config.spool_bytes)
        self._shed = {lane: Shed(lane, self._spool.room) for lane in (PROCESS_LANE, BYTE_LANE)}
        self._started = time.monotonic()
        self._is_over = False
        self._ended_for, self._ended_at = "", 0.0
        now = monotonic()
        try:
            entries, under_way = self._targets.first(config.targets, config.may_be_gone, now)
        except Full as error:
            raise BadConfig(
                f"{len(config.targets)} containers are more than the {MAX_TARGETS - 1} that one recorder can watch: "
                "name fewer of them"
            ) from error
        self._mounts = Mounts(self._probes, self._scope)
        self._mounts.follow(self._targets.watched)
        self._writer = LogWriter(
            self._append, header(config, entries, self._probes.taken, now, now + self._realtime_offset)
        )
        self._put(PROCESS_LANE, under_way)
        self._writer.flush()

    def _on_term(self, _signal: int, _frame: object) -> None:
        self._terminations += 1

    def _put(self, lane: str, arrived: list[Event]) -> None:
        self._sessions.see(arrived)
        self._probe_runs.see(arrived)
        for kept in self._shed[lane].sift(arrived):
            self._write(lane, kept)

    def _write(self, lane: str, kept: list[Event]) -> None:
        self._totals.add(kept)
        self._writer.add(lane, kept)

    def _status(self) -> dict[str, Any]:
        """How it goes, for who asks on the control socket."""
        left = self._config.duration and self._config.duration - (time.monotonic() - self._started)
        return {
            "version": __version__,
            "recording": self._config.recording,
            "protocol": config.PROTOCOL,
            "seconds": time.monotonic() - self._started,
            "seconds_left": left,
            "ended": self._ended_for or None,
            "targets": self._targets.open,
            "open_sessions": len(self._sessions.open),
            **self._totals.counts,
            "log_bytes": self._spool.size,
            "acknowledged_bytes": self._spool.acknowledged,
            "kept_from": self._spool.kept_from,
            "clients": self._control.clients,
            "probes": self._probes.taken,
        }

    def run(self) -> None:
        """Records until it is over, writes the end record and serves until the clients have it."""
        gc.freeze()
        gc.disable()  # nothing here makes cycles, and a collection is a pause
        ticked = flushed = process_flushed = time.monotonic()
        reason = None
        while reason is None:
            self._control.wait(GATHER_SECONDS if self._lanes.waiting else TICK_SECONDS)
            time.sleep(GATHER_SECONDS)
            more = self._take()
            self._take_in()
            now = time.monotonic()
            if now - ticked >= TICK_SECONDS:
                ticked = now
                self._tick()
                if not more:
                    self._lanes.tell_overdue(monotonic())
            if now - process_flushed >= PROCESS_FLUSH_SECONDS:
                process_flushed = now
                self._writer.flush_lane(PROCESS_LANE)
            if now - flushed >= FLUSH_SECONDS:
                flushed = now
                self._writer.flush()
            reason = self._over(now - self._started)
        self._is_over = True
        self._spool.hurry()
        self._end(reason)
        self._linger()

    def _take(self) -> bool:
        """Empties the rings; what happened before the last call goes into the log. Whether more is in them."""
        # Not until they are empty: one who fills them as fast as they are emptied must not stop the rest.
        for _ in range(MAX_PASSES):
            until, self._taken_until = self._taken_until, monotonic()
            more = False
            for ring, lane in zip(self._rings, (self._lanes.process, self._lanes.bytes), strict=True):
                arrived: list[Event] = []
                if ring.drain(self._decoders, arrived):
                    # What is left came after these, and may be older than what the recorder itself is about to say.
                    self._taken_until = min(self._taken_until, arrived[-1][1] if arrived else until)
                    more |= bool(arrived)
                if lane is self._lanes.process:
                    paths.turn(arrived)
                    self._hasher.see(arrived)
                    self._attached.see(arrived)
                lane.take(arrived)
            self._release(until)
            if not more:
                return False
        return True

    def _release(self, until: int, final: bool = False) -> None:
        of_processes, of_bytes = self._lanes.release(until, final)
        self._put(PROCESS_LANE, of_processes)
        self._put(BYTE_LANE, self._streams.keep(of_bytes))
        # By way of the lane, which may hold earlier events back.
        self._lanes.process.take(self._sessions.finish(until))
        if final:
            self._put(PROCESS_LANE, self._lanes.process.release(until, final))

    def _take_in(self) -> None:
        """Watches the targets that a client has named, at once: a session may begin in them at any moment."""
        named = [wanted for text in self._control.targets if (wanted := config.target(text))]
        self._control.targets.clear()
        self._lanes.process.take(self._targets.add_all(named, monotonic()))
        self._lanes.process.take(self._attached.take_in(monotonic()))

    def _tick(self) -> None:
        self._spool.check()
        self._spool.acknowledge(self._control.acknowledged)
        self._roots.look()
        self._lanes.bytes.take(self._terminals.close())
        self._lanes.bytes.take(self._stream_ends.close())
        now = monotonic()
        own = self._targets.look(now, self._config.follow)
        if any(event[0] == _TYPES["target_end"] for event in own):
            self._pipes.forget_own(self._targets.watched)
        self._mounts.follow(self._targets.watched)
        if self._targets.open:
            self._all_gone_since = None
        elif self._all_gone_since is None:
            self._all_gone_since = time.monotonic()
        offset = time.time_ns() - monotonic()
        if abs(offset - self._realtime_offset) > CLOCK_STEP_NS:
            self._realtime_offset = offset
            own.append([_TYPES["clock"], now, None, 0, 0, 0, now + offset])
        self._lanes.process.take(own + self._skipped(now) + self._hasher.results())

    def _skipped(self, now: int) -> list[Event]:
        """Gaps for the runs of probes that the kernel has skipped since the last look, and for being told of none."""
        before, self._missed = self._missed, sum(map(bpf.missed_runs, self._probes.programs))
        skipped = self._missed - before
        told = [loss.gap(now, 0, "GAP_PROBE_MISSED", count=skipped)] if skipped else []
        return told + self._switches.look(now)

    def _over(self, elapsed: float) -> str | None:
        """Why the recording is over, or None."""
        limits, control = self._config, self._control
        if self._terminations:
            return "terminated"
        if control.stop_asked:
            return "stopped"
        if limits.sessions is not None and self._probe_runs.others_ended >= limits.sessions:
            return "sessions"
        if limits.duration is not None and elapsed >= limits.duration:
            return "duration"
        if self._all_gone() and self._said_all():
            return "target gone"
        idle = limits.idle_client_seconds
        if idle is not None and control.is_abandoned(idle, max(idle, limits.first_client_seconds)):
            return "no client"
        return None

    def _all_gone(self) -> bool:
        if self._all_gone_since is None:
            return False
        patience = self._config.gone_seconds
        waited = time.monotonic() - self._all_gone_since
        return self._control.gone_asked or (patience is not None and waited >= patience)

    def _said_all(self) -> bool:
        """Whether what the last sessions of ended targets have printed was read by those who show it."""
        assert self._all_gone_since is not None
        return not self._sessions.open or time.monotonic() - self._all_gone_since >= OWNERLESS_SECONDS

    def _end(self, reason: str) -> None:
        for link in self._probes.links:
            os.close(link)
        while self._take():
            pass
        self._lanes.process.take(self._skipped(monotonic()) + self._hasher.close())
        self._release(monotonic(), final=True)
        now = monotonic()
        self._put(BYTE_LANE, self._streams.keep(self._lanes.cut_short(now, self._still_open())))
        self._put(BYTE_LANE, self._streams.over())
        for lane, tail in zip((PROCESS_LANE, BYTE_LANE), self._lanes.tails(now), strict=True):
            self._put(lane, tail)
        for lane, shed in self._shed.items():
            self._write(lane, shed.over(now))
        self._writer.end(reason, {**self._totals.counts, "probe_runs": self._probe_runs.begun})
        self._ended_for, self._ended_at = reason, time.monotonic()
        self._spool.close(self._hear)
        self._control.announce_end(self._spool.size)

    def _still_open(self) -> Iterator[Open]:
        for terminal in self._scope.terminals():
            whose = terminal.target, terminal.session
            yield whose, (terminal.number, loss.OUT), terminal.out_bytes
            yield whose, (terminal.number, loss.IN), terminal.in_bytes
        for pipe in self._pipes.open():
            yield (pipe.target, pipe.session), (pipe.number, loss.way(pipe.fd)), pipe.bytes

    def _append(self, data: bytes) -> None:
        self._spool.write(data, self._wait_for_disk)

    def _wait_for_disk(self) -> None:
        """What a client acknowledges may be the only room; and who ends the recording is not to wait for any."""
        self._hear()
        self._spool.hurry(self._is_over or self._over(time.monotonic() - self._started) is not None)

    def _hear(self, seconds: float = 0) -> None:
        self._control.wait(seconds)
        self._spool.acknowledge(self._control.acknowledged)

    def _linger(self) -> None:
        """Waits for the clients to have the whole log, or for one to come back for it; a signal ends that."""
        limit = self._config.linger_seconds
        before = self._terminations
        while not (self._control.served and not self._control.clients):
            if self._terminations > before:
                break
            idle = min(self._control.idle_seconds, time.monotonic() - self._ended_at)
            if limit is not None and idle >= limit:
                break
            self._hear(TICK_SECONDS)
        if self._config.own_spool:
            shutil.rmtree(self._folder, ignore_errors=True)
