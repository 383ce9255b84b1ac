"""Replay: a flood as text, the first way through a long session, a jump afterwards; others on the same session."""

import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from recorder.log.reader import open_log
from recorder.log.writer import LogWriter
from replay.screen.screens import Screens
from replay.terminals import with_terminals
from tests.bench.client import CLIENT, median, run
from tests.bench.players import players
from tests.bench.row import Row
from tests.support.logs import MONOTONIC, MS, SECOND, header, start_shell
from tests.support.logs import LogBuilder as Builder

_PIECE = 4096


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


def pieces(size: int) -> Iterator[bytes]:
    """That output, until it is about `size` bytes."""
    text = _output()
    for offset in range(0, size, _PIECE):
        yield text[offset % (len(text) - _PIECE) :][:_PIECE]


def session(path: Path, size: int) -> Path:
    """A log of one session that printed `size` bytes, a piece each 2 ms."""
    first = start_shell(Builder())
    with path.open("wb") as file:

        def write(data: bytes) -> None:
            file.write(data)

        log = LogWriter(write, header())
        for lane, events in first._lanes.items():
            log.add(lane, events)
        batch = []
        for count, data in enumerate(pieces(size)):
            at = MONOTONIC + SECOND + count * 2 * MS
            batch.append([8, at, count + 2, 1, 1, 100, count * _PIECE, 1, data])
            if len(batch) == 64:
                log.add("bytes", batch)
                batch = []
        log.add("bytes", batch)
        log.flush()
        log.end("target gone", dict.fromkeys(first.totals, 0))
    return path


def _seeks(path: Path, length: int, cache: Path) -> float:
    """The longest of some jumps, the start of the emulator among them, in seconds."""
    worst = 0.0
    with open_log(path) as log:
        found = with_terminals(log).sessions[0]
        with Screens(log, found, found.terminals[0], cache) as screens:
            for part in (0.9, 0.1, 0.5, 0.99, 0.3, 0.7):
                started = time.monotonic()
                screens.at(int(length * part))
                worst = max(worst, time.monotonic() - started)
    return worst


def replays(folder: Path, size: int, long: int) -> list[Row]:
    """The figures for sessions of `size` and of `long` bytes."""
    home = folder / "home"
    log = session(folder / "replay.ebpfaudit", size)
    plain = median("replay", str(log), "--speed", "max", home=home)
    searched = median("search", "no such word", str(log), "--in", "screen", home=home, codes=(1,))
    theirs = players(log, lambda: pieces(size), size, home)
    log.unlink()
    longer = session(folder / "long.ebpfaudit", long)
    first, resident = run(*CLIENT, "replay", str(longer), "--at", "1000h", home=home)
    length, cache = SECOND + long // _PIECE * 2 * MS, home / "cache" / "screens"
    seek = statistics.median(_seeks(longer, length, cache) for _ in range(3))
    longer.unlink()
    mb, on_screen, rate = (of / seconds / 1e6 for of, seconds in ((size, plain), (size, searched), (long, first)))
    return [
        Row(f"replay --speed max of {size / 1e6:.0f} MB", f"{mb:.0f} MB/s", ">= 50 MB/s", mb >= 50),
        *theirs,
        Row(f"first way through {long / 1e6:.0f} MB", f"{rate:.0f} MB/s", ">= 60 MB/s", rate >= 60),
        Row("the same: resident, at most", f"{resident:.0f} MB", "<= 200 MB", resident <= 200),
        Row("a jump afterwards, at most", f"{seek:.2f} s", "<= 0.3 s", seek <= 0.3),
        Row(f"search on screens of {size / 1e6:.0f} MB", f"{on_screen:.0f} MB/s", ">= 40 MB/s", on_screen >= 40),
    ]
