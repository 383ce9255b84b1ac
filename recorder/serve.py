"""Serves the log that a recorder on this machine is writing: its bytes from an offset, as they come."""

import os
import select
import socket
import sys
import time
from pathlib import Path

from recorder import control
from recorder.log.errors import AuditError

LOG = "log"
_PIECE = 1 << 18
_LOOK_SECONDS = 0.02
_START_SECONDS = 30.0


class NoRecorder(AuditError):
    exit_code = 1
    meaning = "failed"


def _connect(path: Path) -> socket.socket:
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


def _open(path: Path, recorder: socket.socket, stdin: int) -> tuple[int, bytes]:
    """The log's descriptor, once the recorder has made it, and what that has said meanwhile.

    Raises NoRecorder if it ended before.
    """
    said = b""
    while True:
        try:
            return os.open(path, os.O_RDONLY), said
        except FileNotFoundError:
            ready = _ready(recorder, stdin)
            if stdin in ready and not _pass_on(stdin, recorder):
                raise NoRecorder("the client is gone") from None
            if recorder.fileno() in ready:
                heard = _hear(recorder)
                if not heard:
                    raise NoRecorder("the recorder ended before its log began") from None
                said += heard


def _ready(recorder: socket.socket, stdin: int) -> set[int]:
    """Which of the two descriptors has something to read, after at most _LOOK_SECONDS."""
    return set(select.select([recorder.fileno(), stdin], [], [], _LOOK_SECONDS)[0])


def _pass_on(stdin: int, recorder: socket.socket) -> bool:
    """Hands the client's lines to the recorder; False when the client is gone."""
    data = os.read(stdin, control.MAX_LINE)
    try:
        recorder.sendall(data)
    except OSError:  # the recorder is gone: the loop finds out
        return bool(data)
    return bool(data)


def _hear(recorder: socket.socket) -> bytes:
    """What the recorder says; b"" when it is gone."""
    try:
        return recorder.recv(control.MAX_LINE)
    except ConnectionResetError:
        return b""


def serve(spool: Path, offset: int) -> int:
    """Writes the log from `offset` on to stdout until it has ended, and hands on the lines of stdin.

    The exit code: 0 if the log was served to its end, 1 if the recorder died or the client is gone.
    """
    stdin, stdout = sys.stdin.fileno(), sys.stdout.fileno()
    recorder = _connect(spool / control.NAME)
    log, said = _open(spool / LOG, recorder, stdin)
    os.lseek(log, offset, os.SEEK_SET)
    end: int | None = None
    alive = True
    while True:
        if said.startswith(b"end ") and said.endswith(b"\n"):
            end = int(said.split()[1])
        data = os.read(log, _PIECE)
        if data:
            offset += len(data)
            view = memoryview(data)
            while view:
                view = view[os.write(stdout, view) :]
            continue
        if end is not None and offset >= end:
            recorder.sendall(b"done\n")
            return 0
        if not alive:
            return 1
        ready = _ready(recorder, stdin)
        if stdin in ready and not _pass_on(stdin, recorder):
            return 1
        if recorder.fileno() in ready:
            heard = _hear(recorder)
            alive = bool(heard)
            said += heard
