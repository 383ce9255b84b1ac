"""What happens to the recorder, each in the middle of a busy session."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recorder.log.format import RECORDER_DIED
from tests.cluster import evidence
from tests.cluster.client import recorders
from tests.cluster.faults import EVERYTHING, Scene, last_words, pod
from tests.cluster.node import Node
from tests.reliability import Outcome

pytestmark = pytest.mark.slow
_KILLED = "ended with exit code 137"
_TOO_MANY_LINES = 600  # some 3 kB each in the log


@pytest.fixture(scope="module")
def namespace(node: Node) -> Iterator[str]:
    """A namespace with a pod `victim`."""
    name = node.fresh_namespace()
    node.apply(pod("victim", tolerations=EVERYTHING), namespace=name)
    node.wait_ready("victim", namespace=name)
    yield name
    node.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def scene(node: Node, namespace: str, tmp_path: Path) -> Iterator[Scene]:
    """A scene whose client leaves nothing behind."""
    scene = Scene(node, namespace, "victim", tmp_path)
    yield scene
    assert scene.client.left_behind() == []


def _agent(node: Node) -> int:
    """Host process ID of the recorder's agent."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            group = (folder / "cgroup").read_text()
        except OSError:  # gone meanwhile
            continue
        if b"agent" in words and b"/spool" in words and f"{node.cgroup}/" in group:
            return int(folder.name)
    raise LookupError("no agent runs on the node")


def _memory_folder(pid: int) -> Path:
    """The folder of the process's memory cgroup, v1 or v2."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return Path(f"/sys/fs/cgroup/memory{path}")
        if not controllers:
            unified = Path(f"/sys/fs/cgroup{path}")
    return unified


def _run_out_of_memory(pid: int) -> None:
    """Has the kernel end `pid` because its cgroup is full: it is that one, as it is the likeliest now."""
    folder = _memory_folder(pid)
    Path(f"/proc/{pid}/oom_score_adj").write_text("1000")
    limit = next(file for name in ("memory.max", "memory.limit_in_bytes") if (file := folder / name).exists())
    usage = next(file for name in ("memory.current", "memory.usage_in_bytes") if (file := folder / name).exists())
    limit.write_text(str(int(usage.read_text()) + (4 << 20)))
    joins = f"open({str(folder / 'cgroup.procs')!r}, 'w').write('0')"
    hog = f"{joins}\nkept = []\nwhile True: kept.append(bytearray(1 << 20))"
    died = os.pidfd_open(pid)
    with subprocess.Popen([sys.executable, "-c", hog], stderr=subprocess.DEVNULL) as eater:
        try:
            assert select.select([died], [], [], 60)[0], "the kernel ends nobody"
        finally:
            eater.kill()
            os.close(died)


def _kill_agent(node: Node) -> None:
    os.kill(_agent(node), signal.SIGKILL)


def _delete_pod(node: Node) -> None:
    [found] = recorders(node)
    name, namespace = found["metadata"]["name"], found["metadata"]["namespace"]
    node.kubectl("-n", namespace, "delete", "pod", name, "--force", "--grace-period=0")


def _fill_memory(node: Node) -> None:
    _run_out_of_memory(_agent(node))


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        pytest.param(
            _kill_agent,
            (_KILLED,),
            marks=pytest.mark.fault("the recorder is killed with -9"),
            id="killed",
        ),
        pytest.param(
            _fill_memory,
            # containerd tells of the end and of its cause one by one: the first status may lack the cause.
            ("used more memory than it may", _KILLED),
            marks=pytest.mark.fault("the recorder runs out of memory"),
            id="out of memory",
        ),
        pytest.param(
            _delete_pod,
            ("ends too early",),
            marks=pytest.mark.fault("somebody deletes the recorder's pod"),
            id="deleted",
        ),
    ],
)
def test_recorder_that_ends_early_leaves_what_it_sent(
    node: Node, scene: Scene, outcome: Outcome, fault: Callable[[Node], None], says: tuple[str, ...]
) -> None:
    with scene.recorded() as (run, busy):
        acknowledged = scene.acknowledged()
        fault(node)
        code = run.wait()
        busy.wait_lines(5)  # the session is none the worse for it
        assert busy.stop() == 0
    found = evidence.check(scene.log, busy, acknowledged=acknowledged)
    assert found.recorded > 0
    assert code == 3
    assert any(one in run.said for one in says)
    # A recorder that is told of its end ends its log, if the kubelet leaves it the time; for one that died its client
    # does, once that is certain.
    assert found.end in ({"terminated", RECORDER_DIED} if fault is _delete_pod else {RECORDER_DIED})
    verified = scene.client.run("verify", scene.log)
    assert verified.wait() == (0 if found.end == "terminated" else 3)
    assert (b"lossy" in verified.printed) == (found.end != "terminated")
    outcome.lost, outcome.exit_code, outcome.sees = found.lost, code, last_words(run)


@pytest.mark.fault("the recorder's spool is full, as nobody fetches the log")
def test_spool_that_is_full_costs_output_and_no_command(scene: Scene, outcome: Outcome) -> None:
    with scene.record("--spool-size", "1Mi") as run, scene.busy(words=1500, pause=0.005) as busy:
        busy.wait_lines(5)
        run.signal(signal.SIGSTOP)
        busy.wait_lines(_TOO_MANY_LINES, seconds=600)
        assert busy.stop() == 0
        run.signal(signal.SIGCONT)
        code = run.stop()
    found = evidence.check(scene.log, busy)
    [(_, _, reason)] = found.holes
    assert reason == "spool_full"
    assert found.commands >= len(busy.commands())
    assert code == 3
    assert "lost" in run.said
    outcome.lost, outcome.exit_code, outcome.sees = "output in one gap (spool full)", code, last_words(run)


@pytest.mark.fault("two record the same container")
def test_two_recorders_on_one_target_record_the_same(node: Node, scene: Scene, outcome: Outcome) -> None:
    first, second = scene.log, scene.log.with_name("second.ebpfaudit")
    with scene.recorded() as (run, busy):
        with scene.client.record(scene.namespace, scene.pod, second) as other, scene.busy() as both:
            both.wait_lines(10)
            assert both.stop() == busy.stop() == 0
            codes = run.stop(), other.stop()
    assert codes == (0, 0)
    assert evidence.check(first, busy).is_whole
    assert evidence.check(first, both).is_whole
    assert evidence.check(second, both).is_whole
    outcome.lost, outcome.exit_code, outcome.sees = "nothing", codes[0], last_words(run)
