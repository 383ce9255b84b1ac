"""The cluster can be broken as a real one breaks, and what breaks comes back; it can grow, too."""

import subprocess
from subprocess import PIPE

import pytest

from tests.cluster.conftest import Victim
from tests.cluster.faults import pod
from tests.cluster.node import Node


def _container(node: Node, victim: Victim) -> tuple[str, int]:
    """Which container the pod has, and how often it was restarted."""
    pod = node.get("pod", victim.pod, "-n", victim.namespace)
    [status] = pod["status"]["containerStatuses"]
    return status["containerID"], status["restartCount"]


@pytest.mark.slow
def test_containers_live_on_when_a_program_of_the_node_restarts(node: Node, victim: Victim) -> None:
    shell = ("-n", victim.namespace, "exec", victim.pod, "--", "sh", "-c")
    before = _container(node, victim)
    node.kubectl(*shell, "sleep 1000 >/dev/null 2>&1 & echo $! >/tmp/pid")
    for program, kill in (("containerd", True), ("containerd", False), ("kubelet", False), ("kube-apiserver", True)):
        node.restart(program, kill=kill)
        done = node.kubectl(*shell, "ps -o args= $(cat /tmp/pid)")
        assert done.stdout == b"sleep 1000\n"
        assert _container(node, victim) == before


@pytest.mark.slow
def test_second_node_runs_pods_of_its_own(node: Node, two_nodes: tuple[str, str]) -> None:
    namespace = node.fresh_namespace()
    for name in two_nodes:
        node.apply(pod(f"on-{name}", tolerations=[], node=name), namespace=namespace)
    for name in two_nodes:
        node.wait_ready(f"on-{name}", namespace=namespace)
        done = node.kubectl("-n", namespace, "exec", f"on-{name}", "--", "hostname")
        assert done.stdout.decode() == f"on-{name}\n"
    addresses = {item["status"]["hostIP"] for item in node.get("pods", "-n", namespace)["items"]}
    assert len(addresses) == 2
    node.restart("kubelet", on=two_nodes[1])
    node.kubectl("-n", namespace, "exec", f"on-{two_nodes[1]}", "--", "true")
    node.kubectl("delete", "namespace", namespace, "--wait=false")


def test_kubectl_works_through_a_proxy_and_knows_when_it_is_cut(node: Node, victim: Victim) -> None:
    with node.proxy() as proxy:
        environment = {"KUBECONFIG": str(node.kubeconfig(port=proxy.port))}
        argv = ["kubectl", "-n", victim.namespace, "exec", victim.pod, "--", "sh", "-c", "echo up; sleep 100"]
        command = node.command(argv, env=environment)
        with subprocess.Popen(command.argv, env=command.env, stdout=PIPE, stderr=PIPE) as kubectl:
            assert kubectl.stdout is not None
            assert kubectl.stdout.readline() == b"up\n"
            assert proxy.connections >= 1
            proxy.reset()
            assert kubectl.wait(60) == 1
