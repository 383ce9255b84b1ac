"""What is said while a recording is made, to readers that are slow, have stopped, or are gone."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from kubectl_ebpfaudit.interrupt import Signals
from kubectl_ebpfaudit.live import Live
from kubectl_ebpfaudit.output import LogFile
from kubectl_ebpfaudit.parts import Part
from kubectl_ebpfaudit.run import Run
from kubectl_ebpfaudit.unhurried import Unhurried
from tests.support.carried import FakeCarrier, log_objects

LONG = "x" * (1 << 16) + "\n"
"""More than the pipe takes."""


class Pipe:
    """A pipe that nobody reads until `read`, which then gives all that comes."""

    def __init__(self) -> None:
        self.fd, end = os.pipe()
        self.stream: TextIO = os.fdopen(end, "w", encoding="utf-8")
        self.said = ""
        self.was_read = False
        self._thread = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        with os.fdopen(self.fd, encoding="utf-8") as file:
            for line in file:
                self.said += line

    def begin_to_read(self) -> None:
        self.was_read = True
        self._thread.start()

    def fill(self) -> None:
        os.set_blocking(self.stream.fileno(), False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.stream.fileno(), b"x")
        os.set_blocking(self.stream.fileno(), True)

    def lose_reader(self) -> None:
        os.close(self.fd)
        self.fd = os.open(os.devnull, os.O_RDONLY)

    def rest(self) -> str:
        self.stream.close()
        self._thread.join()
        return self.said


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    monkeypatch.setattr("kubectl_ebpfaudit.unhurried._STOPPED_SECONDS", 60.0)  # however busy this machine is
    pipe = Pipe()
    yield pipe
    if not pipe.was_read:
        pipe.begin_to_read()
    pipe.rest()


def unhurried(pipe: Pipe, signals: Signals | None = None, room: int = 1 << 20, patience: float = 0.0) -> Unhurried:
    return Unhurried(pipe.stream, signals or Signals(), room, lambda lines: f"{lines} left out\n", patience)


def test_all_is_written_in_order_before_the_program_goes_on(pipe: Pipe) -> None:
    pipe.begin_to_read()
    with unhurried(pipe) as out:
        for number in range(1000):
            out.write(f"{number}\n")
    out.write("after\n")
    assert pipe.rest().split() == [*map(str, range(1000)), "after"]


def test_what_nobody_reads_is_left_out_and_told_in_its_place(pipe: Pipe) -> None:
    with unhurried(pipe, room=10) as out:
        for text in (LONG, "lost\n", "lost\n"):
            out.write(text)
        pipe.begin_to_read()
    assert pipe.rest() == f"{LONG}2 left out\n"


def test_a_reader_that_is_slow_gets_all(pipe: Pipe) -> None:
    pipe.begin_to_read()
    with unhurried(pipe, room=10, patience=60.0) as out:
        for _ in range(50):
            out.write(LONG)
    assert pipe.rest() == LONG * 50


def test_once_the_user_wants_it_to_end_nothing_waits_for_room(pipe: Pipe) -> None:
    signals = Signals()
    with unhurried(pipe, signals, room=10, patience=60.0) as out:
        out.write(LONG)
        signals.count = 1
        out.write("lost\n")
        pipe.begin_to_read()
    assert pipe.rest() == f"{LONG}1 left out\n"


def test_reader_that_has_stopped_does_not_keep_a_program_that_was_asked_to_end(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubectl_ebpfaudit.unhurried._STOPPED_SECONDS", 0.0)
    signals = Signals()
    signals.count = 1
    with unhurried(pipe, signals) as out:
        out.write(LONG)
    out.write(LONG)
    out.flush()
    assert os.fstat(pipe.stream.fileno()).st_rdev == os.stat(os.devnull).st_rdev


def test_a_further_signal_ends_the_wait_for_a_reader(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    with Signals() as signals, unhurried(pipe, signals) as out:
        out.write(LONG)
        monkeypatch.setattr(out._changed, "wait", lambda seconds: os.kill(os.getpid(), signal.SIGINT))
    assert signals.count == 1


def test_reader_that_is_gone_is_told_once(pipe: Pipe) -> None:
    pipe.lose_reader()
    told: list[str] = []
    with Unhurried(pipe.stream, Signals(), 1 << 20, str, complain=told.append) as out:
        out.write(LONG)
        out.write(LONG)
    assert told == ["nobody reads it any more"]


def test_ctrl_c_ends_a_recording_whose_screen_stands_still_with_a_whole_log(pipe: Pipe, tmp_path: Path) -> None:
    header, block, *rest = log_objects()
    pipe.fill()

    def interrupt() -> bool:
        os.kill(os.getpid(), signal.SIGINT)
        return True

    carrier = FakeCarrier([header, block, interrupt], after_stop=list(rest))
    with Signals() as signals, unhurried(pipe, signals) as out:
        live = Live(out)
        part = Part("node1", carrier, LogFile(tmp_path / "x"), live.view("node1"))
        Run([part], live, signals).record()
        assert part.outcome
        assert part.outcome.end
        pipe.begin_to_read()
    assert (tmp_path / "x").read_bytes() == header + block + b"".join(rest)
    assert "Recording default/victim/app on node1" in pipe.rest()
