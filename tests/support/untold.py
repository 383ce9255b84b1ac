"""Pipes and terminals whose end the probes cannot tell, since their ring is full. No recorder takes anything out of it.

Run by the system's Python, for which alone bcc is packaged: `python3 -m tests.support.untold pipe|terminal` prints what
the maps held before and afterwards.
"""

import json
import os
import pty
import signal
import subprocess
import sys
from typing import Any

from recorder import bpf, loader, scope
from recorder.loader import Probes
from recorder.pipes import Pipe, Pipes
from recorder.scope import Scope
from tests.support.recorder import PROBES, ROOT

_TARGET, _SESSION = 1, 1
_LIMIT = 1 << 20
_RING = os.sysconf("SC_PAGESIZE")
_DEVPTS = slice(16, 24)  # of struct terminal, bpf/common.c


def told(what: str) -> dict[str, Any]:
    """What a process of its own prints of "pipe" or "terminal"."""
    done = subprocess.run(
        ["/usr/bin/python3", "-m", "tests.support.untold", what],
        cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=300,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _adopt(probes: Probes, pipe: int) -> None:
    probes.run("raw_adopt_stream", pipe, 1, _TARGET, _SESSION, 0, 0)


def _fill(probes: Probes, watched: Scope, pipes: Pipes) -> None:
    """Leaves no room in the ring of bytes for an event as large as a stream_open, which all that close have as well."""
    known = pipes.open()
    while not watched.lost(_TARGET, scope.BYTES):
        ends = os.pipe()
        _adopt(probes, ends[0])
        for end in ends:
            os.close(end)
    for pipe in pipes.open():
        if pipe not in known:
            pipes.forget(pipe)


def _of_pipe(probes: Probes, watched: Scope, pipes: Pipes) -> dict[str, Any]:
    """One of two pipes ends after it was looked at, and is forgotten by what was seen; bytes go through the other."""
    (read, write), (other_read, other_write) = os.pipe(), os.pipe()
    _adopt(probes, read)
    (seen,) = pipes.open()
    _adopt(probes, other_read)
    _fill(probes, watched, pipes)
    os.write(write, b"late")
    os.close(write)
    while os.read(read, 100):
        pass
    forgotten = pipes.forget(seen)

    def now() -> dict[bool, Pipe]:
        return {pipe.number == seen.number: pipe for pipe in pipes.open()}

    left = now().get(True)
    again = left is not None and pipes.forget(left)
    os.write(other_write, b"through")
    os.read(other_read, 100)
    return {
        "forgotten": forgotten,
        "left": left and {"closed": left.closed, "bytes": left.bytes},
        "forgotten again": again,
        "other": now()[False].bytes,
    }


def _of_terminal(probes: Probes, watched: Scope, pipes: Pipes) -> dict[str, Any]:
    """A terminal has the memory of one before it, which was in another devpts; a key is typed on it."""
    pid, master = pty.fork()
    if pid == 0:
        os.write(1, b"ready")
        signal.pause()
    os.read(master, 100)
    folder = os.open(f"/proc/{pid}", os.O_PATH)
    probes.run("raw_adopt", folder, _TARGET, scope._NEW_SESSION, 0, 0)
    (first,) = watched.terminals()
    _fill(probes, watched, pipes)
    entries = bpf.Map(probes.maps["terminals"], scope._TERMINAL.size)
    entry = bytearray(entries.lookup(first.key) or b"")
    entry[_DEVPTS] = bytes(8)
    entries.update(first.key, bytes(entry))
    os.write(master, b"k")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return {
        "first" if one.number == first.number else "next": {"closed": one.closed, "in_bytes": one.in_bytes}
        for one in watched.terminals()
    }


def main() -> None:
    ways = {kind: names.split("|") for kind, names in PROBES.items()}
    probes = loader.load(ways=ways, rings=(_RING, _RING))
    watched = Scope(probes)
    watched.open([], 0)
    pipes = Pipes(probes, _LIMIT)
    print(json.dumps({"pipe": _of_pipe, "terminal": _of_terminal}[sys.argv[1]](probes, watched, pipes)))


if __name__ == "__main__":
    main()
