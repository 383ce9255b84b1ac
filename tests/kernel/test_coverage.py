"""Each way in and each trick: a row of docs/coverage.md, tried on this kernel."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recorder.log.reader import open_log
from replay.document import document
from replay.timeline import build
from tests.kernel.tricks import ROWS, Row
from tests.support.container import Container, container
from tests.support.recorder import recording
from tests.support.terminal import Terminal

SOURCE = Path(__file__).with_name("tricks.c")


@pytest.fixture(scope="module")
def shown(node: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What `show -o json` says of one recording in which each row was a session, in order."""
    if not shutil.which("gcc"):
        pytest.skip("needs: gcc")
    folder = tmp_path_factory.mktemp("coverage")
    subprocess.run(["gcc", "-static", "-o", str(folder / "tricks"), str(SOURCE)], check=True)
    with container(overlay=True, privileged=True, programs=True) as victim:
        shutil.copy(folder / "tricks", victim.root / "bin/tricks")
        with recording({"container_id": victim.id}, sessions=len(ROWS)) as live:
            for row in ROWS:
                do(row, victim)
            live.end()
            (folder / "all.ebpfaudit").write_bytes(live.log)
    with open_log(folder / "all.ebpfaudit") as log:
        yield document(build(log))


def do(row: Row, victim: Container) -> None:
    """The session of a row, until its end."""
    argv = victim.exec_argv(*(row.argv or ("/bin/bash", "-c", row.script)), tty=row.tty)
    if not row.tty:
        subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        return
    with Terminal(argv) as terminal:
        if row.outside:
            terminal.expect(b"ready")
            row.outside(victim)
            terminal.send(b"\r")
        terminal.wait()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_what_is_told_of(row: Row, shown: dict[str, Any]) -> None:
    if row.probe and row.probe in shown["recording"]["probes"].items():
        return  # the page says so
    number = 1 + ROWS.index(row)
    (session,) = (one for one in shown["sessions"] if one["id"] == number)
    row.check(session)


def test_nothing_was_lost(shown: dict[str, Any]) -> None:
    gaps = [gap for one in (shown["recording"], *shown["sessions"]) for gap in one["gaps"]]
    # Where the kernel may be preempted it skips programs now and then (docs/kernels.md): that is told.
    told = {"probe_missed"} if os.environ.get("EBPFAUDIT_MAY_SKIP") else set()
    assert {gap["reason"] for gap in gaps} <= told, gaps
