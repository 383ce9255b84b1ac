"""What happens to the client and to its connection, each in the middle of a busy session."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster import evidence
from tests.cluster.busy import Busy
from tests.cluster.client import Client, Run, recorders
from tests.cluster.faults import EVERYTHING, Scene, last_words, pod, reset_often
from tests.cluster.node import Node
from tests.cluster.node.wait import until
from tests.reliability import Outcome

pytestmark = pytest.mark.slow
_RESETS = 200
_STOPPED_SECONDS = 90
_DISK_BYTES = 256 << 10


@pytest.fixture(scope="module")
def namespace(node: Node) -> Iterator[str]:
    """A namespace with the pods `victim` and `stopped`."""
    name = node.fresh_namespace()
    for one in ("victim", "stopped"):
        node.apply(pod(one, tolerations=EVERYTHING), namespace=name)
    for one in ("victim", "stopped"):
        node.wait_ready(one, namespace=name)
    yield name
    node.kubectl("delete", "namespace", name, "--wait=false")


@dataclass
class Stopped:
    """A client that does nothing since `since` (s, monotonic), and what it records meanwhile."""

    scene: Scene
    run: Run
    busy: Busy
    since: float
    recorder: str


@pytest.fixture(scope="module", autouse=True)
def stopped(node: Node, namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stopped]:
    """Stopped before the first test here: the time for which it has to be is that of the others."""
    scene = Scene(node, namespace, "stopped", tmp_path_factory.mktemp("stopped"))
    with scene.recorded() as (run, busy):
        run.signal(signal.SIGSTOP)
        [recorder] = recorders(node)
        yield Stopped(scene, run, busy, time.monotonic(), recorder["metadata"]["name"])
        run.signal(signal.SIGCONT)


@pytest.fixture
def scene(node: Node, namespace: str, stopped: Stopped, tmp_path: Path) -> Iterator[Scene]:
    """A scene whose client leaves nothing behind."""
    scene = Scene(node, namespace, "victim", tmp_path)
    yield scene
    assert _left_behind(scene.client, stopped) == []


def _left_behind(client: Client, stopped: Stopped) -> list[str]:
    return [what for what in client.left_behind() if not what.endswith(f"/{stopped.recorder}")]


@pytest.mark.fault("the client is killed with -9; attach")
def test_client_that_was_killed_goes_on_with_attach(scene: Scene, outcome: Outcome) -> None:
    with scene.recorded() as (run, busy):
        acknowledged = scene.acknowledged()
        run.signal(signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL
        busy.wait_lines(20)
        with scene.client.start("attach", "-w", scene.log) as again:
            again.expect("^Recording ")
            busy.wait_lines(10)
            assert busy.stop() == 0
            code = again.stop()
    assert code == 0, again.said
    assert evidence.check(scene.log, busy, acknowledged=acknowledged).is_whole
    outcome.lost, outcome.exit_code, outcome.sees = "nothing", code, last_words(again)


@contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "small", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.fault("the disk of the client is full")
def test_disk_that_is_full_keeps_a_log_that_can_be_read(scene: Scene, tmp_path: Path, outcome: Outcome) -> None:
    log = tmp_path / "disk" / "log.ebpfaudit"
    with _small_disk(log.parent):
        with scene.client.record(scene.namespace, scene.pod, log) as run, scene.busy(words=1500) as busy:
            busy.wait_lines(5)
            acknowledged = log.read_bytes()
            code = run.wait()
            assert _DISK_BYTES / 2 < log.stat().st_size <= _DISK_BYTES
            busy.wait_lines(5)
            assert busy.stop() == 0
        found = evidence.check(log, busy, acknowledged=acknowledged)
    assert found.end is None
    assert found.recorded > 0
    assert code == 9
    assert "No space left on device" in run.said
    outcome.lost, outcome.exit_code, outcome.sees = found.lost, code, last_words(run)


@pytest.mark.fault("the connection is reset at 200 random bytes")
def test_connection_that_is_reset_anywhere_loses_nothing(
    node: Node, scene: Scene, stopped: Stopped, outcome: Outcome
) -> None:
    with node.proxy() as proxy:
        client = Client(node, scene.log.with_name("proxied"), port=proxy.port)
        with client.record(scene.namespace, scene.pod, scene.log) as run, scene.busy(words=1500, pause=0.02) as busy:
            reset_often(proxy, run, _RESETS)
            busy.wait_lines(5)
            assert busy.stop() == 0
            code = run.stop()
    assert code == 0, run.said
    assert evidence.check(scene.log, busy).is_whole
    assert _left_behind(client, stopped) == []
    outcome.lost, outcome.exit_code, outcome.sees = "nothing", code, last_words(run)


@pytest.mark.fault("the connection is dead: nothing comes, and no end")
def test_dead_connection_is_noticed_and_made_again(node: Node, scene: Scene, outcome: Outcome) -> None:
    with node.proxy() as proxy:
        client = Client(node, scene.log.with_name("proxied"), port=proxy.port)
        with client.record(scene.namespace, scene.pod, scene.log) as run, scene.busy() as busy:
            busy.wait_lines(10)
            proxy.pause()
            connections = proxy.accepted
            # Who has noticed connects anew: within 15 seconds (tests/unit/test_exec_frames.py), if it gets to run.
            noticed = proxy.wait_accepted(connections + 1, 60)
            proxy.resume()
            busy.wait_lines(10)
            assert busy.stop() == 0
            code = run.stop()
    assert code == 0, run.said
    assert evidence.check(scene.log, busy).is_whole
    assert noticed
    outcome.lost, outcome.exit_code, outcome.sees = "nothing", code, last_words(run)


def _has_given_up(client: Client) -> bool:
    """Whether a recorder has ended and waits to be fetched."""
    status = client.run("status", "-o", "json")
    assert status.wait() == 0, status.said
    return any(recorder["state"] == "ended" for recorder in json.loads(status.printed))


@pytest.mark.fault("the API server is away for longer than --client-timeout")
def test_recorder_that_nobody_reaches_ends_and_keeps_its_log(node: Node, scene: Scene, outcome: Outcome) -> None:
    with node.proxy() as proxy:
        client = Client(node, scene.log.with_name("proxied"), port=proxy.port)
        flags = ("--client-timeout", "5s")
        with client.record(scene.namespace, scene.pod, scene.log, *flags) as run, scene.busy() as busy:
            busy.wait_lines(10)
            acknowledged = scene.acknowledged()
            proxy.refuse()
            before = busy.lines
            until(lambda: _has_given_up(scene.client), 60, lambda: f"it goes on: {run.said}")
            proxy.resume()
            code = run.wait()
            busy.wait_lines(5)
            assert busy.stop() == 0
    found = evidence.check(scene.log, busy, acknowledged=acknowledged)
    assert found.end == "no client"
    assert found.commands > before  # the tail, of what happened while nobody came
    assert code == 3
    assert "--client-timeout" in run.said
    outcome.lost, outcome.exit_code, outcome.sees = found.lost, code, last_words(run)


@pytest.mark.fault("the client is stopped for 90 s, as by a laptop that sleeps")
def test_client_that_was_stopped_catches_up(stopped: Stopped, outcome: Outcome) -> None:
    # The last one here: most of this has passed.
    time.sleep(max(0.0, stopped.since + _STOPPED_SECONDS - time.monotonic()))
    acknowledged = stopped.scene.acknowledged()
    stopped.run.signal(signal.SIGCONT)
    stopped.busy.wait_lines(10)
    assert stopped.busy.stop() == 0
    code = stopped.run.stop()
    assert code == 0, stopped.run.said
    assert evidence.check(stopped.scene.log, stopped.busy, acknowledged=acknowledged).is_whole
    assert stopped.scene.client.left_behind() == []
    outcome.lost, outcome.exit_code, outcome.sees = "nothing", code, last_words(stopped.run)
