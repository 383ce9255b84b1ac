"""Many containers on one node, and containers on several nodes, with busy sessions in all of them."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import evidence
from tests.cluster.busy import Busy
from tests.cluster.client import Client
from tests.cluster.faults import EVERYTHING, last_words, pod
from tests.cluster.node import Node
from tests.cluster.node.wait import until
from tests.reliability import Outcome

pytestmark = pytest.mark.slow
_PODS, _CONTAINERS, _AT_A_TIME = 10, 5, 5


@pytest.fixture
def namespace(node: Node) -> Iterator[str]:
    name = node.fresh_namespace()
    yield name
    node.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def client(node: Node, tmp_path: Path) -> Iterator[Client]:
    client = Client(node, tmp_path / "client")
    yield client
    assert client.left_behind() == []


def _crowd(node: Node, namespace: str) -> list[tuple[str, str]]:
    """Pods with many containers; (pod, container) of each."""
    containers = tuple(f"app{n}" for n in range(_CONTAINERS))
    pods = [f"crowd{n}" for n in range(_PODS)]
    for name in pods:
        labelled = pod(name, tolerations=EVERYTHING, labels={"app": "crowd"}, containers=containers)
        node.apply(labelled, namespace=namespace)
    for name in pods:
        node.wait_ready(name, namespace=namespace)
    return [(name, container) for name in pods for container in containers]


@pytest.mark.fault("50 containers on one node, with a session in each")
def test_one_recorder_records_50_containers(
    node: Node, namespace: str, client: Client, tmp_path: Path, outcome: Outcome
) -> None:
    crowd = _crowd(node, namespace)
    log = tmp_path / "log.ebpfaudit"

    def session(place: tuple[str, str]) -> Busy:
        with Busy(node, namespace, place[0], folder=tmp_path, container=place[1]) as busy:
            busy.wait_lines(20)
            assert busy.stop() == 0
        return busy

    with client.start("record", "-l", "app=crowd", "-n", namespace, "-w", log) as run:
        run.expect(f"^Recording {len(crowd)} containers")
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            sessions = list(pool.map(session, crowd))
        code = run.stop()
    assert code == 0, run.said
    assert all(evidence.check(log, busy).is_whole for busy in sessions)
    outcome.lost, outcome.exit_code, outcome.sees = "nothing", code, last_words(run)


def _spread(node: Node, namespace: str, places: dict[str, str]) -> None:
    """Starts pods, each on the node that is named."""
    for name, on in places.items():
        node.apply(pod(name, tolerations=EVERYTHING, node=on, labels={"app": "spread"}), namespace=namespace)
    for name in places:
        node.wait_ready(name, namespace=namespace)


@pytest.mark.fault("what is recorded runs on two nodes, on one of them later")
def test_log_of_each_node_has_what_ran_there(
    node: Node, two_nodes: tuple[str, str], namespace: str, client: Client, tmp_path: Path, outcome: Outcome
) -> None:
    folder = tmp_path / "run"
    logs = {name: folder / f"{name}.ebpfaudit" for name in two_nodes}

    _spread(node, namespace, {"first": two_nodes[0]})
    with client.start("record", "-l", "app=spread", "-n", namespace, "-w", f"{folder}/") as run:
        run.expect("^Recording ")
        with Busy(node, namespace, "first", folder=tmp_path) as here:
            _spread(node, namespace, {"second": two_nodes[1]})
            late = logs[two_nodes[1]]
            until(lambda: late.exists() and late.stat().st_size > 0, 60, lambda: f"no log of node2: {run.said}")
            with Busy(node, namespace, "second", folder=tmp_path) as there:
                there.wait_lines(10)
                here.wait_lines(10)
                assert there.stop() == here.stop() == 0
            code = run.stop()
    assert code == 0, run.said
    assert sorted(folder.iterdir()) == sorted(logs.values())
    assert evidence.check(logs[two_nodes[0]], here).is_whole
    assert evidence.check(logs[two_nodes[1]], there).is_whole
    shown = client.run("show", folder)
    assert shown.wait() == 0, shown.said
    assert f"{namespace}/first".encode() in shown.printed
    assert f"{namespace}/second".encode() in shown.printed
    outcome.lost, outcome.exit_code, outcome.sees = "nothing", code, last_words(run)


@pytest.mark.fault("nobody is there while what is recorded comes to a second node; then `attach`")
def test_who_attaches_records_on_a_node_that_came_meanwhile(
    node: Node, two_nodes: tuple[str, str], namespace: str, client: Client, tmp_path: Path, outcome: Outcome
) -> None:
    folder = tmp_path / "run"

    _spread(node, namespace, {"first": two_nodes[0]})
    left = client.run("record", "-l", "app=spread", "-n", namespace, "--detach", "--memory-limit", "1Gi")
    assert left.wait() == 0, left.said
    _spread(node, namespace, {"second": two_nodes[1]})
    with client.start("attach", "-w", f"{folder}/") as run:
        run.expect("^Recording ")
        late = folder / f"{two_nodes[1]}.ebpfaudit"
        until(lambda: late.exists() and late.stat().st_size > 0, 60, lambda: f"no log of node2: {run.said}")
        with (
            Busy(node, namespace, "first", folder=tmp_path) as here,
            Busy(node, namespace, "second", folder=tmp_path) as there,
        ):
            there.wait_lines(10)
            here.wait_lines(10)
            assert there.stop() == here.stop() == 0
        pods = json.loads(node.kubectl("get", "pods", "-n", "ebpfaudit", "-o", "json").stdout)["items"]
        made = {one["spec"]["nodeName"]: one for one in pods}
        code = run.stop()
    assert code == 0, run.said
    of_first, of_second = (made[name] for name in two_nodes)
    [own], [further] = of_first["spec"]["containers"], of_second["spec"]["containers"]
    assert own["resources"] == further["resources"]
    assert abs(_deadline(of_first) - _deadline(of_second)) <= 2
    assert evidence.check(folder / f"{two_nodes[0]}.ebpfaudit", here).is_whole
    assert evidence.check(late, there).is_whole
    outcome.lost, outcome.exit_code, outcome.sees = "what ran there before", code, last_words(run)


def _deadline(recorder: dict[str, Any]) -> float:
    """When a recorder's pod says that its recording ends, in seconds."""
    told = recorder["metadata"]["annotations"]["ebpfaudit/deadline"]
    return datetime.fromisoformat(told.replace("Z", "+00:00")).timestamp()


def test_recorders_of_two_nodes_begin_and_end_together(
    node: Node, two_nodes: tuple[str, str], namespace: str, client: Client, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    _spread(node, namespace, {f"on-{name}": name for name in two_nodes})
    with client.start("record", "-l", "app=spread", "-n", namespace, "-w", f"{folder}/") as run:
        run.expect(r"^Recording .* on node\d, node\d;")
        with (
            Busy(node, namespace, "on-node1", folder=tmp_path) as here,
            Busy(node, namespace, "on-node2", folder=tmp_path) as there,
        ):
            there.wait_lines(10)
            here.wait_lines(10)
            assert there.stop() == here.stop() == 0
        assert run.stop() == 0, run.said
    assert evidence.check(folder / "node1.ebpfaudit", here).is_whole
    assert evidence.check(folder / "node2.ebpfaudit", there).is_whole
