"""A cluster that refuses the recorder, or takes rights away, and recorders that are none: one line, and no pod left."""

import hashlib
import io
import json
import re
import signal
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from kubectl_ebpfaudit.carrier import PROTOCOL
from tests.cluster.commands import Ran, Running, exported, leave, recorders, run, shell
from tests.cluster.conftest import Victim
from tests.cluster.node import Node, requirements
from tests.cluster.node.wait import until
from tests.cluster.test_record import _kill

_LIVE = rb"^Recording .*\n"
_SECONDS = 60


@pytest.fixture(autouse=True)
def no_recorder_left(node: Node) -> Iterator[None]:
    """After each test: no pod of ours, whatever happened."""
    yield
    assert recorders(node) == []


def _refused(node: Node, victim: Victim, path: Path, *arguments: str) -> Ran:
    """A `record` that cannot begin: its error is one line, and it writes nothing."""
    ran = run(node, "record", victim.pod, "-n", victim.namespace, "-w", str(path), *arguments)
    assert ran.code != 0
    assert ran.err.splitlines()[-1].startswith("error: "), ran.err
    assert ran.out == ""
    assert not path.exists()
    return ran


_QUOTA = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}


def test_quota_and_pod_security_refuse_in_the_api_servers_words(node: Node, victim: Victim, tmp_path: Path) -> None:
    namespace = node.fresh_namespace()
    arguments = ("--recorder-namespace", namespace)
    node.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=baseline")
    labelled = _refused(node, victim, tmp_path / "x", *arguments)
    assert labelled.code == 5
    assert 'violates PodSecurity "baseline:latest": ' in labelled.err
    assert "label the namespace with pod-security.kubernetes.io/enforce=privileged" in labelled.err
    node.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce-")
    node.apply(_QUOTA, namespace=namespace)
    status = ("-n", namespace, "get", "resourcequota", "none", "-o", "jsonpath={.status.hard.pods}")
    until(lambda: node.kubectl(*status).stdout == b"0", _SECONDS, lambda: "the quota does not hold")
    refused = _refused(node, victim, tmp_path / "x", *arguments)
    assert refused.code == 5
    assert "exceeded quota: none, requested: pods=1" in refused.err
    assert "have that raised, or choose another namespace with --recorder-namespace" in refused.err
    node.kubectl("delete", "namespace", namespace, "--wait=false")


@contextmanager
def _made(node: Node, *objects: dict[str, Any]) -> Iterator[None]:
    for thing in objects:
        node.apply(thing)
    try:
        yield
    finally:
        for thing in objects:
            node.kubectl("delete", thing["kind"], thing["metadata"]["name"])


def _policy(namespace: str) -> list[dict[str, Any]]:
    """No pod may see the processes of its node."""
    group = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": "no-host-pid"}}
    rules = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]
    validation = {"expression": "!has(object.spec.hostPID) || !object.spec.hostPID", "message": "no host PIDs here"}
    only = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    binding = {"policyName": "no-host-pid", "validationActions": ["Deny"]}
    return [
        {
            **group,
            "kind": "ValidatingAdmissionPolicy",
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"namespaceSelector": only, "resourceRules": rules},
                "validations": [validation],
            },
        },
        {**group, "kind": "ValidatingAdmissionPolicyBinding", "spec": binding},
    ]


def _webhook(namespace: str) -> dict[str, Any]:
    """A webhook that nobody answers: pods of the namespace are refused."""
    rules = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]
    hook = {
        "name": "deny.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "clientConfig": {"url": "https://127.0.0.1:1/deny"},
        "rules": rules,
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "deny"},
        "webhooks": [hook],
    }


def test_policy_and_webhook_refuse_in_the_api_servers_words(node: Node, victim: Victim, tmp_path: Path) -> None:
    namespace = node.fresh_namespace()
    arguments = ("--recorder-namespace", namespace)
    spec = {"hostPID": True, "containers": [{"name": "x", "image": "x"}]}
    probe = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": spec}
    dry_run = ("-n", namespace, "create", "--dry-run=server", "-f", "-")

    def refuses() -> bool:
        return node.kubectl(*dry_run, input=json.dumps(probe), check=False).returncode != 0

    for objects, says in (
        (
            _policy(namespace),
            "ValidatingAdmissionPolicy 'no-host-pid' with binding 'no-host-pid' denied request: no host",
        ),
        ([_webhook(namespace)], 'failed calling webhook "deny.example.com": '),
    ):
        with _made(node, *objects):
            until(refuses, _SECONDS, lambda: "it is not in force")
            refused = _refused(node, victim, tmp_path / "x", *arguments)
        assert says in refused.err
        assert "ask who looks after it to let the recorder's pod in" in refused.err
    node.kubectl("delete", "namespace", namespace, "--wait=false")


def test_image_that_cannot_be_pulled_is_told_within_30_s(node: Node, victim: Victim, tmp_path: Path) -> None:
    path = tmp_path / "x"
    arguments = ("record", victim.pod, "-n", victim.namespace, "-w", str(path), "--image", "no.invalid/recorder:1")
    with Running(node, *arguments) as record:
        assert record.wait() == 14
    assert b"error: the image no.invalid/recorder:1 cannot be pulled on node node1: " in record.said
    assert b"name one that the node can reach with --image" in record.said
    assert record.said.count(b"error: ") == 1
    assert not path.exists()


def _image(node: Node, folder: Path, tag: str, program: bytes) -> str:
    """The name of an image on the node: the recorder's with another program."""
    name, path = f"docker.io/ebpfaudit/recorder:{tag}", folder / "image.tar"
    layer = _layer("usr/bin/ebpfaudit-recorder", program)
    with tarfile.open(requirements.recorder_image()[0]) as whole, tarfile.open(path, "w") as made:
        [manifest] = json.loads(_read(whole, "manifest.json"))
        config = json.loads(_read(whole, manifest["Config"]))
        for below in manifest["Layers"]:
            _add(made, below, _read(whole, below))
        _add(made, "program.tar", layer)
        config["rootfs"]["diff_ids"].append(f"sha256:{hashlib.sha256(layer).hexdigest()}")
        config.pop("history", None)
        _add(made, "config.json", json.dumps(config).encode())
        described = {"Config": "config.json", "RepoTags": [name], "Layers": [*manifest["Layers"], "program.tar"]}
        _add(made, "manifest.json", json.dumps([described]).encode())
    node.load_image(path)
    return name


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.extractfile(name)
    assert member
    return member.read()


def _add(archive: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    archive.addfile(entry, io.BytesIO(data))


def _layer(path: str, program: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        _add(layer, path, program, 0o755)
    return buffer.getvalue()


def _program(serves: str) -> bytes:
    """A recorder that runs for ever and whose `serve` does this."""
    agent = ["if sys.argv[1] == 'agent':", "    time.sleep(1e6)"]
    return "\n".join(["#!/usr/bin/python3 -I", "import os, sys, time", *agent, serves, ""]).encode()


_STRANGERS: Sequence[tuple[str, str, int, str]] = (
    (
        "noise",
        "while True: os.write(1, os.urandom(1 << 16))",
        8,
        " sends no log: ",
    ),
    (
        "words",
        "print('error: \\x1b[31mhello', flush=True); time.sleep(1e6)",
        8,
        " sends no log: ",
    ),
)


_OTHER_PROTOCOL = b"""#!/usr/bin/python3 -I
import sys
sys.path.append("/usr/lib/kubectl-ebpfaudit")
from recorder import config
config.PROTOCOL = 99
from recorder.__main__ import main
sys.exit(main())
"""


def test_recorder_of_another_protocol_is_refused_and_names_both(node: Node, victim: Victim, tmp_path: Path) -> None:
    image = _image(node, tmp_path, "protocol", _OTHER_PROTOCOL)
    refused = _refused(node, victim, tmp_path / "x", "--image", image)
    assert refused.code == 19
    assert re.search(rf"\b99\b.*\b{PROTOCOL}\b|\b{PROTOCOL}\b.*\b99\b", refused.err)


@pytest.mark.parametrize(("name", "serves", "code", "says"), _STRANGERS, ids=[name for name, *_ in _STRANGERS])
def test_garbage_instead_of_a_log_is_one_line(
    node: Node, victim: Victim, tmp_path: Path, name: str, serves: str, code: int, says: str
) -> None:
    image = _image(node, tmp_path, name, _program(serves))
    refused = _refused(node, victim, tmp_path / "x", "--image", image)
    assert refused.code == code
    assert says in refused.err
    assert "\x1b" not in refused.err


def test_rights_that_are_lost_midway_are_told_and_what_was_recorded_is_kept(
    node: Node, victim: Victim, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    rules = {"pods": ["get", "list", "watch", "create", "delete"], "pods/exec": ["get", "create"]}
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "records"},
        "rules": [{"apiGroups": [""], "resources": [what], "verbs": verbs} for what, verbs in rules.items()],
    }
    node.kubectl("create", "namespace", "ebpfaudit", check=False)
    node.kubectl("-n", victim.namespace, "create", "rolebinding", "sees", "--clusterrole=view", "--user=alice")
    node.apply(role, namespace="ebpfaudit")
    node.kubectl("-n", "ebpfaudit", "create", "rolebinding", "records", "--role=records", "--user=alice")
    with ExitStack() as closing:
        closing.callback(node.kubectl, "-n", "ebpfaudit", "delete", "role/records", "rolebinding/records", check=False)
        arguments = ("record", victim.pod, "-n", victim.namespace, "-w", str(path), "--client-timeout", "5m")
        record = closing.enter_context(Running(node, *arguments, user="alice"))
        record.expect(_LIVE)
        with shell(node, victim.namespace, victim.pod) as terminal:
            printed = leave(terminal)
        record.expect(rb"session 1  ended")
        until(lambda: exported(node, path) == printed, _SECONDS, lambda: "the output is not there")
        [pod] = recorders(node)
        node.kubectl("-n", "ebpfaudit", "delete", "rolebinding", "records")
        _kill(node, "serve")
        record.expect(rb"connection lost, trying again: forbidden: user ")
        record.program.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            record.program.wait(1)
        # Nobody answers any more: the user need not wait for that.
        assert record.signal(signal.SIGINT) == 3
    lines = record.said.decode().splitlines()
    name = pod["metadata"]["name"]
    assert any(f"run kubectl -n ebpfaudit delete pod {name}" in line for line in lines), record.said.decode()
    assert exported(node, path) == printed
    # Without a client it ends by itself after five minutes; here nobody waits for that.
    assert run(node, "cleanup", "--all").code == 0
