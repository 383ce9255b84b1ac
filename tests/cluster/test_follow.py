"""What runs and what changes, as the modules of kubectl_ebpfaudit.cluster see it on a real cluster."""

import ctypes
import os
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

from kubectl_ebpfaudit.cluster import part
from kubectl_ebpfaudit.cluster.access import Access
from kubectl_ebpfaudit.cluster.api import Api
from kubectl_ebpfaudit.cluster.changes import Back, Change, Ended, Lost, Over, PodGone, Started
from kubectl_ebpfaudit.cluster.connecting import connect
from kubectl_ebpfaudit.cluster.errors import NotFound, NothingSelected, TargetFinished, TargetNotRunning
from kubectl_ebpfaudit.cluster.follow import Follower
from kubectl_ebpfaudit.cluster.selection import parse
from tests.cluster.conftest import Victim
from tests.cluster.node import Node
from tests.cluster.node.requirements import APP_IMAGE

SECONDS = 60.0
WAITS = "until [[ -e /tmp/go ]]; do sleep 0.1; done"
_WATCH = '[{"op": "add", "path": "/rules/0/verbs/-", "value": "watch"}]'
_CLONE_NEWNET = 0x40000000
T = TypeVar("T")


@contextmanager
def _network(node: Node) -> Iterator[None]:
    """This thread, and those that it starts, are in the node's network, where the API server is 127.0.0.1."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as before, open(node.netns) as inside:
        assert libc.setns(inside.fileno(), _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        try:
            yield
        finally:
            assert libc.setns(before.fileno(), _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())


@pytest.fixture
def api(node: Node) -> Iterator[Api]:
    with _network(node):
        yield connect(Access(str(node.kubeconfig())))


@pytest.fixture
def namespace(node: Node) -> Iterator[str]:
    name = node.fresh_namespace()
    yield name
    node.kubectl("delete", "namespace", name, "--wait=false")


class Following:
    """A follower whose changes are collected by a thread; closed in any case when the `with` is left."""

    def __init__(self, api: Api, namespace: str, *words: str, selector: str | None = None, only: str | None = None):
        self.follower = Follower(api, parse(words, namespace, selector, False, only))
        self.all: list[Change] = []
        self._queue: queue.SimpleQueue[Change | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def first(self, wait: bool = False, expired: bool = False) -> dict[str, dict[str, Any]]:
        """The targets by pod/container; from here on changes are collected."""
        found = self.follower.first(wait, SECONDS)
        if expired:  # the server remembers nothing that old: 410
            self.follower._parts[0]._scope.feed.version = "1"
        self._thread = threading.Thread(target=self._collect)
        self._thread.start()
        return {c.name.partition("/")[2]: c.target for c in found}

    def _collect(self) -> None:
        for change in self.follower.changes():
            self._queue.put(change)
        self._queue.put(None)

    def next(self, kind: type[T]) -> T:
        """The next change of that kind; those on the way there are in `all`, too."""
        while True:
            change = self._get()
            assert change is not None, f"no {kind.__name__} but {self.all}"
            self.all.append(change)
            if isinstance(change, kind):
                return change

    def rest(self) -> list[Change]:
        """All changes, once the end has come by itself."""
        while (change := self._get()) is not None:
            self.all.append(change)
        return self.all

    def _get(self) -> Change | None:
        try:
            return self._queue.get(timeout=SECONDS)
        except queue.Empty:
            raise AssertionError(f"nothing more than {self.all}") from None

    def __enter__(self) -> "Following":
        return self

    def __exit__(self, *_: object) -> None:
        self.follower.close()
        if self._thread:
            self._thread.join(SECONDS)
            assert not self._thread.is_alive()


def _container(name: str = "app", script: str = "exec sleep infinity", **more: Any) -> dict[str, Any]:
    command = ["bash", "-c", script]
    return {"name": name, "image": APP_IMAGE, "imagePullPolicy": "Never", "command": command, **more}


def _template(containers: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    spec = {"terminationGracePeriodSeconds": 0, "containers": containers, **more}
    return {"metadata": {"labels": {"app": "web"}}, "spec": spec}


def _pod(name: str, *containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    template = _template(list(containers) or [_container()], **more)
    template["metadata"]["name"] = name
    return {"apiVersion": "v1", "kind": "Pod", **template}


def _deployment(name: str = "web", replicas: int = 1) -> dict[str, Any]:
    spec = {
        "replicas": replicas,
        "selector": {
            "matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "x"]}],
        },
        "template": _template([_container()]),
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def _job(name: str, script: str) -> dict[str, Any]:
    spec = {"backoffLimit": 0, "template": _template([_container(script=script)], restartPolicy="Never")}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def _go(node: Node, namespace: str, pod: str, container: str = "app") -> None:
    """What WAITS waits for. Its end may take this exec along, hence no check."""
    node.kubectl("-n", namespace, "exec", pod, "-c", container, "--", "touch", "/tmp/go", check=False)


def _ids(found: list[Change]) -> list[str]:
    return [change.container.container_id for change in found if isinstance(change, Started)]


def test_pod_is_told_with_all_that_the_log_is_to_hold_for_one_request(
    api: Api, victim: Victim, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def counted(path: str, **query: str) -> dict[str, Any]:
        asked.append(path)
        return Api.get(api, path, **query)

    monkeypatch.setattr(api, "get", counted)
    with Following(api, victim.namespace, f"pod/{victim.pod}") as following:
        found = following.follower.first(False, SECONDS)
        assert asked == [f"/api/v1/namespaces/{victim.namespace}/pods/{victim.pod}"]
        [target] = [of.target for of in found]
    assert len(target.pop("container_id")) == 64
    assert len(target.pop("pod_uid")) == 36
    assert "sha256:" in target.pop("image_id")
    assert target == {
        "namespace": victim.namespace,
        "pod": victim.pod,
        "container": victim.container,
        "kind": "app",
        "image": APP_IMAGE,
        "labels": {},
        "owner": "",
        "service_account": "default",
        "node": "node1",
    }


def test_every_kind_of_container_of_a_pod_is_followed(node: Node, api: Api, namespace: str) -> None:
    first = _container("setup", WAITS)
    sidecar = _container("side", restartPolicy="Always")
    node.apply(_pod("p", initContainers=[first, sidecar]), namespace=namespace)
    with Following(api, namespace, "p") as following:
        assert {name: t["kind"] for name, t in following.first(wait=True).items()} == {"p/setup": "init"}
        _go(node, namespace, "p", "setup")
        ended = following.next(Ended)
        assert (ended.name, ended.reason, ended.exit_code) == (f"{namespace}/p/setup", "Completed", 0)
        kinds = [following.next(Started).container.target["kind"] for _ in range(2)]
        assert kinds == ["sidecar", "app"]
        node.kubectl("-n", namespace, "debug", "p", f"--image={APP_IMAGE}", "-c", "dbg", "--", "sleep", "infinity")
        assert following.next(Started).container.target["kind"] == "ephemeral"
        node.kubectl("-n", namespace, "delete", "pod", "p", "--wait=false")
        gone = following.next(PodGone)
        assert (gone.namespace, gone.pod) == (namespace, "p")
        assert following.next(Over).reason == f"pod {namespace}/p was deleted"
    ended_ids = {change.container_id for change in following.all if isinstance(change, Ended)}
    assert len(ended_ids) == 4


def test_container_that_restarts_is_another_container(node: Node, api: Api, namespace: str) -> None:
    node.apply(_pod("p", _container(script=f"{WAITS}; exit 7"), _container("other")), namespace=namespace)
    node.wait_ready("p", namespace=namespace)
    with Following(api, namespace, "p", only="app") as following:
        [before] = [target["container_id"] for target in following.first().values()]
        _go(node, namespace, "p")
        ended = following.next(Ended)
        started = following.next(Started)
    assert (ended.container_id, ended.exit_code) == (before, 7)
    assert started.container.container_id != before
    assert len(following.all) == 2


def test_deployment_is_followed_through_scaling_rollout_and_deletion(node: Node, api: Api, namespace: str) -> None:
    node.apply(_deployment(), namespace=namespace)
    node.apply(_pod("stranger"), namespace=namespace)
    with Following(api, namespace, "deploy/web") as following:
        [target] = following.first(wait=True).values()
        assert target["owner"] == "Deployment/web"
        node.wait_ready("stranger", namespace=namespace)
        node.kubectl("-n", namespace, "scale", "deploy/web", "--replicas=3")
        for _ in range(2):
            following.next(Started)
        node.kubectl("-n", namespace, "rollout", "restart", "deploy/web")
        for _ in range(3):
            following.next(PodGone)
        started = [change.container for change in following.all if isinstance(change, Started)]
        assert len({container.container_id for container in started}) == len(started) == 5
        assert {container.target["owner"] for container in started} == {"Deployment/web"}
        assert all(container.target["pod"].startswith("web-") for container in started)
        node.kubectl("-n", namespace, "delete", "deploy/web", "--wait=false")
        assert following.next(Over).reason == "deployment/web was deleted, and its pods are gone"
    ended = [change.container_id for change in following.all if isinstance(change, Ended)]
    assert sorted(ended) == sorted([target["container_id"], *_ids(following.all)])


def test_job_that_is_complete_is_over(node: Node, api: Api, namespace: str) -> None:
    node.apply(_job("once", WAITS), namespace=namespace)
    with Following(api, namespace, "job/once") as following:
        [target] = following.first(wait=True).values()
        assert target["owner"] == "Job/once"
        _go(node, namespace, target["pod"])
        changes = following.rest()
    assert [type(change) for change in changes] == [Ended, Over]
    with pytest.raises(TargetFinished, match=r"job/once in namespace \S+ has ended \(Complete"):
        Following(api, namespace, "job/once").first(wait=True)


def test_pod_that_finishes_for_good_is_over(node: Node, api: Api, namespace: str) -> None:
    script = f"{WAITS}; exit 3"
    node.apply(_pod("p", _container(script=script), restartPolicy="Never"), namespace=namespace)
    with Following(api, namespace, "p") as following:
        following.first(wait=True)
        _go(node, namespace, "p")
        [ended, over] = following.rest()
    assert isinstance(ended, Ended)
    assert ended.exit_code == 3
    assert over == Over(f"pod {namespace}/p has finished")
    with pytest.raises(TargetFinished, match=r"has finished \(Failed: Error, exit code 3\)"):
        Following(api, namespace, "p").first(wait=True)


def test_selector_takes_in_pods_that_come_and_never_ends_by_itself(node: Node, api: Api, namespace: str) -> None:
    with pytest.raises(NothingSelected, match=r"^no pod has the labels app=web in namespace"):
        Following(api, namespace, selector="app=web").first()
    threading.Timer(1, node.apply, [_pod("one")], {"namespace": namespace}).start()
    with Following(api, namespace, selector="app=web") as following:
        assert list(following.first(wait=True)) == ["one/app"]
        node.apply(_pod("two"), namespace=namespace)
        assert following.next(Started).container.target["pod"] == "two"
        node.kubectl("-n", namespace, "delete", "pod", "one", "two", "--wait=false")
        for _ in range(2):
            following.next(PodGone)
        node.apply(_pod("three"), namespace=namespace)
        assert following.next(Started).container.target["pod"] == "three"


def test_things_named_together_are_told_once(node: Node, api: Api, namespace: str) -> None:
    node.apply(_deployment(), namespace=namespace)
    [pod] = {name.partition("/")[0] for name in Following(api, namespace, "deploy/web").first(wait=True)}
    with Following(api, namespace, "deploy/web", f"pod/{pod}") as following:
        assert len(following.first()) == 1
        node.kubectl("-n", namespace, "delete", "pod", pod, "--wait=false")
        following.next(Started)
        node.kubectl("-n", namespace, "delete", "deploy", "web", "--wait=false")
        following.next(Over)
    kinds = [type(change) for change in following.all]
    assert kinds.count(Ended) == kinds.count(PodGone) == kinds.count(Started) + 1


def test_nothing_is_missed_over_expired_versions_small_pages_and_broken_watches(
    node: Node, api: Api, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part, "PAGE", 1)
    node.apply(_deployment(replicas=2), namespace=namespace)
    with Following(api, namespace, "deploy/web") as following:
        running = set(following.first(wait=True, expired=True))
        [followed] = following.follower._parts
        node.kubectl("-n", namespace, "scale", "deploy/web", "--replicas=4")
        while len(running) < 4:
            running.add(following.next(Started).container.name.partition("/")[2])
            followed.interrupt()
        node.kubectl("-n", namespace, "delete", "deploy/web", "--wait=false")
        for _ in range(4):
            following.next(PodGone)
            followed.interrupt()
        following.next(Over)
    kinds = [type(change) for change in following.all]
    assert kinds.count(Ended) == kinds.count(PodGone) == 4
    assert not {Lost, Back} & set(kinds)


@pytest.mark.parametrize("denied", ["replicasets", "watch"])
def test_user_with_fewer_rights_gets_what_these_allow(node: Node, namespace: str, denied: str) -> None:
    verbs = "--verb=get,list" + ("" if denied == "watch" else ",watch")
    node.kubectl("-n", namespace, "create", "role", "r", verbs, "--resource=pods,deployments.apps")
    node.kubectl("-n", namespace, "create", "rolebinding", "r", "--role=r", "--user=alice")
    node.apply(_deployment(), namespace=namespace)
    with _network(node):
        admin, alice = (connect(Access(str(node.kubeconfig(user)))) for user in ("admin", "alice"))
        Following(admin, namespace, "deploy/web").follower.first(wait=True)
        with Following(alice, namespace, "deploy/web") as following:
            [target] = following.first().values()
            assert target["owner"].startswith("ReplicaSet/web-")
            if denied == "watch":
                assert "may not watch pods in namespace" in str(following.next(Lost).error)
                node.kubectl("-n", namespace, "patch", "role", "r", "--type=json", f"-p={_WATCH}")
                following.next(Back)
            node.kubectl("-n", namespace, "scale", "deploy/web", "--replicas=2")
            following.next(Started)


def test_what_cannot_be_recorded_now_says_why(node: Node, api: Api, namespace: str) -> None:
    node.apply(_pod("image", _container(image="no.invalid/x:1", imagePullPolicy="IfNotPresent")), namespace=namespace)
    node.apply(_pod("nowhere", nodeSelector={"no": "node"}), namespace=namespace)
    node.apply(_deployment("empty", replicas=0), namespace=namespace)
    path = "{.status.containerStatuses[0].state.waiting.message}"
    node.kubectl("-n", namespace, "wait", f"--for=jsonpath={path}", "pod/image", "--timeout=60s")
    node.kubectl("-n", namespace, "wait", "--for=jsonpath={.status.conditions}", "pod/nowhere", "--timeout=60s")
    for word, kind, says in (
        ("image", TargetNotRunning, r"pod \S+/image is not running \(Pending: (ErrImagePull|ImagePullBackOff): "),
        ("nowhere", TargetNotRunning, r"is not running \(Pending: Unschedulable: 0/\d nodes"),
        ("deploy/empty", TargetNotRunning, r"deployment/empty in namespace \S+ has no pod \(0 wanted\): scale it up"),
        ("missing", NotFound, r"there is no pod missing in namespace test-\d+: see kubectl get pods -A"),
        (
            "sts/missing",
            NotFound,
            r"there is no statefulset/missing in namespace test-\d+: see kubectl get statefulsets",
        ),
    ):
        with pytest.raises(kind, match=says):
            Following(api, namespace, word).first()
    with pytest.raises(NotFound, match="there is no namespace nowhere-at-all"):
        Following(api, "nowhere-at-all", "p").first()
