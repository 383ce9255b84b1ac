"""Other players on the same session, each as fast as it can: asciinema, tlog-play, sudoreplay."""

import json
import os
import pty
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.bench.client import CLIENT, run
from tests.bench.row import Row

ASCIINEMA = str(Path(sys.executable).with_name("asciinema"))


def _asciinema(log: Path, pieces: Iterable[bytes], home: Path) -> float:
    cast = log.with_suffix(".cast")
    run(*CLIENT, "export", str(log), "--format", "asciicast", "-w", str(cast), home=home)
    return _seconds([ASCIINEMA, "play", "-s", "1000000", "-i", "0.000001", str(cast)])


def _tlog(log: Path, pieces: Iterable[bytes], home: Path) -> float:
    recording = log.with_suffix(".tlog")
    same = {"ver": "2.3", "host": "h", "rec": "r", "user": "u", "term": "xterm", "session": 1}
    with recording.open("w") as file:
        for count, piece in enumerate(pieces):
            when = {"id": count + 1, "pos": count * 2, "time": 1_700_000_000 + count / 500}
            what = {"timing": f"{'' if count else '=80x24'}>{len(piece)}", "in_txt": "", "in_bin": []}
            file.write(json.dumps({**same, **when, **what, "out_txt": piece.decode(), "out_bin": []}) + "\n")
    keyboard, terminal = pty.openpty()  # it wants to read keys
    try:
        return _seconds(["tlog-play", "--goto", "end", "--file-path", str(recording)], terminal)
    finally:
        os.close(keyboard)
        os.close(terminal)


def _sudo(log: Path, pieces: Iterable[bytes], home: Path) -> float:
    folder = log.with_suffix(".sudo")
    folder.mkdir()
    (folder / "log").write_text("1700000000:u:root::/dev/pts/0:24:80\n/\n/bin/bash\n")
    with (folder / "timing").open("w") as timing, (folder / "ttyout").open("wb") as output:
        for piece in pieces:
            timing.write(f"4 0.002 {len(piece)}\n")  # 4: output of the terminal
            output.write(piece)
    at_once = ["--non-interactive", "--max-wait", "0", "--speed", "1000000"]
    return _seconds(["sudoreplay", *at_once, "--directory", str(folder.parent), str(folder)])


def _seconds(command: list[str], stdin: int = subprocess.DEVNULL) -> float:
    started = time.monotonic()
    subprocess.run(command, stdin=stdin, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - started


_PLAYERS: tuple[tuple[str, str, Callable[[Path, Iterable[bytes], Path], float]], ...] = (
    ("asciinema play", ASCIINEMA, _asciinema),
    ("tlog-play (package tlog)", "tlog-play", _tlog),
    ("sudoreplay (package sudo)", "sudoreplay", _sudo),
)


def players(log: Path, pieces: Callable[[], Iterable[bytes]], size: int, home: Path) -> list[Row]:
    """How fast each plays the session of `log`, whose output is `pieces()`, `size` bytes in all."""
    rows = []
    for name, program, play in _PLAYERS:
        value = f"{size / play(log, pieces(), home) / 1e6:.0f} MB/s" if shutil.which(program) else "not installed"
        rows.append(Row(f"the same by {name}", value, "", True))
    return rows
