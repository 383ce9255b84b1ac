"""A run over several recorders: when it counts as recording, what ends it, and what is left of each."""

import functools
import io
import itertools
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubectl_ebpfaudit.carrier import Interruptible, Slow
from kubectl_ebpfaudit.cluster.errors import PodDidNotStart
from kubectl_ebpfaudit.interrupt import Interrupted, Signals
from kubectl_ebpfaudit.live import Live
from kubectl_ebpfaudit.outcome import conclude
from kubectl_ebpfaudit.output import LogFile
from kubectl_ebpfaudit.parts import Part
from kubectl_ebpfaudit.run import Change, NewTarget, Over, Run
from recorder.log.errors import AuditError
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
        self.is_starting, self.is_cancelled = threading.Event(), False

    def after(self, event: threading.Event) -> "Carried":
        self.may_start = event
        return self

    def start(self, interruptible: Interruptible, slow: Slow | None = None) -> None:
        self.is_starting.set()
        assert self.may_start.wait(SECONDS)
        if self.is_cancelled:
            raise PodDidNotStart("it was deleted while it started")

    def cancel(self) -> bool:
        self.is_cancelled = True
        self.may_start.set()
        return True

    def read(self, wake: int, seconds: float) -> bytes | None:
        self.was_read.set()
        return super().read(wake, seconds)

    def close(self, whole: bool) -> str:
        left = super().close(whole)
        self.was_closed.set()
        return left


@functools.cache  # no two are the same
def log_of(node: str, reason: str = "sessions") -> list[bytes]:
    return log_objects(node={"name": node}, reason=reason)


NEW = NewTarget("node3", {"namespace": "default", "pod": "later", "container": "app"})


def interrupted_once(event: threading.Event) -> Callable[[], bool]:
    def interrupt() -> bool:
        assert event.wait(SECONDS)
        os.kill(os.getpid(), signal.SIGINT)
        return True

    return interrupt


def waits_for(event: threading.Event) -> Callable[[], None]:
    def wait() -> None:
        assert event.wait(SECONDS)

    return wait


class Screen(io.StringIO):
    """What the user reads. `complained` is set by the first error."""

    def __init__(self) -> None:
        super().__init__()
        self.complained = threading.Event()

    def write(self, text: str, /) -> int:
        if text.startswith("error: "):
            self.complained.set()
        return super().write(text)


class Scene:
    """Parts for recorders, and a run over them. `said` is what the user has read."""

    def __init__(self, folder: Path, *carriers: Carried) -> None:
        self.folder, self.out = folder, Screen()
        self.live = Live(self.out, expected=len(carriers))
        self.parts = [self.part(carrier) for carrier in carriers]

    def part(self, carrier: Carried, awaited: bool = True) -> Part:
        view = self.live.view(carrier.node, awaited)
        return Part(carrier.node, carrier, LogFile(self.folder / carrier.node), view)

    def record(
        self,
        *changes: Change,
        further: Carried | None = None,
        later: Iterable[Change] = (),
        is_over: Callable[[], bool] = lambda: False,
        are_ours: bool = True,
    ) -> Run:
        """The run, when it is over. `further` is the recorder of the node that is come to meanwhile."""

        def make(node: str, targets: list[dict[str, Any]], live: Live) -> Part:
            assert further
            return self.part(further, awaited=False)

        with Signals() as signals:
            all_changes = itertools.chain(changes, later)
            run = Run(self.parts, self.live, signals, make, all_changes, is_over=is_over, are_ours=are_ours)
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


def test_ctrl_c_while_a_further_recorder_starts_ends_the_run_well(tmp_path: Path) -> None:
    further = Carried("node3").after(threading.Event())
    header, *rest = log_of("node1")
    first = Carried("node1", [header, interrupted_once(further.is_starting)])
    first.after_stop = list(rest)
    scene = Scene(tmp_path, first)
    run = scene.record(NEW, further=further)
    assert [part.node for part in run.parts] == ["node1"]
    assert (further.is_cancelled, further.closed) == (True, [False])
    conclude(run.parts, scene.live, tmp_path)


def test_what_a_recorder_leaves_behind_that_was_given_up_is_told(tmp_path: Path) -> None:
    further = Carried("node3").after(threading.Event())
    further.left = "pod x is still there"
    header, *rest = log_of("node1")
    first = Carried("node1", [header, interrupted_once(further.is_starting)])
    first.after_stop = list(rest)
    scene = Scene(tmp_path, first)
    run = scene.record(NEW, further=further)
    with pytest.raises(AuditError, match=r"^pod x is still there$"):
        conclude(run.parts, scene.live, tmp_path)


def test_ctrl_c_while_recorders_start_does_not_wait_for_them(tmp_path: Path) -> None:
    starting = Carried("node2").after(threading.Event())
    scene = Scene(tmp_path, Carried("node1", [interrupted_once(starting.is_starting)]), starting)
    with pytest.raises(Interrupted):
        scene.record()
    assert starting.is_cancelled
    assert [part.carrier.closed for part in scene.parts] == [[False], [False]]  # type: ignore[attr-defined]
    assert not list(tmp_path.iterdir())


def test_ctrl_c_while_one_records_and_another_starts_keeps_a_whole_log(tmp_path: Path) -> None:
    starting = Carried("node2").after(threading.Event())
    header, *rest = log_of("node1")
    first = Carried("node1", [header, interrupted_once(starting.is_starting)])
    first.after_stop = list(rest)
    scene = Scene(tmp_path, first, starting)
    run = scene.record()
    assert (starting.is_cancelled, [part.node for part in run.parts]) == (True, ["node1"])
    assert (tmp_path / "node1").read_bytes() == b"".join(log_of("node1"))
    assert not [line for line in scene.said if line.startswith("Recording")]


def test_a_recorder_that_does_not_start_ends_the_start_of_the_others(tmp_path: Path) -> None:
    starting = Carried("node2").after(threading.Event())
    broken = Carried("node1", [])
    scene = Scene(tmp_path, broken.after(starting.is_starting), starting)
    with pytest.raises(AuditError, match="the recorder died"):
        scene.record()
    assert starting.is_cancelled


def test_what_others_have_recorded_when_one_does_not_start_is_a_whole_log(tmp_path: Path) -> None:
    header, *rest = log_of("node2")
    records = threading.Event()

    def until_told() -> bool:
        records.set()
        return True

    recording = Carried("node2", [header, until_told])
    recording.after_stop = list(rest)
    starting = Carried("node3").after(threading.Event())
    scene = Scene(tmp_path, Carried("node1", []).after(records), recording, starting)
    with pytest.raises(AuditError, match="the recorder died"):
        scene.record()
    assert (tmp_path / "node2").read_bytes() == b"".join(log_of("node2"))
    assert starting.is_cancelled
    assert recording.closed == [True]
    assert "Node node1 cannot be recorded: what the others have recorded is fetched …" in scene.said
    assert scene.said[-1] == f"warning: what was recorded until one recorder failed is in {tmp_path / 'node2'}"
    assert not [line for line in scene.said if line.startswith(("Recording", "error: "))]


def test_recorders_that_ran_before_go_on_when_one_of_them_fails(tmp_path: Path) -> None:
    records = threading.Event()
    header, *_ = log_of("node2")

    def until_told() -> bool:
        records.set()
        return True

    running = Carried("node2", [header, until_told])
    scene = Scene(tmp_path, Carried("node1", []).after(records), running)
    with pytest.raises(AuditError, match="the recorder died"):
        scene.record(are_ours=False)
    assert running.told == []
    assert (tmp_path / "node2").read_bytes() == header


def test_the_recorder_of_a_further_node_does_not_stand_in_for_one_that_is_waited_for(tmp_path: Path) -> None:
    further = Carried("node3")
    header, *rest = log_of("node1")
    first = Carried("node1", [header, waits_for(further.was_closed), *rest])
    scene = Scene(tmp_path, first, Carried("node2").after(first.was_closed))
    scene.record(NEW, further=further)
    recording = [line for line in scene.said if line.startswith("Recording")]
    assert recording == ["Recording default/victim/app on node2; stop with ctrl-C"]  # that of node1 has ended


def test_the_recorder_of_a_further_node_that_fails_does_not_end_what_begins(tmp_path: Path) -> None:
    further = Carried("node3", [])
    first = Carried("node1")
    scene = Scene(tmp_path, first)
    first.after(scene.out.complained)
    run = scene.record(NEW, further=further)
    assert [part.error is None for part in run.parts] == [True, False]
    assert "error: node node3: the recorder died" in scene.said
    with pytest.raises(AuditError, match="the recorder died"):
        conclude(run.parts, scene.live, tmp_path)


def gone(node: str) -> Carried:
    """A recorder that ends since nothing has run on its node for long."""
    return Carried(node, list(log_of(node, "target gone")))


def test_a_run_goes_on_without_a_recorder_while_others_may_come(tmp_path: Path) -> None:
    waits = threading.Event()
    further = gone("node3")

    def later() -> Iterator[Change]:
        assert waits.wait(SECONDS)
        yield NEW
        assert further.was_closed.wait(SECONDS)
        yield Over()

    def is_over() -> bool:
        waits.set()
        return False

    scene = Scene(tmp_path, gone("node1"))
    run = scene.record(further=further, later=later(), is_over=is_over)
    assert [part.outcome and part.outcome.end is not None for part in run.parts] == [True, True]
    assert "nothing of it is left at present: what comes is recorded" in scene.out.getvalue()
    conclude(run.parts, scene.live, tmp_path)


@pytest.mark.parametrize("reason", ["stopped", "sessions", "duration", "terminated", "no client"])
def test_a_run_whose_recorder_was_ended_does_not_wait_for_others(tmp_path: Path, reason: str) -> None:
    ended = Carried("node1", list(log_of("node1", reason)))
    Scene(tmp_path, ended).record(later=iter([]), is_over=lambda: pytest.fail("it waits"))


def test_a_run_without_a_recorder_ends_when_its_time_is_over(tmp_path: Path) -> None:
    run = Scene(tmp_path, gone("node1")).record(is_over=lambda: True)
    assert len(run.parts) == 1


def test_ctrl_c_ends_a_run_without_a_recorder_well(tmp_path: Path) -> None:
    def interrupt() -> bool:
        os.kill(os.getpid(), signal.SIGINT)
        return False

    scene = Scene(tmp_path, gone("node1"))
    run = scene.record(is_over=interrupt)
    conclude(run.parts, scene.live, tmp_path)


def test_dead_recorder_whose_log_goes_on_is_not_said_to_record(tmp_path: Path) -> None:
    header, block, *_ = log_of("node1")
    (tmp_path / "log").write_bytes(header + block)
    dead = Carried("node1", [])
    dead.is_dead, dead.away = True, 1.0
    scene = Scene(tmp_path)
    scene.live.expect(1)
    view = scene.live.view("node1")
    file = LogFile.resume(tmp_path / "log", lambda parsed: view.object(parsed, again=True))
    scene.parts = [Part("node1", dead, file, view)]
    run = scene.record()
    assert run.parts[0].outcome
    assert run.parts[0].outcome.cut == "the recorder died"
    assert not [line for line in scene.said if line.startswith("Recording")]
