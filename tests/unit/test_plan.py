"""Which containers of a cluster get a recorder: whether a node can be recorded on is asked for until it is known."""

from typing import Any, cast

import pytest

from kubectl_ebpfaudit.carrier import Order
from kubectl_ebpfaudit.cluster import pod as pods
from kubectl_ebpfaudit.cluster.api import Api
from kubectl_ebpfaudit.cluster.changes import Started
from kubectl_ebpfaudit.cluster.errors import ApiError, Forbidden, NotFound, Unreachable
from kubectl_ebpfaudit.cluster.plan import Plan, Pods
from kubectl_ebpfaudit.cluster.selection import parse
from kubectl_ebpfaudit.cluster.targets import Container
from kubectl_ebpfaudit.run import News, NewTarget
from recorder.log.errors import AuditError

NODE, CLASS = "/api/v1/nodes/n1", "/apis/node.k8s.io/v1/runtimeclasses/safe"
LINUX: dict[str, Any] = {"metadata": {"name": "n1"}, "status": {"nodeInfo": {"operatingSystem": "linux"}}}
WINDOWS: dict[str, Any] = {"metadata": {"name": "n1"}, "status": {"nodeInfo": {"operatingSystem": "windows"}}}


class Cluster:
    """Has `objects` by path: what is there, or why it cannot be had."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any] | AuditError] = {NODE: LINUX}
        self.asked: list[str] = []

    def get(self, path: str) -> dict[str, Any]:
        self.asked.append(path)
        found = self.objects.get(path, NotFound("there is none", 404))
        if isinstance(found, AuditError):
            raise found
        return found


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def plan(cluster: Cluster) -> Plan:
    return Plan(cast(Api, cluster), parse([], "team", "app=web", False, None), Pods(pods.Place(""), Order([]), False))


def told(plan: Plan, pod: str, runtime_class: str = "") -> NewTarget | News:
    target = {"namespace": "team", "pod": pod, "container": "app", "container_id": pod}
    change = plan._told(Started(Container("n1", target, "", runtime_class)))
    assert isinstance(change, NewTarget | News)
    return change


@pytest.mark.parametrize(
    "error", [ApiError("too many requests", 429), ApiError("etcd is away", 500), Unreachable("no answer")]
)
def test_a_container_is_recorded_though_its_node_cannot_be_looked_at_now(
    plan: Plan, cluster: Cluster, error: AuditError
) -> None:
    cluster.objects[NODE] = error
    assert isinstance(told(plan, "first"), NewTarget)
    cluster.objects[NODE] = WINDOWS
    assert isinstance(told(plan, "second"), News)  # it is looked at again


def test_every_container_that_cannot_be_recorded_is_refused_by_its_name(plan: Plan, cluster: Cluster) -> None:
    cluster.objects[CLASS] = {"handler": "runsc"}
    for pod in ("first", "second"):
        change = told(plan, pod, "safe")
        assert isinstance(change, News)
        assert f"team/{pod}/app is not recorded: pod team/{pod} has the runtime class safe" in change.text


@pytest.mark.parametrize("error", [None, Forbidden("no", 403), NotFound("no", 404)])
def test_a_node_that_is_fine_or_may_not_be_looked_at_is_looked_at_once(
    plan: Plan, cluster: Cluster, error: AuditError | None
) -> None:
    cluster.objects[NODE] = error or LINUX
    assert [type(told(plan, pod)) for pod in ("first", "second")] == [NewTarget, NewTarget]
    assert cluster.asked == [NODE]
