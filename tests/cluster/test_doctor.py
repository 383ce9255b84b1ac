"""`doctor` against a real cluster: what is fine, each thing that can be wrong, and nothing left behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.commands import ROOT, recorders, run
from tests.cluster.conftest import Victim
from tests.cluster.node import Node
from tests.cluster.node.requirements import APP_IMAGE
from tests.cluster.node.wait import until

SECONDS = 60


@pytest.fixture(autouse=True)
def no_recorder_left(node: Node) -> Iterator[None]:
    """After each test: no pod of ours, whatever happened."""
    yield
    assert recorders(node) == []


@pytest.fixture(autouse=True)
def recorder_namespace(node: Node) -> None:
    namespace = next(yaml.safe_load_all((ROOT / "docs" / "rbac.yaml").read_text()))
    node.apply(yaml.safe_dump(namespace))


@contextmanager
def _made(node: Node, *manifests: dict[str, Any]) -> Iterator[None]:
    """Objects that are there for a while."""
    for manifest in manifests:
        node.apply(manifest, namespace=manifest["metadata"].get("namespace", "default"))
    try:
        yield
    finally:
        for manifest in reversed(manifests):
            metadata = manifest["metadata"]
            where = metadata.get("namespace", "default")
            options = ["--ignore-not-found", "--force", "--grace-period=0"]
            options += ["--wait=false"] if manifest["kind"] == "Namespace" else []
            node.kubectl("-n", where, "delete", manifest["kind"].lower(), metadata["name"], *options)


def test_pod_that_can_be_recorded_is_fine_and_nothing_is_created(node: Node, victim: Victim) -> None:
    ran = run(node, "doctor", victim.pod, "-n", victim.namespace)
    assert (ran.code, ran.err) == (0, "")
    head, *lines = ran.out.splitlines()
    assert head.split() == ["CHECK", "STATUS", "DETAIL"]
    for words in (
        f"kubeconfig ok context testnode, namespace {victim.namespace}",
        f"get pods in namespace {victim.namespace} ok allowed",
        "create pods/exec in namespace ebpfaudit ok allowed",
        "recorder's namespace ebpfaudit ok admits privileged pods",
        f"pod {victim.namespace}/victim ok Running on node node1",
        "node node1 ok ready",
        "container runtime ok containerd://",
        "runtime class ok none: the node's own runtime",
        "recorder's pod (dry run) ok the API server would admit it",
    ):
        assert any(" ".join(line.split()).startswith(words) for line in lines), (words, ran.out)


def test_data_is_the_same_as_the_table(node: Node) -> None:
    ran = run(node, "doctor", "node/node1", "-o", "yaml")
    assert ran.code == 0
    shown = yaml.safe_load(ran.out)
    assert shown["ok"] is True
    kernel = next(check for check in shown["checks"] if check["check"] == "kernel")
    assert kernel == {"check": "kernel", "status": "ok", "detail": os.uname().release, "remedy": ""}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["deploy/x"], 2, "names neither pod nor node"),
        (["../x"], 2, "names neither pod nor node"),
        (["node/"], 2, "is no name of a node"),
        (["--deep"], 2, "--deep needs a node"),
        (["--as-group", "x"], 2, "--as-group needs --as"),
        (["-n", "a/b"], 2, "is no name of a namespace"),
        (["--image-pull-policy", "Now"], 2, "--image-pull-policy is one of"),
        (["--request-timeout", "x"], 2, "--request-timeout: "),
    ],
)
def test_wrong_usage_is_one_line(node: Node, arguments: list[str], code: int, says: str) -> None:
    ran = run(node, "doctor", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert says in ran.err
    assert ran.err.count("\n") == 1


def test_cluster_without_an_api_server_is_told_and_the_rest_is_skipped(node: Node, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(node.kubeconfig().read_text().replace(":6443", ":1"))
    ran = run(node, "doctor", "x", "-o", "json", "--kubeconfig", str(config))
    assert ran.code == 6
    assert ran.checks()["API server"]["status"] == "failed"
    assert "Connection refused" in ran.checks()["API server"]["detail"]
    assert ran.checks()["all else"]["status"] == "skipped"


def test_missing_pod_and_node_are_told(node: Node, victim: Victim) -> None:
    ran = run(node, "doctor", "nobody", "-n", victim.namespace, "-o", "json")
    found = ran.checks()[f"pod {victim.namespace}/nobody"]
    assert (ran.code, found["remedy"]) == (4, f"see kubectl get pods -n {victim.namespace}")
    ran = run(node, "doctor", "node/nowhere", "-o", "json", "--deep")
    assert ran.code == 4
    assert ran.checks()["node nowhere"]["status"] == "failed"
    assert ran.checks()["on the node"]["status"] == "skipped"


def _other_node(name: str, labels: dict[str, str] | None = None, **info: str) -> tuple[dict[str, Any], str]:
    """A node without a kubelet, and its status as a kubelet would write it."""
    facts = {
        "operatingSystem": "linux",
        "architecture": "amd64",
        "kernelVersion": "6.1.0",
        "kubeletVersion": "v1.34.4",
        "containerRuntimeVersion": "containerd://1.7.0",
    }
    needed = ("machineID", "systemUUID", "bootID", "osImage", "kubeProxyVersion")
    status = {"nodeInfo": {**dict.fromkeys(needed, ""), **facts, **info}}
    manifest = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels or {}}}
    return manifest, json.dumps({"status": status})


@pytest.mark.parametrize(
    ("labels", "info", "check", "says", "code"),
    [
        ({}, {"operatingSystem": "windows"}, "operating system", "node other runs Windows", 25),
        ({"type": "virtual-kubelet"}, {}, "kind of node", "node other is virtual", 25),
        ({}, {"architecture": "s390x"}, "architecture", "node other is s390x", 25),
        ({}, {"kernelVersion": "5.4.0-azure"}, "kernel", "Linux 5.4.0-azure: recording needs 5.10", 13),
    ],
)
def test_node_that_cannot_be_recorded_on_is_refused(
    node: Node, labels: dict[str, str], info: dict[str, str], check: str, says: str, code: int
) -> None:
    manifest, status = _other_node("other", labels, **info)
    with _made(node, manifest):
        node.kubectl("patch", "node", "other", "--subresource=status", "--type=merge", "-p", status)
        ran = run(node, "doctor", "node/other", "-o", "json")
        all_nodes = run(node, "doctor", "-o", "json")
    # It has no kubelet either, which comes first.
    assert ran.code == 7
    assert ran.checks()["node other"]["detail"].startswith("is not ready: ")
    found = ran.checks()[check]
    assert found["status"] == "failed"
    assert says in found["detail"]
    assert all_nodes.code == 0
    assert all_nodes.checks()["nodes"]["status"] == "warning"
    assert says in all_nodes.checks()["nodes"]["detail"]


def test_all_nodes_are_one_line(node: Node) -> None:
    ran = run(node, "doctor", "-o", "json")
    assert ran.code == 0
    count = len(node.nodes)
    words = f"{count} node{'s' if count > 1 else ''}, all of which can be recorded on"
    assert ran.checks()["nodes"]["detail"] == words


@pytest.mark.parametrize(
    ("handler", "status", "code"), [("runsc", "failed", 25), ("kata-qemu", "failed", 25), ("runc", "ok", 0)]
)
def test_pod_with_a_kernel_of_its_own_is_refused(
    node: Node, victim: Victim, handler: str, status: str, code: int
) -> None:
    """The runtime class is given another handler once the pod runs: this machine has neither of them."""
    runtime_class = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "own"}}
    container = {"name": "app", "image": APP_IMAGE, "imagePullPolicy": "Never", "command": ["sleep", "infinity"]}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "boxed", "namespace": victim.namespace},
        "spec": {"runtimeClassName": "own", "terminationGracePeriodSeconds": 0, "containers": [container]},
    }
    with _made(node, {**runtime_class, "handler": "runc"}, pod):
        node.wait_ready("boxed", namespace=victim.namespace)
        node.kubectl("delete", "runtimeclass", "own")
        with _made(node, {**runtime_class, "handler": handler}):
            ran = run(node, "doctor", "boxed", "-n", victim.namespace, "-o", "json")
    found = ran.checks()["runtime class"]
    assert (ran.code, found["status"]) == (code, status)
    assert handler in found["detail"]


def test_namespace_that_refuses_privileged_pods_is_told_with_the_command(node: Node) -> None:
    level = "baseline"
    label = "pod-security.kubernetes.io/enforce"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "strict", "labels": {label: level}}}
    with _made(node, namespace):
        ran = run(node, "doctor", "--recorder-namespace", "strict", "-o", "json")
    assert ran.code == 5
    found = ran.checks()["recorder's namespace strict"]
    assert found["status"] == "failed"
    assert found["remedy"] == f"run kubectl label namespace strict {label}=privileged --overwrite"
    refused = ran.checks()["recorder's pod (dry run)"]
    assert refused["status"] == "failed"
    assert "violates PodSecurity" in refused["detail"]


def test_quota_that_refuses_the_recorder_is_told_in_the_api_servers_words(node: Node) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "poor"}}
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": "poor"},
        "spec": {"hard": {"pods": "0"}},
    }
    with _made(node, namespace, quota):
        status = ["-n", "poor", "get", "resourcequota", "none", "-o", "jsonpath={.status.hard.pods}"]
        until(lambda: node.kubectl(*status).stdout == b"0", SECONDS, lambda: "the quota does not hold")
        ran = run(node, "doctor", "--recorder-namespace", "poor", "-o", "json")
    refused = ran.checks()["recorder's pod (dry run)"]
    assert ran.code == 5
    assert "exceeded quota: none" in refused["detail"]
    assert ran.checks()["recorder's namespace poor"]["status"] == "warning"


def test_missing_namespace_is_made_by_record_so_that_it_is_fine(node: Node) -> None:
    ran = run(node, "doctor", "--recorder-namespace", "to-come", "-o", "json")
    assert ran.code == 0
    assert ran.checks()["recorder's namespace to-come"]["detail"].startswith("is not there; record makes it")
    assert ran.checks()["recorder's pod (dry run)"]["status"] == "skipped"
    assert node.kubectl("get", "namespace", "to-come", check=False).returncode == 1


def test_namespace_that_is_being_deleted_is_no_obstacle_since_record_waits_for_that(node: Node) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ending"}}
    held = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "held", "namespace": "ending", "finalizers": ["ebpfaudit.example/held"]},
    }
    with _made(node, namespace, held):
        node.kubectl("delete", "namespace", "ending", "--wait=false")
        ran = run(node, "doctor", "--recorder-namespace", "ending", "-o", "json")
        node.kubectl("-n", "ending", "patch", "configmap", "held", "-p", '{"metadata": {"finalizers": null}}')
        node.kubectl("wait", "--for=delete", "namespace/ending", f"--timeout={SECONDS:.0f}s")
    assert ran.code == 0, ran.out
    found = ran.checks()["recorder's namespace ending"]
    assert (found["status"], found["detail"]) == ("warning", "is being deleted")
    assert found["remedy"] == "record waits until it is gone, and makes it anew"
    assert ran.checks()["recorder's pod (dry run)"]["status"] == "skipped"


# --deep


def test_deep_asks_the_recorder_on_the_node(node: Node, victim: Victim, recorder_image: str) -> None:
    ran = run(node, "doctor", victim.pod, "-n", victim.namespace, "--deep", "-o", "json")
    assert ran.code == 0, ran.out
    found = ran.checks()
    assert found["image"]["status"] == "ok"
    assert os.uname().release in found["image"]["detail"]
    assert found["type information (BTF)"]["status"] == "ok"
    assert found["cgroups"]["status"] == "ok"
    assert found["probe exec"]["detail"] == "raw tracepoint sched_process_exec"
    assert found["probe tty"]["status"] in ("ok", "warning")
    assert found["space for the log"]["status"] in ("ok", "warning")
    assert found["recorder's pod"] == {"check": "recorder's pod", "status": "ok", "detail": "deleted", "remedy": ""}


@pytest.mark.parametrize(
    ("image", "code", "says"),
    [
        ("docker.io/x/none:1", 14, "ErrImageNeverPull"),
        ("Not An Image", 14, "InvalidImageName"),
        (APP_IMAGE, 7, "is no recorder: "),
    ],
)
def test_deep_with_an_image_that_is_none_says_so(node: Node, image: str, code: int, says: str) -> None:
    options = ["--deep", "--image", image, "--image-pull-policy", "Never", "-o", "json"]
    ran = run(node, "doctor", "node/node1", *options)
    assert ran.code == code, ran.out
    assert says in ran.checks()["recorder on the node"]["detail"]
    assert ran.checks()["recorder's pod"]["status"] == "ok"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_deep_that_is_interrupted_deletes_the_pod(node: Node, recorder_image: str, number: signal.Signals) -> None:
    command = node.command([sys.executable, "-m", "kubectl_ebpfaudit", "doctor", "node/node1", "--deep"])
    with subprocess.Popen(
        command.argv, env=command.env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        until(lambda: bool(recorders(node)), SECONDS, lambda: "there is no recorder")
        program.send_signal(number)
        out, err = program.communicate(timeout=SECONDS)
    assert program.returncode == 128 + number
    assert out == b""
    assert err == b"error: interrupted while the recorder looked at the node\n"
