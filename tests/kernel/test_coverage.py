"""Each way in and each trick: a row of docs/coverage.md, tried on this kernel."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from recorder.log.reader import open_log
from replay.document import document
from replay.timeline import build
from tests.kernel.tricks import JOBS, MADE_BY_JOB, PROBES, ROWS, SUFFIX, Row
from tests.support.container import Container, container
from tests.support.recorder import Recording, recording
from tests.support.terminal import Terminal

SOURCE = Path(__file__).with_name("tricks.c")


@pytest.fixture(scope="module")
def shown(node: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What `show -o json` says of one recording in which each row was a session, in order."""
    if not shutil.which("gcc"):
        pytest.skip("needs: gcc")
    folder = tmp_path_factory.mktemp("coverage")
    subprocess.run(["gcc", "-static", "-o", str(folder / "tricks"), str(SOURCE)], check=True)
    with (
        container(overlay=True, privileged=True, programs=True) as victim,
        container(("/bin/bash", "--norc"), terminal=True) as attached,
        interpreter(folder),
    ):
        shutil.copy(folder / "tricks", victim.root / "bin/tricks")
        targets = {"container_id": victim.id, "probes": PROBES}, {"container_id": attached.id}
        with recording(*targets, sessions=len(ROWS) - 1) as live:  # runs of probes do not count
            for row in ROWS:
                if row.own:
                    give_job(victim)
                do(row, attached if row.own else victim, live)
            live.end()
            (folder / "all.ebpfaudit").write_bytes(live.log)
    with open_log(folder / "all.ebpfaudit") as log:
        yield document(build(log))


@contextmanager
def interpreter(folder: Path) -> Iterator[None]:
    """While it lasts the kernel runs files with a certain suffix by bash, where it has binfmt_misc."""
    mounted = folder / "binfmt_misc"
    mounted.mkdir()
    if subprocess.run(["mount", "-t", "binfmt_misc", "none", str(mounted)], check=False).returncode:
        yield
        return
    entry = mounted / f"{SUFFIX}-{os.getpid()}"
    try:
        (mounted / "register").write_text(f":{entry.name}:E::{SUFFIX}::/bin/bash:")
        yield
    finally:
        if entry.exists():
            entry.write_text("-1")
        subprocess.run(["umount", str(mounted)], check=True)


def give_job(victim: Container) -> None:
    """Has the daemon of a session that has ended run a job; returns when it has."""
    (victim.root / JOBS.lstrip("/")).write_text(f"exec /bin/touch {MADE_BY_JOB}\n")
    deadline = time.monotonic() + 120
    while not (victim.root / MADE_BY_JOB.lstrip("/")).exists():
        assert time.monotonic() < deadline, "the daemon has run no job"
        time.sleep(0.01)


def do(row: Row, victim: Container, live: Recording) -> None:
    """The session of a row, until its end."""
    if row.own:
        assert victim.terminal
        victim.terminal.send(row.script.encode() + b"\r")
        victim.terminal.send(b"exit\r")
        victim.terminal.wait()
        return
    if row.how:
        subprocess.run(row.how(victim), stdin=subprocess.DEVNULL, capture_output=True, check=True)
        return
    argv = victim.exec_argv(*(row.argv or ("/bin/bash", "-c", row.script)), tty=row.tty)
    if row.waits:
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as waits:
            while not is_hashed(live, 1 + ROWS.index(row), row.waits):
                assert live._read()
            assert waits.stdin
            waits.stdin.close()
        return
    if not row.tty:
        subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        return
    with Terminal(argv, rows=row.size[0], cols=row.size[1]) as terminal:
        if row.outside:
            terminal.expect(b"ready")
            row.outside(victim)
            terminal.send(b"\r")
        if row.size != Row.size:  # which runc gives it when the program runs already
            while not is_sized(live, 1 + ROWS.index(row), row.size):
                assert live._read()
            terminal.send(b"\r")
        terminal.wait()


def is_sized(live: Recording, session: int, size: tuple[int, int]) -> bool:
    """Whether the recorder has seen that the session's terminal is of this size, (rows, columns)."""
    seen = live.of("tty_open", "tty_resize", session=session)
    return any((e.fields["rows"], e.fields["cols"]) == size for e in seen)


def is_hashed(live: Recording, session: int, argv: tuple[str, ...]) -> bool:
    """Whether the recorder has looked at the file that this process of the session runs."""
    line = "".join(f"{word}\0" for word in argv).encode()
    began = {e.pid: e.time for e in live.of("exec", session=session) if e.fields["argv"] == line}
    looked_at = live.of("exec_hash", session=session)
    return any(e.pid in began and e.fields["exec_time"] >= began[e.pid] for e in looked_at)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_what_is_told_of(row: Row, shown: dict[str, Any]) -> None:
    if row.probe and row.probe in shown["recording"]["probes"].items():
        return  # the page says so
    if "binfmt_misc" in row.what and "binfmt_misc" not in Path("/proc/filesystems").read_text():
        pytest.skip("needs: a kernel with binfmt_misc")
    number = 1 + ROWS.index(row)
    (session,) = (one for one in shown["sessions"] if one["id"] == number)
    row.check(session)


def test_nothing_was_lost(shown: dict[str, Any]) -> None:
    gaps = [gap for one in (shown["recording"], *shown["sessions"]) for gap in one["gaps"]]
    # Where the kernel may be preempted it skips programs now and then (docs/kernels.md): that is told.
    told = {"probe_missed"} if os.environ.get("EBPFAUDIT_MAY_SKIP") else set()
    # Of a container's own program what was before somebody attached to it is not recorded.
    assert {gap["reason"] for gap in gaps} <= {"before_recording", *told}, gaps
