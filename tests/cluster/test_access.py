"""Who may record: the roles of docs/rbac.yaml, each permission of them, and acting as others."""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.commands import ROOT, recorders, run, short_record
from tests.cluster.conftest import Victim
from tests.cluster.node import Node
from tests.cluster.node.wait import until

RBAC = ROOT / "docs" / "rbac.yaml"
RECORD, TARGET, NODES, SET_UP = "ebpfaudit-record", "ebpfaudit-target", "ebpfaudit-nodes", "ebpfaudit-set-up"
_RBAC_GROUP = "rbac.authorization.k8s.io"
_SECONDS = 60


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


# What `record POD` goes on without, and says so.
TO_FOLLOW = {f"{TARGET}: list pods", f"{TARGET}: watch pods"}
# What `record deployment/NAME` and the like need.
OF_WORKLOADS = {
    f"{TARGET}: get {kind}" for kind in ("deployments", "statefulsets", "daemonsets", "replicasets", "jobs")
}
# What is missed only at the end, or when something has failed, and is then told with another exit code.
AT_THE_END = {
    f"{RECORD}: list pods",  # of attach, status, stop and cleanup
    f"{RECORD}: get pods",
    f"{RECORD}: delete pods",
    f"{RECORD}: create pods/exec",  # asked for by Kubernetes 1.35, not yet by the 1.34 of the tests
    f"{RECORD}: get pods/log",
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
def roles(node: Node, target: Victim) -> Iterator[Roles]:
    node.kubectl("create", "namespace", "ebpfaudit", check=False)
    yield Roles(node, target.namespace)
    node.kubectl("-n", "ebpfaudit", "delete", "rolebinding,role", RECORD)
    node.kubectl("delete", "clusterrole", TARGET, NODES, SET_UP)


def test_who_has_what_the_docs_list_can_record(node: Node, target: Victim, roles: Roles, tmp_path: Path) -> None:
    """docs/rbac.yaml has the roles; nothing more is needed when the namespace is there."""
    roles.take_away(None)
    ran = run(node, *short_record(tmp_path, target), user="alice")
    assert (ran.code, ran.err) == (0, "")
    ran = run(node, "doctor", target.pod, "-n", target.namespace, "-o", "json", user="alice")
    assert ran.code == 0, ran.out
    statuses = {check["status"] for check in ran.checks().values()}
    assert statuses == {"ok", "skipped"}
    assert ran.checks()["node node1"]["status"] == "skipped"  # the role ebpfaudit-nodes is optional


ALL = _permissions(RECORD, TARGET)
USED = [permission for permission in ALL if str(permission) not in {*TO_FOLLOW, *OF_WORKLOADS, *AT_THE_END}]


@pytest.mark.parametrize("missing", USED, ids=str)
def test_refusal_names_the_missing_verb_and_resource(
    node: Node, target: Victim, roles: Roles, tmp_path: Path, missing: Permission
) -> None:
    roles.take_away(missing)
    ran = run(node, *short_record(tmp_path, target), user="alice")
    assert ran.code == 5, ran.err
    where = roles.where(missing)
    assert f'user "alice" may not {missing.verb} {missing.resource} in namespace "{where}"' in ran.err
    assert re.fullmatch(r"error: .*\n", ran.err)


def test_the_lists_above_hold_nothing_that_the_docs_do_not_give() -> None:
    assert set(map(str, ALL)) >= {*TO_FOLLOW, *OF_WORKLOADS, *AT_THE_END}


@pytest.mark.parametrize("missing", [p for p in ALL if str(p) in TO_FOLLOW], ids=str)
def test_who_may_not_follow_records_what_runs_and_is_told(
    node: Node, target: Victim, roles: Roles, tmp_path: Path, missing: Permission
) -> None:
    roles.take_away(missing)
    ran = run(node, *short_record(tmp_path, target), user="alice")
    assert ran.code == 0, ran.err
    assert "new containers are not seen at present: " in ran.err
    assert f'may not {missing.verb} pods in namespace "{target.namespace}"' in ran.err


@pytest.mark.parametrize("missing", [p for p in ALL if str(p) in OF_WORKLOADS], ids=str)
def test_refusal_of_a_workload_names_its_kind(
    node: Node, target: Victim, roles: Roles, tmp_path: Path, missing: Permission
) -> None:
    roles.take_away(missing)
    words = [f"{missing.resource}/web", "-n", target.namespace, "-w", str(tmp_path / "x")]
    ran = run(node, "record", *words, user="alice")
    assert ran.code == 5, ran.err
    assert f"may not get {missing.resource}" in ran.err
    assert not list(tmp_path.iterdir())


def test_pod_that_may_not_be_deleted_is_told_with_the_command_that_does(
    node: Node, target: Victim, roles: Roles, tmp_path: Path
) -> None:
    roles.take_away(Permission(RECORD, "delete", "pods", ""))
    ran = run(node, *short_record(tmp_path, target), user="alice")
    [left] = recorders(node)
    name = left["metadata"]["name"]
    node.kubectl("-n", "ebpfaudit", "delete", "pod", name, "--grace-period=0", "--force")
    assert ran.code == 1
    assert 'may not delete pods in namespace "ebpfaudit"' in ran.err
    assert f"run kubectl -n ebpfaudit delete pod {name}" in ran.err


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
    arguments = [*short_record(tmp_path, target), "--recorder-namespace", "ebpfaudit-new"]
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
    arguments = [*short_record(tmp_path, target), "--as", "bob"]
    groups = ["--as-group", "lookers", "--as-group", "recorders"]
    ran = run(node, *arguments)
    assert ran.code == 5
    assert f'user "bob" may not get pods in namespace "{target.namespace}"' in ran.err
    ran = run(node, *arguments, *groups)
    assert (ran.code, ran.err) == (0, "")
    ran = run(node, "doctor", "-n", target.namespace, "--as", "bob", *groups, "-o", "json")
    assert ran.code == 0, ran.out
    assert ran.checks()["user"]["detail"].startswith("bob, groups: lookers, recorders")


def test_who_may_not_act_as_others_is_told_so(node: Node, target: Victim, tmp_path: Path) -> None:
    ran = run(node, *short_record(tmp_path, target), "--as", "bob", user="alice")
    assert ran.code == 5
    assert 'user "alice" may not impersonate users' in ran.err
    ran = run(node, *short_record(tmp_path, target), "--as-group", "x")
    assert (ran.code, ran.err) == (2, "error: --as-group needs --as\n")
