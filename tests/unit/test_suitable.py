"""Pods and nodes that cannot be recorded are refused, and why is said in one line."""

from typing import Any

import pytest

from kubectl_ebpfaudit.cluster.errors import Unsuitable
from kubectl_ebpfaudit.cluster.suitable import check, kernel

POD: dict[str, Any] = {"metadata": {"namespace": "shop", "name": "web-0"}, "spec": {"nodeName": "n1"}}
INFO = {
    "operatingSystem": "linux",
    "architecture": "amd64",
    "kernelVersion": "6.1.0-28-cloud-amd64",
    "kubeletVersion": "v1.34.4",
}


def _node(labels: dict[str, str] | None = None, taints: list[Any] | None = None, **info: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "n1", "labels": labels or {}},
        "spec": {"taints": taints or []},
        "status": {"nodeInfo": {**INFO, **info}},
    }


def _pod(**spec: Any) -> dict[str, Any]:
    return {**POD, "spec": {**POD["spec"], **spec}}


@pytest.mark.parametrize(
    ("pod", "node", "runtime_class"),
    [
        (POD, _node(), None),
        (POD, None, None),
        ({}, _node(architecture="arm64"), None),
        ({}, {}, {}),
        ({"spec": None}, {"metadata": None, "status": {"nodeInfo": 5}, "spec": {"taints": ["x"]}}, None),
        (_pod(os={"name": "linux"}, nodeSelector={"kubernetes.io/os": "linux"}), _node(), None),
        (_pod(runtimeClassName="nvidia"), _node(), {"handler": "nvidia"}),
        (_pod(runtimeClassName="kata-looks-like-it"), _node(), {"handler": "runc"}),
        (POD, _node({"type": "worker", "kubernetes.io/role": "agent"}, [{"key": "dedicated"}]), None),
    ],
)
def test_pod_that_shares_a_linux_nodes_kernel_is_suitable(pod: Any, node: Any, runtime_class: Any) -> None:
    check(pod, node, runtime_class)


@pytest.mark.parametrize(
    ("pod", "node", "runtime_class", "says"),
    [
        (POD, _node(operatingSystem="windows"), None, "node n1 runs Windows, which has no eBPF of Linux"),
        (POD, {"metadata": {"name": "n1", "labels": {"kubernetes.io/os": "windows"}}}, None, "node n1 runs Windows"),
        (_pod(os={"name": "windows"}), None, None, "pod shop/web-0 runs Windows"),
        (_pod(nodeSelector={"kubernetes.io/os": "windows"}), None, None, "pod shop/web-0 runs Windows"),
        ({}, _node({"type": "virtual-kubelet"}), None, "node n1 is virtual"),
        ({}, _node({}, [{"key": "virtual-kubelet.io/provider", "value": "azure"}]), None, "node n1 is virtual"),
        ({}, _node(kubeletVersion="v1.25.0-vk-azure-aci-1.6.2"), None, "node n1 is virtual"),
        ({}, _node({"eks.amazonaws.com/compute-type": "fargate"}), None, "node n1 is virtual"),
        ({}, _node(architecture="s390x"), None, "node n1 is s390x: there is a recorder for amd64 and arm64"),
        (_pod(runtimeClassName="gvisor"), _node(), {"handler": "runsc"}, "which is gVisor (handler runsc)"),
        (_pod(runtimeClassName="gvisor"), None, None, "which is gVisor (handler gvisor)"),
        (_pod(runtimeClassName="safe"), None, {"handler": "kata-qemu"}, "safe, which is Kata Containers"),
        (_pod(runtimeClassName="Kata\x1b[31m"), None, None, r"runtime class Kata\x1b[31m, which is Kata"),
    ],
)
def test_what_brings_another_kernel_is_refused(pod: Any, node: Any, runtime_class: Any, says: str) -> None:
    with pytest.raises(Unsuitable) as caught:
        check(pod, node, runtime_class)
    assert says in str(caught.value)
    assert str(caught.value).isprintable()
    assert caught.value.exit_code == 25


@pytest.mark.parametrize(
    ("release", "fine"),
    [
        ("5.10.0", True),
        ("6.1.0-28-cloud-amd64", True),
        ("10.0", True),
        ("5.9.16-generic", False),
        ("4.18.0-553.el8", False),
        ("", True),
        ("x", True),
    ],
)
def test_kernel_before_5_10_is_named(release: str, fine: bool) -> None:
    problem = kernel(_node(kernelVersion=release))
    assert (problem == "") == fine
    assert fine or release in problem
