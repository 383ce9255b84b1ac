"""A run over several recorders: when it counts as recording, what ends it, and what is left of each."""

import functools
import io
import threading
from collections.abc import Callable
from pathlib import Path

from kubectl_ebpfaudit.carrier import Interruptible, Slow
from kubectl_ebpfaudit.interrupt import Signals
from kubectl_ebpfaudit.live import Live
from kubectl_ebpfaudit.output import LogFile
from kubectl_ebpfaudit.run import Part, Run
from tests.support.carried import Chunk, FakeCarrier, log_objects

SECONDS = 20
"""After which a test has failed that waits for something."""


class Carried(FakeCarrier):
    """The recorder of a node. `start` returns when `may_start` is set; what has happened is set as well."""

    def __init__(self, node: str, chunks: list[Chunk] | None = None) -> None:
        super().__init__(list(log_of(node)) if chunks is None else chunks)
        self.node = node
        self.may_start, self.was_read, self.was_closed = threading.Event(), threading.Event(), threading.Event()
        self.may_start.set()

    def after(self, event: threading.Event) -> "Carried":
        self.may_start = event
        return self

    def start(self, interruptible: Interruptible, slow: Slow | None = None) -> None:
        assert self.may_start.wait(SECONDS)

    def read(self, wake: int, seconds: float) -> bytes | None:
        self.was_read.set()
        return super().read(wake, seconds)

    def close(self, whole: bool) -> str:
        left = super().close(whole)
        self.was_closed.set()
        return left


@functools.cache  # no two are the same
def log_of(node: str) -> list[bytes]:
    return log_objects(node={"name": node})


def waits_for(event: threading.Event) -> Callable[[], None]:
    def wait() -> None:
        assert event.wait(SECONDS)

    return wait


class Scene:
    """Parts for recorders, and a run over them. `said` is what the user has read."""

    def __init__(self, folder: Path, *carriers: Carried) -> None:
        self.folder, self.out = folder, io.StringIO()
        self.live = Live(self.out, expected=len(carriers))
        self.parts = [self.part(carrier) for carrier in carriers]

    def part(self, carrier: Carried) -> Part:
        view = self.live.view(carrier.node)
        return Part(carrier.node, carrier, LogFile(self.folder / carrier.node), view)

    def record(self) -> Run:
        with Signals() as signals:
            run = Run(self.parts, self.live, signals)
            run.record()
        return run

    @property
    def said(self) -> list[str]:
        return self.out.getvalue().splitlines()


def test_a_recorder_that_runs_is_followed_while_another_one_still_starts(tmp_path: Path) -> None:
    quick = Carried("node2")
    scene = Scene(tmp_path, Carried("node1").after(quick.was_read), quick)
    scene.record()
    assert [part.error for part in scene.parts] == [None, None]
    assert (tmp_path / "node2").read_bytes() == b"".join(log_of("node2"))


def test_a_recorder_that_has_ended_before_all_were_live_is_not_said_to_record(tmp_path: Path) -> None:
    early = Carried("node2")
    scene = Scene(tmp_path, Carried("node1").after(early.was_closed), early)
    scene.record()
    assert [line for line in scene.said if line.startswith("Recording")] == [
        "Recording default/victim/app on node1; stop with ctrl-C"
    ]


def test_recorders_that_are_live_at_once_are_all_named(tmp_path: Path) -> None:
    live = threading.Event()
    header, *rest = log_of("node1")
    first = Carried("node1", [header, waits_for(live), *rest])
    header, *rest = log_of("node2")
    second = Carried("node2", [header, live.set, *rest])
    scene = Scene(tmp_path, first, second)
    scene.record()
    [line] = [line for line in scene.said if line.startswith("Recording")]
    assert line in (f"Recording default/victim/app, default/victim/app on node{a}, node{b}; stop with ctrl-C"
                    for a, b in ((1, 2), (2, 1)))  # fmt: skip
