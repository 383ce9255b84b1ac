"""The terminals and pipes of sessions, and how much went through them: from their events."""

from collections.abc import Callable

from recorder.log.events import Event
from replay import stream
from replay.clock import Clock
from replay.fields import data, number
from replay.model import Session, Stream, Terminal
from replay.warnings import Warnings

_MAX_DIGEST = 64
"""Bytes."""


class Channels:
    """Those of a recording; methods take the events of their names, `tty_bytes` tty_out and tty_in.

    `session_of` gives the session of an event. `warnings` sees what came out of terminals. `keep` takes the memory for
    one more thing, and so many bytes besides, or raises BadLog.
    """

    def __init__(
        self, clock: Clock, session_of: Callable[[Event], Session], warnings: Warnings, keep: Callable[[int], None]
    ) -> None:
        self._clock, self._session_of, self._warnings, self._keep = clock, session_of, warnings, keep
        self._terminals: dict[int, Terminal] = {}
        self._streams: dict[int, Stream] = {}

    def tty_open(self, event: Event) -> None:
        terminal = self._terminal(event)
        terminal.index = number(event, "index")
        terminal.resize(number(event, "rows"), number(event, "cols"))

    def tty_resize(self, event: Event) -> None:
        self._terminal(event).resize(number(event, "rows"), number(event, "cols"))

    def _terminal(self, event: Event) -> Terminal:
        tty = number(event, "tty")
        terminal = self._terminals.get(tty)
        if not terminal:
            self._keep(0)
            terminal = self._terminals[tty] = Terminal(tty)
            self._session_of(event).terminals.append(terminal)
        return terminal

    def tty_bytes(self, event: Event) -> None:
        direction = stream.OUT if event.type == "tty_out" else stream.IN
        piece = stream.piece_of(event, direction)
        if not piece:
            return
        if direction == stream.OUT:
            session, time = self._session_of(event), self._clock.wall(event.time)
            self._warnings.output(session, number(event, "tty"), piece.data, time, event.time)
        for counted in (self._session_of(event), self._terminal(event)):
            if direction == stream.OUT:
                counted.output_bytes += len(piece.data)
            else:
                counted.input_bytes += len(piece.data)
                counted.hidden_bytes += piece.missing

    def _stream(self, event: Event) -> Stream:
        pipe = self._streams.get(number(event, "stream"))
        if not pipe:
            self._keep(0)
            pipe = self._streams[number(event, "stream")] = Stream(number(event, "stream"), number(event, "fd"))
            self._session_of(event).streams.append(pipe)
        return pipe

    def stream_open(self, event: Event) -> None:
        self._stream(event)

    def stream_data(self, event: Event) -> None:
        pipe, session = self._stream(event), self._session_of(event)
        piece = stream.piece_of(event, stream.direction_of(event))
        if not piece:
            return
        pipe.size = max(pipe.size, piece.offset + piece.size)
        pipe.left_out += piece.missing
        if pipe.fd:
            session.output_bytes += piece.size
        else:
            session.input_bytes += piece.size

    def stream_close(self, event: Event) -> None:
        pipe = self._stream(event)
        pipe.size, pipe.sha256 = max(number(event, "bytes"), 0), data(event, "sha256")[:_MAX_DIGEST]
