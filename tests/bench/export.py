"""Exports: a report of ten minutes and one of ten thousand commands, and the rates of the formats that are text."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.row import Row
from tests.support.logs import MS, SECOND, LogBuilder, argv, run, start_shell

_MINUTES = 10
_CLIENT = [sys.executable, "-m", "kubectl_ebpfaudit"]


def ten_minutes(folder: Path) -> Path:
    """A session as a busy person has one: a command every 5 s, typed, with a screen of coloured output each."""
    log, chance = start_shell(LogBuilder()), random.Random(1)
    for at in range(1, _MINUTES * 60, 5):
        line = f"ls -la --color=always /srv/{chance.randbytes(4).hex()}"
        for place, key in enumerate(line.encode()):
            log.add("tty_in", at * SECOND + place * 50 * MS, data=bytes([key]))
            log.add("tty_out", at * SECOND + place * 50 * MS + MS, data=bytes([key]))
        then = at * SECOND + len(line) * 50 * MS
        run(log, then, 1000 + at, *line.split(), tty=1)
        listed = (f"\x1b[01;34m{chance.randbytes(12).hex()}\x1b[0m  {chance.randrange(1 << 30)}" for _ in range(40))
        log.add("tty_out", then + 5 * MS, data="\r\n".join(listed).encode())
        log.add("exit", then + 9 * MS, pid=1000 + at)
    return log.save(folder / "minutes.ebpfaudit")


def many_commands(folder: Path, count: int) -> Path:
    """A session that runs `count` commands, one each 10 ms."""
    log = start_shell(LogBuilder())
    for i in range(count):
        at = SECOND + i * 10 * MS
        log.add("exec", at, pid=1000 + i, ns_pid=i, argv=argv("grep", "-r", f"needle{i}", "/etc"), tty=1)
        log.add("tty_out", at, data=b"/etc/passwd: nothing\r\n")
    return log.save(folder / "commands.ebpfaudit")


def noise(folder: Path, size: int) -> Path:
    """A session that printed `size` random bytes: the worst that text can be made of."""
    log, chance = start_shell(LogBuilder()), random.Random(1)
    for i in range(size // 4096):
        log.add("tty_out", SECOND + i * MS, data=chance.randbytes(4096))
    return log.save(folder / "noise.ebpfaudit")


def _export(log: Path, form: str) -> tuple[float, int]:
    """(seconds, bytes) of an export, start-up included."""
    out = log.with_suffix(f".{form}")
    started = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run(
        [*_CLIENT, "export", str(log), "--format", form, "-w", str(out), "--force"], check=True, env=environment
    )
    return time.monotonic() - started, out.stat().st_size


def exports(folder: Path, size: int = 10_000_000) -> list[Row]:
    """The figures."""
    took, written = _export(ten_minutes(folder), "html")
    many, of_many = _export(many_commands(folder, 10_000), "html")
    log = noise(folder, size)
    lines, _ = _export(log, "jsonl")
    cast, _ = _export(log, "asciicast")
    rate = size / 1e6
    return [
        Row("report of a session of 10 minutes", f"{took:.2f} s", "<= 2 s", took <= 2),
        Row("the same: size", f"{written / 1e6:.2f} MB", "<= 3 MB", written <= 3_000_000),
        Row("report of 10,000 commands", f"{many:.2f} s, {of_many / 1e6:.1f} MB", "", True),
        Row("export of random bytes as jsonl", f"{rate / lines:.1f} MB/s", "", True),
        Row("export of random bytes as asciicast", f"{rate / cast:.1f} MB/s", "", True),
    ]
