"""Who may record, and how they get to the API server: roles, impersonation, certificates, plugins, proxies."""

import base64
import copy
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.client import ROOT, run
from tests.cluster.conftest import Victim
from tests.cluster.node import Node
from tests.cluster.node.requirements import APP_IMAGE
from tests.cluster.node.wait import until

RBAC = ROOT / "docs" / "rbac.yaml"
RECORD, TARGET, NODES, SET_UP = "ebpfaudit-record", "ebpfaudit-target", "ebpfaudit-nodes", "ebpfaudit-set-up"
_RBAC_GROUP = "rbac.authorization.k8s.io"
_SECONDS = 20


@dataclass(frozen=True)
class Permission:
    """One verb on one resource that a role of docs/rbac.yaml gives."""

    role: str
    verb: str
    resource: str
    group: str

    def __str__(self) -> str:
        return f"{self.role}: {self.verb} {self.resource}"


def _documents() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(RBAC.read_text()))


def _permissions(*roles: str) -> list[Permission]:
    return [
        Permission(document["metadata"]["name"], verb, resource, group)
        for document in _documents()
        if document["metadata"]["name"] in roles and "rules" in document
        for rule in document["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


# What docs/rbac.yaml gives for recording, and today's `record POD -w FILE` ends without exit code 5 when it is
# missing. Take out what `record` comes to use: the test then wants the message that names it.
RECORD_DOES_NOT_USE = {
    f"{TARGET}: list pods",
    f"{TARGET}: watch pods",
    f"{TARGET}: get deployments",
    f"{TARGET}: get statefulsets",
    f"{TARGET}: get daemonsets",
    f"{TARGET}: get replicasets",
    f"{TARGET}: get jobs",
    f"{RECORD}: list pods",
    f"{RECORD}: get pods",  # only to see the pod go at the end, which is then told with exit code 1
    f"{RECORD}: delete pods",  # the same
    f"{RECORD}: create pods/exec",  # asked for by Kubernetes 1.35, not yet by the 1.34 of the tests
    f"{RECORD}: get pods/log",  # only to say why a recorder has failed
}


class Roles:
    """The roles of docs/rbac.yaml, bound to alice in a namespace; one verb of them may be missing."""

    def __init__(self, node: Node, namespace: str) -> None:
        self._node, self.namespace = node, namespace
        self._missing: Permission | None = None
        self._apply(None)
        self.bind(f"rolebinding/{RECORD}", "ebpfaudit", f"--role={RECORD}", "--user=alice")
        self.bind(f"rolebinding/{TARGET}", namespace, f"--clusterrole={TARGET}", "--user=alice")
        for permission in _permissions(RECORD, TARGET):
            self._await(permission, True)

    def bind(self, name: str, namespace: str, *arguments: str) -> None:
        kind, _, name = name.partition("/")
        self._node.kubectl("-n", namespace, "create", kind, name, *arguments)

    def take_away(self, permission: Permission | None) -> None:
        """All but this one holds when this returns."""
        self._apply(permission)
        if self._missing and self._missing != permission:
            self._await(self._missing, True)
        if permission:
            self._await(permission, False)
        self._missing = permission

    def where(self, permission: Permission) -> str:
        return "ebpfaudit" if permission.role == RECORD else self.namespace

    def _apply(self, without: Permission | None) -> None:
        documents = copy.deepcopy(_documents())
        for document in documents:
            if without and document["metadata"]["name"] == without.role:
                document["rules"] = [
                    {"apiGroups": [p.group], "resources": [p.resource], "verbs": [p.verb]}
                    for p in _permissions(without.role)
                    if p != without
                ]
        self._node.apply(yaml.safe_dump_all(documents), namespace="ebpfaudit")

    def _await(self, permission: Permission, allowed: bool) -> None:
        """The authorizer learns of a change through a watch."""
        resource, _, subresource = permission.resource.partition("/")
        what = f"{resource}.{permission.group}" if permission.group else resource
        question = ["auth", "can-i", permission.verb, what, "-n", self.where(permission), "--as", "alice"]
        question += [f"--subresource={subresource}"] if subresource else []
        until(
            lambda: (self._node.kubectl(*question, check=False).returncode == 0) == allowed,
            _SECONDS,
            lambda: f"{permission} is not {'there' if allowed else 'gone'}",
        )


@pytest.fixture(scope="module")
def target(node: Node) -> Iterator[Victim]:
    """A Ready pod for all tests of this module, which do nothing to it."""
    victim = Victim(node.fresh_namespace())
    options = [f"--image={APP_IMAGE}", "--image-pull-policy=Never", "--restart=Never"]
    node.kubectl("-n", victim.namespace, "run", victim.pod, *options, "--command", "--", "sleep", "infinity")
    node.wait_ready(victim.pod, namespace=victim.namespace)
    yield victim
    node.kubectl("delete", "namespace", victim.namespace, "--wait=false")


@pytest.fixture(scope="module")
def roles(node: Node, target: Victim) -> Iterator[Roles]:
    node.kubectl("create", "namespace", "ebpfaudit", check=False)
    yield Roles(node, target.namespace)
    node.kubectl("-n", "ebpfaudit", "delete", "rolebinding,role", RECORD)
    node.kubectl("delete", "clusterrole", TARGET, NODES, SET_UP)


def _record(path: Path, target: Victim) -> list[str]:
    """The arguments of a record that ends soon."""
    return ["record", target.pod, "-n", target.namespace, "-w", str(path / "x"), "--force", "--duration", "1s", "-q"]


def test_who_has_what_the_docs_list_can_record(node: Node, target: Victim, roles: Roles, tmp_path: Path) -> None:
    """docs/rbac.yaml has the roles; nothing more is needed when the namespace is there."""
    roles.take_away(None)
    ran = run(node, *_record(tmp_path, target), user="alice")
    assert (ran.code, ran.err) == (0, "")
    ran = run(node, "doctor", target.pod, "-n", target.namespace, "-o", "json", user="alice")
    assert ran.code == 0, ran.out
    statuses = {check["status"] for check in ran.checks().values()}
    assert statuses == {"ok", "skipped"}
    assert ran.checks()["node node1"]["status"] == "skipped"  # the role ebpfaudit-nodes is optional


USED = [permission for permission in _permissions(RECORD, TARGET) if str(permission) not in RECORD_DOES_NOT_USE]


@pytest.mark.parametrize("missing", USED, ids=str)
def test_refusal_names_the_missing_verb_and_resource(
    node: Node, target: Victim, roles: Roles, tmp_path: Path, missing: Permission
) -> None:
    roles.take_away(missing)
    ran = run(node, *_record(tmp_path, target), user="alice")
    assert ran.code == 5, ran.err
    where = roles.where(missing)
    assert f'user "alice" may not {missing.verb} {missing.resource} in namespace "{where}"' in ran.err
    assert re.fullmatch(r"error: .*\n", ran.err)


def test_list_of_what_record_does_not_use_holds_nothing_else() -> None:
    assert set(map(str, _permissions(RECORD, TARGET))) >= RECORD_DOES_NOT_USE


def test_doctor_names_each_permission_of_the_docs(node: Node, target: Victim, roles: Roles) -> None:
    """Of somebody who has none; and of somebody who has all but one, that one."""
    missing = Permission(TARGET, "watch", "pods", "")
    roles.take_away(missing)
    arguments = ["doctor", "-n", target.namespace, "-o", "json"]
    for ran, absent in (
        (run(node, *arguments, "--as", "nobody"), _permissions(RECORD, TARGET)),
        (run(node, *arguments, user="alice"), [missing]),
    ):
        assert ran.code == 5
        found = {name: check for name, check in ran.checks().items() if re.match(r"\w+ \S+ in namespace", name)}
        assert len(found) == len(_permissions(RECORD, TARGET))
        for permission in _permissions(RECORD, TARGET):
            resource = f"{permission.resource}.{permission.group}" if permission.group else permission.resource
            check = found[f"{permission.verb} {resource} in namespace {roles.where(permission)}"]
            status = "warning" if permission.group else "failed"  # only workloads need those of a group
            assert check["status"] == (status if permission in absent else "ok")
            wanted = f'the verb "{permission.verb}" on "{permission.resource}"'
            assert (wanted in check["remedy"]) == (permission in absent)


def test_who_may_set_up_makes_the_namespace(node: Node, target: Victim, roles: Roles, tmp_path: Path) -> None:
    """The role for first-time set-up, in another namespace, which is not there yet."""
    roles.take_away(None)
    arguments = [*_record(tmp_path, target), "--recorder-namespace", "ebpfaudit-new"]
    node.kubectl("create", "clusterrolebinding", "alice-everywhere", f"--clusterrole={RECORD}-all", "--user=alice")
    rules = next(d["rules"] for d in _documents() if d["metadata"]["name"] == RECORD and "rules" in d)
    role = {"apiVersion": f"{_RBAC_GROUP}/v1", "kind": "ClusterRole", "metadata": {"name": f"{RECORD}-all"}}
    node.apply({**role, "rules": rules})
    doctor = ["doctor", "-n", target.namespace, "--recorder-namespace", "ebpfaudit-new", "-o", "json"]
    try:
        question = ["auth", "can-i", "create", "pods", "-n", "ebpfaudit-new", "--as", "alice"]
        until(lambda: node.kubectl(*question, check=False).returncode == 0, _SECONDS, lambda: "no create pods")
        ran = run(node, *doctor, user="alice")
        assert ran.code == 5
        found = ran.checks()["recorder's pod (dry run)"]
        assert found["detail"] == "there is no namespace ebpfaudit-new, and this user may not create any"
        ran = run(node, *arguments, user="alice")
        assert ran.code == 5
        assert 'user "alice" may not create namespaces in the whole cluster' in ran.err
        node.kubectl("create", "clusterrolebinding", SET_UP, f"--clusterrole={SET_UP}", "--user=alice")
        question = ["auth", "can-i", "create", "namespaces", "--as", "alice"]
        until(lambda: node.kubectl(*question, check=False).returncode == 0, _SECONDS, lambda: "no create namespaces")
        ran = run(node, *arguments, user="alice")
        assert ran.code == 0, ran.err
        labels = node.get("namespace", "ebpfaudit-new")["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "privileged"
    finally:
        node.kubectl("delete", "clusterrolebinding", "alice-everywhere", SET_UP, "--ignore-not-found")
        node.kubectl("delete", "clusterrole", f"{RECORD}-all")
        node.kubectl("delete", "namespace", "ebpfaudit-new", "--ignore-not-found", "--wait=false")


# --as and --as-group


def test_as_and_as_group_act_as_that_user(node: Node, target: Victim, roles: Roles, tmp_path: Path) -> None:
    roles.take_away(None)
    roles.bind("rolebinding/recorders", "ebpfaudit", f"--role={RECORD}", "--group=recorders")
    roles.bind("rolebinding/lookers", target.namespace, f"--clusterrole={TARGET}", "--group=lookers")
    arguments = [*_record(tmp_path, target), "--as", "bob"]
    groups = ["--as-group", "lookers", "--as-group", "recorders"]
    ran = run(node, *arguments)
    assert ran.code == 5
    assert f'user "bob" may not get pods in namespace "{target.namespace}"' in ran.err
    ran = run(node, *arguments, *groups)
    assert (ran.code, ran.err) == (0, "")
    ran = run(node, "doctor", "-n", target.namespace, "--as", "bob", *groups, "-o", "json")
    assert ran.code == 0, ran.out
    assert ran.checks()["user"]["detail"].startswith("bob, groups: lookers, recorders")


def test_user_of_the_kubeconfig_that_acts_as_another_does(node: Node, tmp_path: Path) -> None:
    user = {"token": "admin-token", "as": "bob", "as-groups": ["system:masters", "x"]}
    ran = run(node, "doctor", "-o", "json", "--kubeconfig", str(_kubeconfig(node, tmp_path, user)))
    assert ran.code == 0
    assert ran.checks()["user"]["detail"].startswith("bob, groups: system:masters, x")


def test_who_may_not_act_as_others_is_told_so(node: Node, target: Victim, tmp_path: Path) -> None:
    ran = run(node, *_record(tmp_path, target), "--as", "bob", user="alice")
    assert ran.code == 5
    assert 'user "alice" may not impersonate users' in ran.err
    ran = run(node, *_record(tmp_path, target), "--as-group", "x")
    assert (ran.code, ran.err) == (2, "error: --as-group needs --as\n")


# kubeconfig: certificates, plugins


def _kubeconfig(node: Node, path: Path, user: Mapping[str, Any], cluster: Mapping[str, Any] | None = None) -> Path:
    """The node's kubeconfig with other entries for the user, and some for the cluster."""
    config = json.loads(node.kubeconfig().read_text())
    config["users"][0]["user"] = dict(user)
    config["clusters"][0]["cluster"].update(cluster or {})
    file = path / "kubeconfig"
    file.write_text(json.dumps(config))
    return file


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def test_client_certificate_in_files_and_in_the_kubeconfig(node: Node, target: Victim, tmp_path: Path) -> None:
    certificate, key = node.certificate("carol", "system:masters")
    for user in (
        {"client-certificate": str(certificate), "client-key": str(key)},
        {"client-certificate-data": _encoded(certificate), "client-key-data": _encoded(key)},
    ):
        config = str(_kubeconfig(node, tmp_path, user))
        ran = run(node, *_record(tmp_path, target), "--kubeconfig", config)
        assert (ran.code, ran.err) == (0, "")
    ran = run(node, "doctor", "-o", "json", "--kubeconfig", config)
    assert ran.checks()["user"]["detail"].startswith("carol, groups: system:masters")


def test_client_certificate_that_cannot_be_used_is_one_clear_line(node: Node, target: Victim, tmp_path: Path) -> None:
    certificate, key = node.certificate("dora", "nobody")
    other, _ = node.certificate("emil", "nobody")
    (tmp_path / "garbage").write_text("garbage")
    for user, code, says in (
        ({"client-certificate": "/nowhere", "client-key": str(key)}, 17, "File does not exist: /nowhere"),
        ({"client-certificate": str(tmp_path / "garbage"), "client-key": str(key)}, 6, "TLS: "),
        ({"client-certificate": str(other), "client-key": str(key)}, 6, "TLS: "),
        ({}, 5, 'user "system:anonymous" may not get pods'),
        ({"token": "wrong"}, 5, "does not accept the credentials of this context"),
    ):
        ran = run(node, *_record(tmp_path, target), "--kubeconfig", str(_kubeconfig(node, tmp_path, user)))
        assert ran.code == code, ran.err
        assert says in ran.err
        assert re.fullmatch(r"error: .*\n", ran.err)
    ran = run(
        node,
        *_record(tmp_path, target),
        "--kubeconfig",
        str(_kubeconfig(node, tmp_path, {}, {"certificate-authority": str(certificate)})),
    )
    assert ran.code == 6
    assert "cannot be reached: TLS: " in ran.err


def _plugin(path: Path, script: str, **more: Any) -> dict[str, Any]:
    """The entry of a user with a plugin that is this shell script; $runs is how often it has run before."""
    program = path / "plugin"
    counting = 'echo x >> "$0.runs"; runs=$(($(wc -l < "$0.runs") - 1))'
    program.write_text(f"#!/bin/sh\n{counting}\n{script}\n")
    program.chmod(0o755)
    (path / "plugin.runs").write_text("")
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": version, "command": "./plugin", "interactiveMode": "Never", **more}}


def _runs(path: Path) -> int:
    return len((path / "plugin.runs").read_text().splitlines())


def _credential(expires_in: int | None = None, **status: str) -> str:
    """A shell command that prints an ExecCredential; `expires_in` is seconds."""
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    if expires_in is None:
        return f"printf '%s\\n' '{json.dumps(answer)}'"
    answer["status"] = {**status, "expirationTimestamp": "WHEN"}
    when = f"$(date -u -d '{expires_in} seconds' +%Y-%m-%dT%H:%M:%SZ)"
    return f"printf '%s\\n' '{json.dumps(answer)}' | sed \"s/WHEN/{when}/\""


def test_plugin_gives_a_token_once(node: Node, target: Victim, tmp_path: Path) -> None:
    config = str(_kubeconfig(node, tmp_path, _plugin(tmp_path, _credential(3600, token="admin-token"))))
    ran = run(node, *_record(tmp_path, target), "--kubeconfig", config)
    assert (ran.code, ran.err) == (0, "")
    assert _runs(tmp_path) == 1


def test_plugin_runs_again_when_its_token_expires(node: Node, target: Victim, tmp_path: Path) -> None:
    # Ten seconds before its time a token counts as expired.
    config = str(_kubeconfig(node, tmp_path, _plugin(tmp_path, _credential(5, token="admin-token"))))
    ran = run(node, *_record(tmp_path, target), "--kubeconfig", config)
    assert (ran.code, ran.err) == (0, "")
    assert _runs(tmp_path) > 2


def test_plugin_runs_again_when_its_token_is_not_accepted(node: Node, target: Victim, tmp_path: Path) -> None:
    old, new = _credential(token="old-token"), _credential(token="admin-token")
    config = str(_kubeconfig(node, tmp_path, _plugin(tmp_path, f"[ $runs = 0 ] && {old} || {new}")))
    ran = run(node, *_record(tmp_path, target), "--kubeconfig", config)
    assert (ran.code, ran.err) == (0, "")
    assert _runs(tmp_path) == 2


def test_plugin_gives_certificates_and_renews_them(node: Node, target: Victim, tmp_path: Path) -> None:
    certificate, key = node.certificate("frida", "system:masters")
    status = {"clientCertificateData": certificate.read_text(), "clientKeyData": key.read_text()}
    config = str(_kubeconfig(node, tmp_path, _plugin(tmp_path, _credential(5, **status))))
    ran = run(node, *_record(tmp_path, target), "--kubeconfig", config)
    assert (ran.code, ran.err) == (0, "")
    assert _runs(tmp_path) > 2
    ran = run(node, "doctor", "-o", "json", "--kubeconfig", config)
    assert ran.checks()["user"]["detail"].startswith("frida, ")


def test_plugin_gets_its_environment_and_the_cluster(node: Node, tmp_path: Path) -> None:
    script = f'[ "$WHO" = admin ] && echo "$KUBERNETES_EXEC_INFO" > "$0.info"\n{_credential(token="admin-token")}'
    plugin = _plugin(tmp_path, script, env=[{"name": "WHO", "value": "admin"}], provideClusterInfo=True)
    ran = run(node, "doctor", "-o", "json", "--kubeconfig", str(_kubeconfig(node, tmp_path, plugin)))
    assert ran.checks()["user"]["status"] == "ok"
    info = json.loads((tmp_path / "plugin.info").read_text())
    assert info["spec"] == {"interactive": False, "cluster": {"server": "https://127.0.0.1:6443"}}


BROKEN_PLUGINS = [
    ("echo 'first line'; echo 'log in with: aws sso login' >&2; exit 3", "exit code 3: log in with: aws sso login"),
    ("printf 'no\\033[31mJSON'", "no ExecCredential with a status"),
    ("echo '{}'", "no ExecCredential with a status"),
    (_credential(), "neither a token nor a certificate with its key"),
    (_credential(token="a\nb"), "a token that is none"),
    (_credential(clientCertificateData="x"), "neither a token nor a certificate with its key"),
    (_credential(token="x").replace("/v1", "/v1beta1"), "printed apiVersion client.authentication.k8s.io/v1beta1"),
    (_credential(token="x", expirationTimestamp="soon"), "expirationTimestamp is no time: soon"),
]


@pytest.mark.parametrize(("script", "says"), BROKEN_PLUGINS, ids=lambda value: value[:25])
def test_plugin_that_fails_is_one_clear_line(
    node: Node, target: Victim, tmp_path: Path, script: str, says: str
) -> None:
    config = str(_kubeconfig(node, tmp_path, _plugin(tmp_path, script)))
    ran = run(node, *_record(tmp_path, target), "--kubeconfig", config)
    assert ran.code == 17, ran.err
    assert re.match(r"error: no credentials: the plugin .*/plugin of context testnode: ", ran.err)
    assert says in ran.err
    assert ran.err.replace("\n", "").isprintable()


def test_plugin_that_is_missing_is_named_with_its_hint(node: Node, target: Victim, tmp_path: Path) -> None:
    plugin = _plugin(tmp_path, "", command="no-such-login", installHint="get it with\n\n  apt install it")
    ran = run(node, *_record(tmp_path, target), "--kubeconfig", str(_kubeconfig(node, tmp_path, plugin)))
    assert ran.code == 17
    assert ran.err == (
        "error: no credentials: the plugin no-such-login of context testnode: there is no such program: "
        "install it (get it with apt install it)\n"
    )


# proxies


@contextmanager
def _proxy(node: Node, path: Path, *user: str) -> Iterator[int]:
    """The port of a proxy within the node's network, which leads to its API server; a user is NAME:PASSWORD."""
    argv = [sys.executable, "-m", "tests.support.proxy", "6443", str(path / "proxied"), *user]
    (path / "proxied").write_text("")
    command = node.command(argv)
    with subprocess.Popen(command.argv, env=command.env, cwd=ROOT, stdout=subprocess.PIPE) as program:
        try:
            assert program.stdout
            yield int(program.stdout.readline())
        finally:
            program.kill()


# A name that is in no DNS: only who asks the proxy gets there.
_ELSEWHERE = {"server": "https://api.invalid:6443", "tls-server-name": "127.0.0.1"}
_ADMIN = {"token": "admin-token"}


def test_proxy_of_the_kubeconfig_carries_requests_and_the_log(node: Node, target: Victim, tmp_path: Path) -> None:
    with _proxy(node, tmp_path) as port:
        cluster = {**_ELSEWHERE, "proxy-url": f"http://127.0.0.1:{port}"}
        config = str(_kubeconfig(node, tmp_path, _ADMIN, cluster))
        # kubectl asks NO_PROXY of no proxy that the kubeconfig names.
        ran = run(node, *_record(tmp_path, target), "--kubeconfig", config, env={"NO_PROXY": "*"})
        assert (ran.code, ran.err) == (0, "")
    lines = (tmp_path / "proxied").read_text().splitlines()
    assert len(lines) >= 2  # the requests, and the exec session
    assert {line.split()[1] for line in lines} == {"api.invalid:6443"}


def test_proxy_of_the_environment_carries_requests_and_the_log(node: Node, target: Victim, tmp_path: Path) -> None:
    config = str(_kubeconfig(node, tmp_path, _ADMIN, _ELSEWHERE))
    with _proxy(node, tmp_path, "me:p@ss") as port:
        proxy = {"HTTPS_PROXY": f"http://me:p%40ss@127.0.0.1:{port}", "NO_PROXY": "other.invalid"}
        ran = run(node, *_record(tmp_path, target), "--kubeconfig", config, env=proxy)
        assert (ran.code, ran.err) == (0, "")
        ran = run(node, "doctor", "--kubeconfig", config, "-o", "json", env=proxy)
        assert ran.checks()["API server"]["detail"].endswith(f"through the proxy 127.0.0.1:{port}")
        assert "p@ss" not in ran.out
        ran = run(node, *_record(tmp_path, target), "--kubeconfig", config, env={**proxy, "NO_PROXY": ".invalid"})
        assert ran.code == 6
        assert "the API server https://api.invalid:6443 cannot be reached: " in ran.err
        wrong = {"HTTPS_PROXY": f"http://me:wrong@127.0.0.1:{port}"}
        ran = run(node, *_record(tmp_path, target), "--kubeconfig", config, env=wrong)
        assert ran.code == 6
        assert f"cannot be reached through the proxy 127.0.0.1:{port}: " in ran.err
        assert "407" in ran.err
        assert "wrong" not in ran.err


def test_proxy_of_the_environment_is_not_asked_for_this_machine(node: Node, target: Victim, tmp_path: Path) -> None:
    ran = run(node, *_record(tmp_path, target), env={"HTTPS_PROXY": "http://127.0.0.1:1"})
    assert (ran.code, ran.err) == (0, "")


def test_proxy_that_is_away_or_unusable_is_named(node: Node, target: Victim, tmp_path: Path) -> None:
    config = str(_kubeconfig(node, tmp_path, _ADMIN, {"proxy-url": "http://127.0.0.1:1"}))
    ran = run(node, *_record(tmp_path, target), "--kubeconfig", config)
    assert ran.code == 6
    assert "cannot be reached through the proxy 127.0.0.1:1: Connection refused" in ran.err
    config = str(_kubeconfig(node, tmp_path, _ADMIN, {"proxy-url": "socks5://127.0.0.1:1"}))
    ran = run(node, *_record(tmp_path, target), "--kubeconfig", config)
    assert ran.code == 17
    assert "the proxy-url of the kubeconfig is for a proxy of the kind socks5" in ran.err
