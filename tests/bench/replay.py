"""Replay: a flood as text, the first way through a long session, a jump afterwards; asciinema on the same session."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from recorder.log.reader import open_log
from recorder.log.writer import LogWriter
from replay.screen.screens import Screens
from replay.terminals import with_terminals
from tests.bench.row import Row
from tests.support.logs import MONOTONIC, MS, SECOND, header, start_shell
from tests.support.logs import LogBuilder as Builder

_PIECE = 4096
_CLIENT = [sys.executable, "-m", "kubectl_ebpfaudit"]


def _output() -> bytes:
    """Some MB as `ls -la --color` and logs print them."""
    chance = random.Random(1)
    lines = []
    for i in range(20_000):
        day = f"Nov {chance.randrange(28) + 1:2} 12:{chance.randrange(60):02}"
        lines.append(f"-rw-r--r-- 1 root root {chance.randrange(1 << 24):8} {day} \x1b[01;32mfile-{i}.sh\x1b[0m\r\n")
        lines.append(
            f"2026-11-22T12:00:00Z level=info msg={chance.randbytes(12).hex()} took={chance.random():.4f}s\r\n"
        )
    return "".join(lines).encode()


def session(path: Path, size: int) -> Path:
    """A log of one session that printed `size` bytes, a piece each 2 ms."""
    text, seq = _output(), 2
    first = start_shell(Builder())
    with path.open("wb") as file:

        def write(data: bytes) -> None:
            file.write(data)

        log = LogWriter(write, header())
        for lane, events in first._lanes.items():
            log.add(lane, events)
        batch = []
        for offset in range(0, size, _PIECE):
            data = text[offset % (len(text) - _PIECE) :][:_PIECE]
            at = MONOTONIC + SECOND + offset // _PIECE * 2 * MS
            batch.append([8, at, seq, 1, 1, 100, offset, 1, data])
            seq += 1
            if len(batch) == 64:
                log.add("bytes", batch)
                batch = []
        log.add("bytes", batch)
        log.flush()
        log.end("target gone", dict.fromkeys(first.totals, 0))
    return path


def _run(*arguments: str, home: Path) -> tuple[float, float]:
    """(seconds, largest resident size of the program or its emulator in MB) of a command, start-up included."""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "EBPFAUDIT_HOME": str(home)}
    started = time.monotonic()
    process = subprocess.Popen(arguments, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, arguments)
    return time.monotonic() - started, used.ru_maxrss / 1024


def _seeks(path: Path, length: int, cache: Path) -> float:
    """The longest of some jumps, in seconds."""
    worst = 0.0
    with open_log(path) as log:
        found = with_terminals(log).sessions[0]
        with Screens(log, found, found.terminals[0], cache) as screens:
            for part in (0.9, 0.1, 0.5, 0.99, 0.3, 0.7):
                started = time.monotonic()
                screens.at(int(length * part))
                worst = max(worst, time.monotonic() - started)
    return worst


def _asciinema(log: Path, home: Path) -> float:
    cast = log.with_suffix(".cast")
    _run(*_CLIENT, "export", str(log), "--format", "asciicast", "-w", str(cast), home=home)
    program = str(Path(sys.executable).with_name("asciinema"))
    return _run(program, "play", "-s", "1000000", "-i", "0.000001", str(cast), home=home)[0]


def replays(folder: Path, size: int, long: int) -> list[Row]:
    """The figures for sessions of `size` and of `long` bytes."""
    home = folder / "home"
    log = session(folder / "replay.ebpfaudit", size)
    plain, _ = _run(*_CLIENT, "replay", str(log), "--speed", "max", home=home)
    theirs = _asciinema(log, home)
    longer = session(folder / "long.ebpfaudit", long)
    first, resident = _run(*_CLIENT, "replay", str(longer), "--at", "1000h", home=home)
    seek = _seeks(longer, SECOND + long // _PIECE * 2 * MS, home / "cache" / "screens")
    rate = long / first / 1e6
    mb = size / plain / 1e6
    return [
        Row(f"replay --speed max of {size / 1e6:.0f} MB", f"{mb:.0f} MB/s", ">= 50 MB/s", mb >= 50),
        Row("the same by asciinema play", f"{size / theirs / 1e6:.0f} MB/s", "", True),
        Row(f"first way through {long / 1e6:.0f} MB", f"{rate:.0f} MB/s", ">= 60 MB/s", rate >= 60),
        Row("resident, at most", f"{resident:.0f} MB", "<= 200 MB", resident <= 200),
        Row("a jump afterwards, at most", f"{seek:.2f} s", "<= 0.3 s", seek <= 0.3),
    ]
