"""A real Kubernetes for the tests of this folder: started once, with the images that they need."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.cluster.node import Missing, Node, requirements


@dataclass(frozen=True)
class Victim:
    """A pod in which somebody will do something."""

    namespace: str
    pod: str = "victim"
    container: str = "app"


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """A Ready node with the app's and the recorder's image on it."""
    try:
        requirements.check()
        archives = [requirements.app_image(), requirements.recorder_image()[0]]
        node = Node.start(archives)
    except Missing as missing:
        pytest.skip(f"needs: {missing}")
    try:
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="session")
def recorder_image() -> str:
    """The name under which the node has the recorder's image."""
    try:
        return requirements.recorder_image()[1]
    except Missing as missing:
        pytest.skip(f"needs: {missing}")


@pytest.fixture
def two_nodes(node: Node) -> Iterator[tuple[str, str]]:
    """The names of two nodes of the cluster. The second is made for the first test that wants it.

    In between it is cordoned: other tests have all their pods on one node.
    """
    second = node.nodes[1] if len(node.nodes) > 1 else node.add_node()
    node.kubectl("uncordon", second)
    yield node.nodes[0], second
    node.kubectl("cordon", second)


@pytest.fixture
def victim(node: Node) -> Iterator[Victim]:
    """A Ready pod, in a namespace of its own."""
    victim = Victim(node.fresh_namespace())
    node.apply(_pod(victim), namespace=victim.namespace)
    node.wait_ready(victim.pod, namespace=victim.namespace)
    yield victim
    # A node takes 110 pods.
    node.kubectl("delete", "namespace", victim.namespace, "--wait=false")


@pytest.fixture(scope="module")
def target(node: Node) -> Iterator[Victim]:
    """A Ready pod for all tests of this module, which do nothing to it."""
    victim = Victim(node.fresh_namespace())
    node.apply(_pod(victim), namespace=victim.namespace)
    node.wait_ready(victim.pod, namespace=victim.namespace)
    yield victim
    node.kubectl("delete", "namespace", victim.namespace, "--wait=false")


def _pod(victim: Victim) -> dict[str, object]:
    container = {
        "name": victim.container,
        "image": requirements.APP_IMAGE,
        "imagePullPolicy": "Never",
        "command": ["sleep", "infinity"],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": victim.pod},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
    }
