"""Serves the log that a recorder on this machine is writing: its bytes from an offset, as they come."""

import os
import select
import socket
import sys
import time
from io import FileIO
from pathlib import Path

from recorder import control
from recorder.log.errors import AuditError, Fetched
from recorder.spool import segment, segments

_PIECE = 1 << 18
_LOOK_SECONDS = 0.02
_START_SECONDS = 30.0
_REPORT_SECONDS = 1.0


class NoRecorder(AuditError):
    exit_code = 1
    meaning = "failed"


def connect(spool: Path) -> socket.socket:
    """A connection to the recorder's control socket, which may be yet to come. Raises NoRecorder."""
    path = spool / control.NAME
    deadline = time.monotonic() + _START_SECONDS
    while True:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            client.connect(os.fspath(path))
            return client
        except OSError as error:
            client.close()
            if time.monotonic() > deadline:
                raise NoRecorder(f"no recorder answers at {path}: {error}") from error
            select.select([], [], [], _LOOK_SECONDS)


class _Recorder:
    """The recorder as seen from here: what it says, and what the client says to it."""

    def __init__(self, connection: socket.socket, stdin: int) -> None:
        self._connection, self._stdin = connection, stdin
        self._said = b""
        self.alive = self.client_there = True

    @property
    def end(self) -> int | None:
        """Size of the log, once it has ended."""
        for line in self._said.split(b"\n")[:-1]:
            if line.startswith(b"end "):
                return int(line[4:])
        return None

    def look(self, seconds: float, until_writable: int | None = None) -> None:
        """Waits for either side or room in that descriptor, at most so long, and passes on what the client says."""
        connection, stdin = self._connection.fileno(), self._stdin
        writers = [] if until_writable is None else [until_writable]
        ready = select.select([connection, stdin], writers, [], seconds)[0]
        if stdin in ready:
            data = os.read(self._stdin, control.MAX_LINE)
            self.client_there = bool(data)
            self._tell(data)
        if connection in ready:
            try:
                heard = self._connection.recv(control.MAX_LINE)
            except ConnectionResetError:
                heard = b""
            self.alive = bool(heard)
            self._said += heard

    def _tell(self, data: bytes) -> None:
        try:
            self._connection.sendall(data)
        except OSError:  # the recorder is gone: the next look finds out
            return

    def done(self) -> None:
        self._tell(b"done\n")


class _Log:
    """The bytes of the log from `offset` on, over all segments. Raises Fetched if they are gone."""

    def __init__(self, spool: Path, offset: int) -> None:
        self._spool, self.offset = spool, offset
        self._file: FileIO | None = None
        self._start = 0

    def read(self) -> bytes:
        """What follows; b"" if nothing is there yet."""
        file = self._file or self._open()
        if file is None:
            return b""
        data: bytes = file.read(_PIECE)
        if not data and self.offset != self._start and max(segments(self._spool), default=0) > self._start:
            self.close()  # it was the end of this segment
            return self.read()
        self.offset += len(data)
        return data

    def _open(self) -> FileIO | None:
        while starts := segments(self._spool):
            before = [start for start in starts if start <= self.offset]
            if not before:
                raise Fetched(
                    f"the log before byte {starts[0]} was fetched by another client: continue from the file that has it"
                )
            self._start = before[-1]
            try:
                self._file = FileIO(segment(self._spool, self._start))
            except FileNotFoundError:  # removed since it was listed: the next list shows what is left
                continue
            self._file.seek(self.offset - self._start)
            return self._file
        return None

    def close(self) -> None:
        """Lets go of the file; `read` goes on where it was."""
        if self._file:
            self._file.close()
        self._file = None

    def waiting(self) -> int:
        """Bytes of the log that follow `offset`."""
        starts = segments(self._spool)
        try:
            return max(0, starts[-1] + segment(self._spool, starts[-1]).stat().st_size - self.offset) if starts else 0
        except FileNotFoundError:  # the recorder is over and has taken its spool away
            return 0


class _Report:
    """Tells on stderr, now and then, how much of the log waits: `behind BYTES`."""

    def __init__(self, log: _Log) -> None:
        self._log = log
        self._told_at, self._told = time.monotonic(), 0

    def tell(self) -> None:
        now = time.monotonic()
        if now - self._told_at >= _REPORT_SECONDS:
            behind = self._log.waiting()
            if behind or self._told:
                print(f"behind {behind}", file=sys.stderr, flush=True)
            self._told_at, self._told = now, behind


def serve(spool: Path, offset: int, report: bool = False) -> int:
    """Writes the log from `offset` on to stdout until it has ended, and hands on the lines of stdin.

    With `report` the client is far away: it is told on stderr how much waits, and that the log has arrived is its
    own to say (`ack`), since what was written here may still get lost on its way.

    The exit code: 0 if the log was served to its end, 1 if the recorder died or the client is gone.
    Raises NoRecorder or Fetched.
    """
    recorder = _Recorder(connect(spool), sys.stdin.fileno())
    log, stdout = _Log(spool, offset), sys.stdout.fileno()
    os.set_blocking(stdout, False)
    waits = _Report(log)
    while recorder.client_there:
        if report:
            waits.tell()
        alive, end = recorder.alive, recorder.end  # before the log, which then has all that came before
        view = memoryview(log.read())
        if not view and end is not None and log.offset >= end:
            _part_from(recorder, report)
            return 0
        if not view and not alive:
            if not segments(spool):
                raise NoRecorder("the recorder ended before its log began")
            return 1
        waiting = len(view) == _PIECE
        while view and recorder.client_there:
            try:
                view = view[os.write(stdout, view) :]
            except BlockingIOError:  # a connection that broke takes nothing any more, and then stdin ends
                recorder.look(_START_SECONDS, stdout)
        recorder.look(0 if waiting else _LOOK_SECONDS)
    return 1


def _part_from(recorder: _Recorder, is_far: bool) -> None:
    """Says that the log was served; or, if the client is far away, waits until that has said so, or is gone."""
    if not is_far:
        recorder.done()
        return
    while recorder.client_there and recorder.alive:
        recorder.look(_START_SECONDS)


def status(spool: Path) -> int:
    """Writes what the recorder says of itself, one JSON object, to stdout. Raises NoRecorder."""
    said = b""
    with connect(spool) as recorder:
        recorder.sendall(b"status\n")
        while not (lines := [line for line in said.split(b"\n")[:-1] if line.startswith(b"status ")]):
            try:
                heard = recorder.recv(control.MAX_LINE)
            except ConnectionResetError:
                heard = b""
            if not heard:
                raise NoRecorder("the recorder ended and did not say how it goes")
            said += heard
    print(lines[0].removeprefix(b"status ").decode())
    return 0
