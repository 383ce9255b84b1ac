"""What the API says of pods, and what is made of it: the ledger, the end for good, why nothing runs."""

from typing import Any

import pytest

from kubectl_ebpfaudit.cluster import why
from kubectl_ebpfaudit.cluster.changes import GONE, Change, Ended, Ledger, Missed, PodGone, Started
from kubectl_ebpfaudit.cluster.errors import ApiError, NotFound, TargetFinished, TargetNotRunning
from kubectl_ebpfaudit.cluster.targets import over
from kubectl_ebpfaudit.cluster.workload import completed, selector
from tests.support.pods import pod, status

Object = dict[str, Any]


def _ledger(only: str | None = None) -> Ledger:
    return Ledger(only, lambda pod: "Deployment/web")


def _short(changes: list[Change]) -> list[str]:
    words = []
    for change in changes:
        if isinstance(change, Started | Missed):
            words.append(f"{type(change).__name__} {change.container.container_id}")
        elif isinstance(change, Ended):
            words.append(f"Ended {change.container_id} {change.reason} {change.exit_code}")
        elif isinstance(change, PodGone):
            words.append(f"PodGone {change.pod}")
    return words


def test_target_has_what_the_recorder_is_to_write() -> None:
    [change] = _ledger().observe(pod(app="c1"))
    assert isinstance(change, Started)
    assert change.container.name == "team/p/app"
    assert change.container.started_at == "2026-01-01T00:00:00Z"
    assert change.container.target == {
        "container_id": "c1",
        "namespace": "team",
        "pod": "p",
        "container": "app",
        "kind": "app",
        "pod_uid": "uid-p",
        "image": "i:1",
        "image_id": "i@sha256:0",
        "labels": {},
        "owner": "Deployment/web",
        "service_account": "robot",
        "node": "n1",
    }


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        ([pod(app="1"), pod(app="1")], []),
        ([pod(app="1"), pod(app=status("2", last="1", code=3))], ["Ended 1 Error 3", "Started 2"]),
        ([pod(app="1"), pod(app="2")], ["Ended 1 replaced None", "Started 2"]),
        ([pod(app="1"), pod(app=status(ended="1", code=1)), pod(app=status(last="1", code=1))], ["Ended 1 Error 1"]),
        (
            [pod(app="1"), pod(app=status(last="1")), pod(app=status("2", last="1"))],
            ["Ended 1 Completed 0", "Started 2"],
        ),
        ([pod(app="1"), pod(app=status("3", last="2"))], ["Ended 1 replaced None", "Missed 2", "Started 3"]),
        ([pod(app="1"), pod(app={}), pod(app="1")], []),
        ([pod(app="1"), pod(app={"state": {"terminated": {"exitCode": 137, "reason": "x"}}})], ["Ended 1 x 137"]),
        ([pod(app=status(last="0")), pod(app=status("1", last="0"))], ["Started 1"]),
        ([pod(app=status(last="0")), pod(app={}), pod(app=status(last="0"))], []),
        ([pod(a="1", b="2"), pod("p", "Failed", a="1", b="2")], ["Ended 1 Failed None", "Ended 2 Failed None"]),
        (
            [pod(a="1"), {**pod("p", "Failed"), "status": {"phase": "Failed", "reason": "Evicted"}}],
            ["Ended 1 Evicted None"],
        ),
    ],
)
def test_ledger_tells_each_change_once(looks: list[Object], told: list[str]) -> None:
    ledger = _ledger()
    for number, look in enumerate(looks):
        if number == 0:
            ledger.observe(look, first=True)
            found: list[Change] = []
        else:
            found += ledger.observe(look)
    assert _short(found) == told


def test_pod_that_came_and_ended_unseen_is_missed_but_not_at_the_first_look() -> None:
    assert _short(_ledger().observe(pod("p", "Succeeded", app=status(ended="1")))) == ["Missed 1"]
    assert _ledger().observe(pod("p", "Succeeded", app=status(ended="1")), first=True) == []


def test_relist_tells_what_is_gone() -> None:
    ledger = _ledger()
    ledger.observe(pod("a", app="1"))
    ledger.observe(pod("b", app="2"))
    assert _short(ledger.keep(["uid-b"])) == [
        "Ended 1 pod deleted, or no longer selected None",
        "PodGone a",
    ]
    assert ledger.gone("uid-a", GONE) == []
    assert ledger.live == 1


def test_only_the_asked_container_counts() -> None:
    assert _short(_ledger("b").observe(pod(a="1", b="2"))) == ["Started 2"]


def test_kinds_of_containers_are_told_apart() -> None:
    thing = pod(app="1")
    thing["spec"]["initContainers"] = [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}]
    thing["spec"]["ephemeralContainers"] = [{"name": "e"}]
    thing["status"]["initContainerStatuses"] = [{"name": n, **status(n)} for n in "is"]
    thing["status"]["ephemeralContainerStatuses"] = [{"name": "e", **status("e")}]
    changes = _ledger().observe(thing)
    kinds = {c.container.target["container"]: c.container.target["kind"] for c in changes if isinstance(c, Started)}
    assert kinds == {"app": "app", "i": "init", "s": "sidecar", "e": "ephemeral"}


@pytest.mark.parametrize(
    ("policy", "code", "own", "is_over"),
    [
        (None, 0, {}, False),
        ("Never", 1, {}, True),
        ("OnFailure", 0, {}, True),
        ("OnFailure", 1, {}, False),
        ("Always", 1, {"restartPolicy": "Never"}, True),
        ("Never", 1, {"restartPolicyRules": [{"action": "Restart"}]}, False),
    ],
)
def test_container_is_over_when_its_restart_policy_says_so(
    policy: str | None, code: int, own: Object, is_over: bool
) -> None:
    thing = pod(app=status(ended="1", code=code), other="2")
    thing["spec"]["restartPolicy"] = policy
    thing["spec"]["containers"][0].update(own)
    assert over(thing, "app") is is_over
    assert not over(thing, None)
    assert over(pod("p", "Failed"), None)


@pytest.mark.parametrize(
    ("thing", "only", "kind", "says"),
    [
        (pod(), "x", NotFound, "there is no container x in pod team/p; there is: app"),
        (
            pod("p", "Succeeded", app=status(ended="1")),
            None,
            TargetFinished,
            r"has finished \(Succeeded: Completed, exit code 0\)",
        ),
        (
            pod("p", "Pending", app=status(reason="ImagePullBackOff", message="a\nb")),
            None,
            TargetNotRunning,
            r"\(Pending: ImagePullBackOff: a\\nb\): try again .* --wait",
        ),
        (
            pod("p", "Pending", app=status(reason="ContainerCreating")),
            None,
            TargetNotRunning,
            r"\(Pending: ContainerCreating\)",
        ),
        (
            pod("p", app=status(reason="CrashLoopBackOff", last="1")),
            "app",
            TargetNotRunning,
            r"container app of pod team/p is not running \(Running: CrashLoopBackOff\)",
        ),
        ({"metadata": {"name": "p\x1b"}}, None, TargetNotRunning, r"pod /p\\x1b is not running \(no state yet\)"),
    ],
)
def test_reason_is_the_most_telling_one(thing: Object, only: str | None, kind: type[Exception], says: str) -> None:
    error = why.not_running(thing, only)
    assert type(error) is kind
    with pytest.raises(kind, match=says):
        raise error


def test_selector_of_a_workload_becomes_a_query() -> None:
    wanted = {
        "matchLabels": {"app": "web", "tier": ""},
        "matchExpressions": [
            {"key": "a", "operator": "In", "values": ["x", "y"]},
            {"key": "b", "operator": "NotIn", "values": ["z"]},
            {"key": "c", "operator": "Exists"},
            {"key": "d", "operator": "DoesNotExist"},
        ],
    }
    assert selector({"spec": {"selector": wanted}}) == "app=web,tier=,a in (x,y),b notin (z),c,!d"
    for bad in ({}, {"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]}):
        with pytest.raises(ApiError, match="name its pods instead"):
            selector({"kind": "Job", "metadata": {"name": "j"}, "spec": {"selector": bad}})


def test_only_a_job_completes() -> None:
    conditions = [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]
    assert completed({"kind": "Job", "status": {"conditions": conditions}}) == "Failed: BackoffLimitExceeded"
    assert completed({"kind": "Deployment", "status": {"conditions": conditions}}) == ""
