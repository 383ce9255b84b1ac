"""The child process in which the emulator lives: native code that reads hostile bytes, with nothing to hold on to."""

import os
import resource
import signal
import socket
import sys

from replay.screen.protocol import (
    CURSOR,
    FEED,
    HEAD,
    KEYFRAME,
    NEW,
    PAGE,
    RESIZE,
    SHOW,
    SIZE,
    SYNC,
    TEXT,
    message,
)  # fmt: skip

_MEMORY = 1 << 30
"""Bytes of address space beyond those that Python itself takes."""


def run(channel: socket.socket) -> None:
    """Answers until the other end is closed. Never returns: the process ends here."""
    code = 1
    try:
        _let_go(channel.fileno())
        _serve(channel)
        code = 0
    except (OSError, EOFError, MemoryError, RuntimeError):
        pass  # the parent sees that nothing comes any more
    finally:
        os._exit(code)


def _let_go(channel: int) -> None:
    """Gives up everything but the channel: files, terminal, room for a core, most memory."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH):  # keys are for the player
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP, signal.SIGCONT):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        if fd != channel:
            os.dup2(nothing, fd)
    os.closerange(3, channel)
    os.closerange(channel + 1, max(256, channel + 64))
    import replay.screen.engine  # noqa: F401 - before the limits: what it opens and takes is known

    for what in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(what, (0, 0))
    if sys.platform == "linux":
        with open("/proc/self/statm") as file:
            taken = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + _MEMORY, taken + _MEMORY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (channel + 1, channel + 1))


def _serve(channel: socket.socket) -> None:
    from replay.screen.engine import HTML, VT, Engine

    engine = Engine(24, 80, False)
    source = channel.makefile("rb", buffering=1 << 18)
    while head := source.read(HEAD.size):
        kind, size = HEAD.unpack(head)
        payload = source.read(size)
        if kind == FEED:
            engine.feed(payload)
            continue
        answer = b""
        if kind == NEW:
            rows, cols, scrollback = SIZE.unpack(payload)
            engine = Engine(rows, cols, bool(scrollback))
        elif kind == RESIZE:
            rows, cols, _ = SIZE.unpack(payload)
            engine.resize(rows, cols)
        elif kind == SHOW:
            answer = CURSOR.pack(*engine.cursor(), engine.alternate) + engine.format(VT)
        elif kind == TEXT:
            answer = engine.text()
        elif kind == PAGE:
            answer = engine.format(HTML)
        elif kind == KEYFRAME:
            answer = engine.keyframe()
        if kind not in (NEW, RESIZE):
            channel.sendall(message(SYNC, answer))
