"""What happens to nodes and to targets, each in the middle of a busy session."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recorder.log.reader import open_log
from tests.cluster import evidence
from tests.cluster.client import recorders
from tests.cluster.faults import EVERYTHING, Scene, last_words, pod
from tests.cluster.node import Node
from tests.reliability import Outcome

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def namespace(node: Node) -> Iterator[str]:
    name = node.fresh_namespace()
    yield name
    node.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def victims(node: Node, namespace: str) -> None:
    """The pods of all tests here, made together: `steady`, which tolerates everything, and some that will not last."""
    for name in ("steady", "restarted", "deleted", "evicted"):
        tolerations = EVERYTHING if name == "steady" else []
        node.apply(pod(name, tolerations=tolerations), namespace=namespace)
    for name in ("steady", "restarted", "deleted", "evicted"):
        node.wait_ready(name, namespace=namespace)


@pytest.fixture
def scene_of(node: Node, namespace: str, victims: None, tmp_path: Path) -> Iterator[Callable[[str], Scene]]:
    """Makes scenes with one of these pods, whose clients leave nothing behind."""
    made = []

    def make(name: str) -> Scene:
        made.append(Scene(node, namespace, name, tmp_path / name))
        return made[-1]

    yield make
    for scene in made:
        assert scene.client.left_behind() == []


def _end_reason(log: Path) -> str:
    with open_log(log) as opened:
        assert opened.end is not None
        return opened.end.reason


def _restart_container(node: Node, namespace: str, name: str) -> None:
    """Kills the first process of a pod's container; its kubelet starts it again."""
    [status] = node.get("pod", name, "-n", namespace)["status"]["containerStatuses"]
    identity = status["containerID"].removeprefix("containerd://")
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            is_init = (folder / "cmdline").read_bytes() == b"sleep\0infinity\0"
            if is_init and f"/{identity}" in (folder / "cgroup").read_text():
                os.kill(int(folder.name), signal.SIGKILL)
                return
        except OSError:  # gone meanwhile
            continue
    raise LookupError(f"no process of {name}")


@pytest.mark.fault("the target's container restarts")
def test_container_that_restarts_is_recorded_to_its_end_and_from_its_new_start(
    node: Node, scene_of: Callable[[str], Scene], outcome: Outcome
) -> None:
    scene = scene_of("restarted")
    with scene.recorded() as (run, busy):
        _restart_container(node, scene.namespace, "restarted")
        assert busy.cut() == 137
        run.expect("restarted/app  is recorded from here on")
        with scene.busy() as after:
            after.wait_lines(10)
            assert after.stop() == 0
        code = run.stop()
    assert code == 0, run.said
    assert evidence.check(scene.log, busy).is_whole
    assert evidence.check(scene.log, after).is_whole
    outcome.lost, outcome.exit_code, outcome.sees = "nothing", code, last_words(run)


@pytest.mark.fault("the target's pod is deleted")
def test_pod_that_is_deleted_is_recorded_to_its_end(
    node: Node, scene_of: Callable[[str], Scene], outcome: Outcome
) -> None:
    scene = scene_of("deleted")
    with scene.recorded() as (run, busy):
        node.kubectl("-n", scene.namespace, "delete", "pod", "deleted", "--wait=false")
        assert busy.cut() == 137
        code = run.wait()
    assert code == 0, run.said
    assert evidence.check(scene.log, busy).is_whole
    assert _end_reason(scene.log) == "target gone"
    outcome.lost, outcome.exit_code, outcome.sees = "nothing", code, last_words(run)


@pytest.mark.fault("the node is cordoned and tainted NoExecute")
def test_tainted_node_keeps_its_recorder(node: Node, scene_of: Callable[[str], Scene], outcome: Outcome) -> None:
    steady, evicted = scene_of("steady"), scene_of("evicted")
    with steady.recorded() as (stays, busy), evicted.recorded() as (ends, gone):
        before = {pod["metadata"]["uid"] for pod in recorders(node)}
        node.kubectl("cordon", "node1")
        node.kubectl("taint", "node", "node1", "broken=yes:NoExecute")
        try:
            assert gone.cut() == 137
            assert ends.wait() == 0  # its target is gone, not its recorder
            busy.wait_lines(10)
            [left] = recorders(node)
            assert left["metadata"]["uid"] in before
        finally:
            node.kubectl("taint", "node", "node1", "broken-")
            node.kubectl("uncordon", "node1")
        assert busy.stop() == 0
        code = stays.stop()
    assert code == 0, stays.said
    assert evidence.check(steady.log, busy).is_whole
    assert evidence.check(evicted.log, gone).is_whole
    outcome.lost, outcome.exit_code, outcome.sees = "nothing", code, last_words(stays)


@pytest.mark.parametrize(
    ("program", "kill"),
    [
        pytest.param("kubelet", False, marks=pytest.mark.fault("the kubelet restarts"), id="kubelet"),
        pytest.param("containerd", False, marks=pytest.mark.fault("containerd restarts"), id="containerd"),
        # The last one here: for some seconds, others learn late what the new one knows.
        pytest.param("kube-apiserver", True, marks=pytest.mark.fault("the API server restarts"), id="API server"),
    ],
)
def test_program_that_restarts_costs_nothing(
    node: Node, scene_of: Callable[[str], Scene], outcome: Outcome, program: str, kill: bool
) -> None:
    scene = scene_of("steady")
    with scene.recorded() as (run, busy):
        acknowledged = scene.acknowledged()
        node.restart(program, kill=kill)
        busy.cut()  # kubectl's own session does not survive that
        with scene.busy() as after:
            after.wait_lines(10)
            assert after.stop() == 0
        code = run.stop()
    assert code == 0, run.said
    assert evidence.check(scene.log, busy, acknowledged=acknowledged).is_whole
    assert evidence.check(scene.log, after).is_whole
    outcome.lost, outcome.exit_code, outcome.sees = "nothing", code, last_words(run)
