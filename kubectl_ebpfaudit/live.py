"""What `record` says while it records: that it does, then each session and command, and how it goes.

A Live belongs to a run; each of its recorders has a View. Everything that was recorded may be hostile, and is escaped.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from kubectl_ebpfaudit import probes
from kubectl_ebpfaudit.carrier import Carrier
from kubectl_ebpfaudit.folding import Folding
from kubectl_ebpfaudit.status_line import Screen, StatusLine, size
from kubectl_ebpfaudit.telling import Telling
from recorder.log.errors import BadLog
from recorder.log.events import Event, decode_block
from recorder.log.format import PROCESS_LANE, Block, Header
from replay.escape import printable
from replay.words import count, probe_runs

_MAX_NAMES = 3
_WORTH_TELLING = 1 << 16
"""Bytes behind that are no lag: what is on its way is less."""


class Live:
    """Writes to `out` unless `quiet`; thread-safe. `expected`: so many recorders are to be live before it says so.

    With `events` each header (with None) and each event goes to that, which may take its time, instead of a line to
    `out`, which may not: whoever has something to say waits for it. With `every` it tells
    of each run of a probe or hook; else it counts these, and says so at the first of each kind.
    `stops`: the recorders are asked to end as soon as they are reached.
    """

    def __init__(
        self,
        out: Screen,
        quiet: bool = False,
        expected: int = 1,
        what: str = "",
        events: Callable[[Header, Event | None], None] | None = None,
        every: bool = False,
        stops: bool = False,
    ) -> None:
        self._out = out
        self.quiet = quiet
        self.events = events
        self.every = every
        self.sessions = self.commands = self.ended = self.probe_runs = 0
        self.output_bytes = self.gaps = 0
        self.lock = threading.RLock()
        self._expected, self._what, self._stops = expected, what, stops
        self._views: list[View] = []
        self._begun: dict[View, Header] = {}
        self._announced = False
        self._status = StatusLine(out) if not quiet and out.isatty() else None
        self._started = time.monotonic()

    def view(self, node: str = "", awaited: bool = True) -> "View":
        """The view of one more recorder. `awaited`: it is one of those that are to be live before it says so."""
        view = View(self, node, awaited)
        self._views.append(view)
        return view

    def expect(self, recorders: int) -> None:
        """So many recorders are to be live before it says so."""
        self._expected = recorders

    def began(self, view: "View", header: Header) -> None:
        """A recorder is live."""
        with self.lock:
            if view.awaited:
                self._begun[view] = header
                self._announce()

    def over(self, view: "View") -> None:
        """A recorder has ended: it is not live any more, and not waited for."""
        with self.lock:
            if not self._announced and view.awaited:
                view.awaited = False
                self._begun.pop(view, None)
                self._expected -= 1
                self._announce()

    def _announce(self) -> None:
        headers = list(self._begun.values())
        if self._announced or not headers or len(headers) < self._expected:
            return
        self._announced = True
        self._started = time.monotonic()
        what = _what(headers, self._what)
        if self._stops:
            self.note(f"Ending the recording of {what}")
            return
        self.note(f"Recording {what}; stop with ctrl-C")
        if cost := probes.cost(headers):
            self.note(cost)

    @property
    def several(self) -> bool:
        """Whether it takes more than the number of a session to name it."""
        return len(self._views) > 1

    @property
    def is_live(self) -> bool:
        """Whether all recorders that it waited for have begun; it may have waited for none."""
        return self._announced or not self._expected

    @property
    def has_begun(self) -> bool:
        """Whether one of them records, or all have begun: then there is something to keep."""
        return self.is_live or bool(self._begun)

    def note(self, line: str) -> None:
        """One line, which must be safe to print; not with `quiet`."""
        if not self.quiet:
            self.warn(line)

    def warn(self, line: str) -> None:
        """One line, also with `quiet`."""
        with self.lock, contextlib.suppress(OSError):  # a terminal that was closed must not end the recording
            if self._status:
                self._status.clear()
            self._out.write(f"{line}\n")
            self._out.flush()
            self.pulse()

    def progress(self, text: str) -> None:
        """Something that takes its time: shown on a terminal only, until something else is."""
        with self.lock:
            if self._status:
                self._status.show(text)

    def slow(self, text: str) -> None:
        """The same, of what takes long: without a terminal it is a line of its own."""
        with self.lock:
            if self._status:
                self._status.show(text)
            else:
                self.note(text)

    def pulse(self) -> None:
        """Shows anew how it goes."""
        with self.lock:
            if self._status and self.is_live:
                self._status.show(self._how_it_goes())

    def close(self) -> None:
        """Takes away what says how it goes."""
        with self.lock:
            if self._status:
                self._status.clear()
                self._status = None

    def _how_it_goes(self) -> str:
        seconds = int(time.monotonic() - self._started)
        parts = [
            f"{seconds // 60:02}:{seconds % 60:02}",
            f"{count(self.sessions, 'session')}, {self.sessions - self.ended} open",
            count(self.commands, "command"),
            f"{size(self.output_bytes)} of output",
        ]
        if self.probe_runs:
            parts.append(probe_runs(self.probe_runs))
        if self.gaps:
            parts.append(f"LOSS in {count(self.gaps, 'place')}")
        if (behind := sum(view.behind for view in self._views)) >= _WORTH_TELLING:
            parts.append(f"{size(behind)} behind")
        for view in self._views:
            if view.away >= 1:
                parts.append(f"reconnecting{f' to {view.node}' if self.several else ''} for {view.away:.0f} s")
        return "  ".join(parts)


class View:
    """What is told of one recorder."""

    def __init__(self, live: Live, node: str, awaited: bool) -> None:
        self._live, self.node, self.awaited = live, printable(node), awaited
        self._header: Header | None = None
        self._telling: Telling | None = None
        self._folding: Folding | None = None
        self.away, self.behind = 0.0, 0
        self._said_away = False

    def object(self, parsed: object, again: bool = False) -> None:
        """Shows what is to be shown of an object of the log. `again`: it was there before this run."""
        if isinstance(parsed, Header):
            self._header = parsed
            self._telling = Telling(parsed, self.node)
            self._folding = Folding(parsed, self._live.every)
            if self._live.events and not again:
                self._live.events(parsed, None)
            if not again:  # else its recorder may be gone: `pulse` finds out
                self._live.began(self, parsed)
        elif isinstance(parsed, Block) and self._header:
            self._live.gaps += parsed.gaps
            if parsed.lane != PROCESS_LANE:
                self._live.output_bytes += parsed.size
            if parsed.lane == PROCESS_LANE or self._live.events:
                self._block(self._header, parsed, again)

    def _block(self, header: Header, block: Block, again: bool) -> None:
        try:
            events = list(decode_block(header, block))
        except BadLog as error:  # the log is kept as it is, and goes on
            self._live.warn(f"warning: {printable(error)}")
            return
        if self._live.events and not again:
            for event in events:
                self._live.events(header, event)
        if block.lane == PROCESS_LANE:
            with self._live.lock:  # what is counted is counted for all recorders
                self._tell(events, again)

    def _tell(self, events: list[Event], again: bool) -> None:
        assert self._telling
        self._telling.look_ahead(events)
        for event in events:
            for line in self._told(event):
                if not self._live.events and not again:
                    self._live.note(line)

    def over(self) -> None:
        """Its recorder has ended, or is left."""
        self._live.over(self)

    def pulse(self, carrier: Carrier) -> None:
        """Looks how the connection does, and says so where that is news."""
        self.away, self.behind = carrier.away, carrier.behind
        if self._header and not self.away:
            self._live.began(self, self._header)
        if self.away >= 2 and not self._said_away:
            self._said_away = True
            why = f": {carrier.trouble}" if carrier.trouble else ""
            now = time.strftime("%H:%M:%SZ", time.gmtime())
            self._live.note(f"{now}  connection lost, trying again{self._where()}{why}")
        elif not self.away and self._said_away:
            self._said_away = False
            behind = f", {size(self.behind)} behind" if self.behind else ""
            self._live.note(f"{time.strftime('%H:%M:%SZ', time.gmtime())}  connected again{self._where()}{behind}")
        self._live.pulse()

    def _where(self) -> str:
        return f" to node {self.node}" if self._live.several else ""

    def _told(self, event: Event) -> Iterator[str]:
        """The lines that tell of an event, and of those that had to wait for it."""
        assert self._folding
        assert self._telling
        several, before = self._live.several, self._folding.runs
        shown, counted, aside = self._folding.take(event)
        self._live.probe_runs += self._folding.runs - before
        for one in counted:
            self._live.sessions += one.type == "session_start"
            self._live.ended += one.type == "session_end"
            self._live.commands += one.type == "exec" and one.session > 0
        for one in shown:
            yield from self._telling.lines(one, several)
        if aside:
            yield self._telling.aside(event, aside, several)


def _what(headers: list[Header], what: str) -> str:
    """What is recorded, and where."""
    targets = [target for header in headers for target in header.targets]
    names = ", ".join(printable(target.name) or f"target {target.number}" for target in targets)
    if len(targets) > _MAX_NAMES or not targets:
        names = f"{count(len(targets), 'container')}{f' of {what}' if what else ''}"
    nodes = [header.raw.get("node") for header in headers]
    on = [node["name"] for node in nodes if isinstance(node, dict) and isinstance(node.get("name"), str)]
    where = ", ".join(map(printable, on)) if len(on) <= _MAX_NAMES else f"{len(on)} nodes"
    return f"{names} on {where}" if where else names
