"""Following pods through all that an API server does to its watches."""

import json
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubectl_ebpfaudit.cluster.access import Access
from kubectl_ebpfaudit.cluster.api import Api
from kubectl_ebpfaudit.cluster.changes import Back, Change, Ended, Lost, Missed, Over, PodGone, Started
from kubectl_ebpfaudit.cluster.channel import Channel
from kubectl_ebpfaudit.cluster.connecting import connect
from kubectl_ebpfaudit.cluster.errors import (
    ApiError,
    Forbidden,
    NotFound,
    NothingSelected,
    TargetFinished,
    TargetNotRunning,
    Unreachable,
)
from kubectl_ebpfaudit.cluster.feed import BadSelector
from kubectl_ebpfaudit.cluster.follow import Follower
from kubectl_ebpfaudit.cluster.merge import Merge
from kubectl_ebpfaudit.cluster.selection import parse
from tests.support.api_server import ApiServer, api_server
from tests.support.pods import pod, status

Object = dict[str, Any]
PODS = "/api/v1/namespaces/team/pods"
DEPLOYMENT = "/apis/apps/v1/namespaces/team/deployments/web"
RS = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "rs"}
WEB = {
    "kind": "Deployment",
    "metadata": {"uid": "dep", "name": "web"},
    "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}},
}


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with api_server() as server:
        yield server


@pytest.fixture
def api(server: ApiServer, tmp_path: Path) -> Api:
    config = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "u", "user": {"token": "secret"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (tmp_path / "config").write_text(json.dumps(config))
    return connect(Access(str(tmp_path / "config"), timeout=5))


Follow = Callable[..., Follower]


@pytest.fixture
def follow(api: Api, server: ApiServer) -> Iterator[Follow]:
    """Makes followers, and closes them."""
    made: list[Follower] = []

    def make(*words: str, selector: str | None = None, only: str | None = None, everywhere: bool = False) -> Follower:
        made.append(Follower(api, parse(words, "team", selector, everywhere, only)))
        return made[-1]

    yield make
    for follower in made:
        follower.close()


class Told:
    """What a follower tells, by a thread of its own."""

    def __init__(self, follower: Follower) -> None:
        self._queue: queue.SimpleQueue[Change | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._run, args=(follower,))
        self.thread.start()

    def _run(self, follower: Follower) -> None:
        for change in follower.changes():
            self._queue.put(change)
        self._queue.put(None)

    def next(self) -> str:
        change = self._queue.get(timeout=60)
        if isinstance(change, Started | Missed):
            return f"{type(change).__name__} {change.container.container_id}"
        if isinstance(change, Ended):
            return f"Ended {change.container_id}"
        if isinstance(change, PodGone):
            return f"PodGone {change.pod}"
        return f"Over: {change.reason}" if isinstance(change, Over) else type(change).__name__

    def nothing(self) -> bool:
        return self._queue.empty()


def _event(kind: str, thing: Object, version: int = 101) -> Object:
    thing["metadata"]["resourceVersion"] = str(version)
    return {"type": kind, "object": thing}


def _gone(code: int = 410) -> Object:
    return {"type": "ERROR", "object": {"kind": "Status", "code": code, "message": "too old resource version"}}


def test_one_pod_costs_one_get_and_one_for_its_owner(server: ApiServer, follow: Follow) -> None:
    server.objects[f"{PODS}/p"] = pod()
    server.objects["/apis/apps/v1/namespaces/team/replicasets/web-1"] = {
        "metadata": {
            "uid": "rs",
            "ownerReferences": [{"kind": "Deployment", "name": "web", "controller": True, "uid": "d"}],
        }
    }
    [container] = follow("p").first()
    assert server.seen() == [f"{PODS}/p?"]
    assert container.target["owner"] == ""
    server.objects[f"{PODS}/q"] = pod("q", owner=RS, a="1", b="2")
    found = follow("q").first()
    assert [c.target["owner"] for c in found] == ["Deployment/web"] * 2
    assert server.seen() == [f"{PODS}/q?", "/apis/apps/v1/namespaces/team/replicasets/web-1?"]


def test_owner_that_may_not_be_read_is_the_direct_one(server: ApiServer, follow: Follow) -> None:
    server.objects[f"{PODS}/p"] = pod(owner=RS)
    [container] = follow("p").first()
    assert container.target["owner"] == "ReplicaSet/web-1"


def test_owners_of_many_pods_are_looked_up_once_each(server: ApiServer, follow: Follow) -> None:
    server.pods = []
    for n in range(30):
        reference = {"kind": "Deployment", "name": f"d{n % 10}", "uid": "d", "controller": True}
        path = f"/apis/apps/v1/namespaces/team/replicasets/rs{n % 10}"
        server.objects[path] = {"metadata": {"uid": f"rs{n % 10}", "ownerReferences": [reference]}}
        server.pods.append(pod(f"p{n}", owner={**RS, "name": f"rs{n % 10}", "uid": f"rs{n % 10}"}))
    found = follow(selector="app=web").first()
    assert [c.target["owner"] for c in found] == [f"Deployment/d{n % 10}" for n in range(30)]
    assert len(server.seen()) == 1 + 10


def test_big_list_comes_in_pages(server: ApiServer, follow: Follow) -> None:
    server.pods, server.page = [pod(f"p{n}") for n in range(7)], 3
    found = follow(selector="app=web").first()
    assert [c.target["pod"] for c in found] == [f"p{n}" for n in range(7)]
    query = "labelSelector=app=web&limit=500"
    assert server.seen() == [f"{PODS}?{query}", f"{PODS}?continue=3&{query}", f"{PODS}?continue=6&{query}"]


def test_list_that_expires_between_pages_is_read_at_once(server: ApiServer, follow: Follow) -> None:
    server.pods, server.page = [pod(f"p{n}") for n in range(4)], 4
    server.refusals = [("list", 410)]
    assert len(follow(selector="app=web").first()) == 4
    assert server.seen()[-1] == f"{PODS}?labelSelector=app=web"


def test_watch_goes_on_from_the_list_and_from_bookmarks(server: ApiServer, follow: Follow) -> None:
    server.pods = [pod("a")]
    follower = follow(selector="app=web")
    assert len(follower.first()) == 1
    told = Told(follower)
    stream = server.watch()
    stream.put(_event("ADDED", pod("b")))
    assert told.next() == "Started b-1"
    stream.put(_event("BOOKMARK", {"metadata": {}}, 250))
    stream.put(None)
    server.watch().put(_event("DELETED", pod("a"), 251))
    assert [told.next(), told.next()] == ["Ended a-1", "PodGone a"]
    versions = [part for line in server.seen() for part in line.split("&") if part.startswith("resourceVersion")]
    assert versions == ["resourceVersion=100", "resourceVersion=250"]


@pytest.mark.parametrize("how", ["event", "status"])
def test_expired_version_is_followed_by_a_list_that_tells_nothing_twice(
    server: ApiServer, follow: Follow, how: str
) -> None:
    server.pods = [pod("a"), pod("b")]
    follower = follow(selector="app=web")
    follower.first()
    if how == "status":
        server.refusals = [("watch", 200), ("watch", 410)]
    told = Told(follower)
    stream = server.watch()
    server.pods = [pod("b"), pod("c", app=status("c-2", last="c-1"))]
    stream.put(_gone() if how == "event" else None)
    assert {told.next() for _ in range(4)} == {"Ended a-1", "PodGone a", "Missed c-1", "Started c-2"}
    server.watch().put(_event("MODIFIED", pod("c", app=status("c-3", last="c-2"))))
    assert [told.next(), told.next()] == ["Ended c-2", "Started c-3"]


def test_server_that_goes_away_is_told_once_and_nothing_is_missed(server: ApiServer, follow: Follow) -> None:
    server.pods = [pod("a")]
    follower = follow(selector="app=web")
    follower.first()
    told = Told(follower)
    stream = server.watch()
    server.down = True
    stream.put(b"")
    assert told.next() == "Lost"
    server.seen()
    server.requests.get(timeout=60)  # another attempt fails, and is not told
    assert told.nothing()
    server.down = False
    assert told.next() == "Back"
    server.watch().put(_event("MODIFIED", pod("a", app=status("a-2", last="a-1"))))
    assert [told.next(), told.next()] == ["Ended a-1", "Started a-2"]


def test_watch_that_breaks_and_can_be_made_again_is_nobodys_concern(server: ApiServer, follow: Follow) -> None:
    server.pods = [pod("a")]
    follower = follow(selector="app=web")
    follower.first()
    told = Told(follower)
    for ending in (b"", b"garbage\n", _gone(500), None):
        server.watch().put(ending)
    server.watch().put(_event("ADDED", pod("b")))
    assert told.next() == "Started b-1"


def test_permission_that_is_taken_away_is_told_and_asked_for_again(server: ApiServer, follow: Follow) -> None:
    server.pods = [pod("a")]
    follower = follow(selector="app=web")
    follower.first()
    server.refusals = [("watch", 403), ("watch", 403)]
    changes = follower.changes()
    lost = next(changes)
    assert isinstance(lost, Lost)
    assert isinstance(lost.error, Forbidden)
    assert next(changes) == Back()


def test_close_ends_a_watch_at_once(server: ApiServer, follow: Follow) -> None:
    server.pods = [pod("a")]
    follower = follow(selector="app=web")
    follower.first()
    told = Told(follower)
    server.watch()
    follower.close()
    told.thread.join(60)
    assert not told.thread.is_alive()
    assert list(follower.changes()) == []


def test_named_pod_that_is_replaced_under_its_name_is_over(server: ApiServer, follow: Follow) -> None:
    server.objects[f"{PODS}/p"] = pod()
    follower = follow("p")
    follower.first()
    other = pod(app="other")
    other["metadata"]["uid"] = "another"
    server.pods = [other]
    told = Told(follower)
    assert [told.next() for _ in range(3)] == ["Ended p-1", "PodGone p", "Over: pod team/p was deleted"]


def test_asked_container_that_has_ended_for_good_is_over(server: ApiServer, follow: Follow) -> None:
    server.objects[f"{PODS}/p"] = thing = pod(app="1", other="2")
    thing["spec"]["restartPolicy"] = "Never"
    follower = follow("p", only="app")
    follower.first()
    server.pods = [thing]
    told = Told(follower)
    after = pod(app=status(ended="1"), other="2")
    after["spec"]["restartPolicy"] = "Never"
    server.watch().put(_event("MODIFIED", after))
    assert [told.next(), told.next()] == [
        "Ended 1",
        "Over: container app of pod team/p has ended and is not started again",
    ]


def test_pods_of_another_workload_with_the_same_labels_are_left_alone(server: ApiServer, follow: Follow) -> None:
    server.objects[DEPLOYMENT] = WEB
    mine, hashed = pod("mine", owner={**RS, "uid": "r1", "name": "r1"}), pod("hashed", owner=RS)
    hashed["metadata"]["labels"] = {"pod-template-hash": "1"}
    for name, owner in (("r1", "dep"), ("r2", "else")):
        reference = {"kind": "Deployment", "name": "web", "uid": owner, "controller": True}
        path = f"/apis/apps/v1/namespaces/team/replicasets/{name}"
        server.objects[path] = {"metadata": {"uid": name, "ownerReferences": [reference]}}
    server.pods = [mine, pod("lone"), pod("else", owner={**RS, "uid": "r2", "name": "r2"}), hashed]
    found = follow("deploy/web").first()
    assert [c.target["pod"] for c in found] == ["mine", "hashed"]


def test_workload_that_is_deleted_is_over_when_its_pods_are_gone(server: ApiServer, follow: Follow) -> None:
    server.objects[DEPLOYMENT] = WEB
    thing = pod("a", owner=RS)
    thing["metadata"]["labels"] = {"pod-template-hash": "1"}
    server.pods = [thing]
    follower = follow("deploy/web")
    follower.first()
    told = Told(follower)
    stream = server.watch()
    del server.objects[DEPLOYMENT]
    stream.put(_event("DELETED", thing))
    assert [told.next() for _ in range(3)] == [
        "Ended a-1",
        "PodGone a",
        "Over: deployment/web was deleted, and its pods are gone",
    ]


def test_things_named_together_end_together_and_are_told_once(server: ApiServer, follow: Follow) -> None:
    for name in "ab":
        server.objects[f"{PODS}/{name}"] = pod(name)
    server.pods = [pod("a"), pod("b")]  # the server here selects nothing: both see both, and take their own
    follower = follow("a", "b")
    assert len(follower.first()) == 2
    told = Told(follower)
    streams = [server.watch(), server.watch()]
    for stream in streams:
        stream.put(_event("DELETED", pod("a")))
        stream.put(_event("DELETED", pod("b")))
    words = [told.next() for _ in range(5)]
    assert sorted(words[:4]) == ["Ended a-1", "Ended b-1", "PodGone a", "PodGone b"]
    assert words[4].startswith("Over: pod team/")
    told.thread.join(60)


def test_merge_tells_what_two_see_once() -> None:
    merge, lost, over = Merge(2, []), Lost(Unreachable("x")), [Over("one"), Over("two")]
    told: list[Change] = []
    ended = Ended("c", "n", "r")
    steps: list[tuple[int, Change]] = [
        (0, ended),
        (0, lost),
        (1, lost),
        (0, Back()),
        (1, Back()),
        (0, over[0]),
        (1, over[1]),
    ]
    for number, change in steps:
        told += merge.take(number, change)
    assert told == [lost, Back(), Over("one; two")]


# what cannot be recorded now


def test_nothing_selected_has_words_of_its_own(server: ApiServer, follow: Follow) -> None:
    with pytest.raises(
        NothingSelected, match=r"^no pod has the labels app=x in all namespaces: see kubectl get pods --show-labels -A"
    ):
        follow(selector="app=x", everywhere=True).first()
    with pytest.raises(NothingSelected, match=r"^there is no namespace team"):
        follow(selector="app=x").first()
    server.pods = [pod()]
    with pytest.raises(NotFound, match="no pod of app=x in namespace team has a container x; there is: app"):
        follow(selector="app=x", only="x").first()
    server.refusals = [("list", 400)]
    with pytest.raises(BadSelector):
        follow(selector="app==").first()


def test_waiting_ends_when_the_container_runs(server: ApiServer, follow: Follow) -> None:
    waits = pod("p", "Pending", app=status(reason="ContainerCreating"))
    server.objects[f"{PODS}/p"], server.pods = waits, [waits]
    follower = follow("p")
    with pytest.raises(TargetNotRunning, match="Pending: ContainerCreating"):
        follower.first()
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.extend(follower.first(wait=True)))
    thread.start()
    stream = server.watch()
    server.objects[f"{PODS}/p"] = pod()
    stream.put(_event("MODIFIED", pod()))
    thread.join(60)
    assert [c.container_id for c in found] == ["p-1"]


@pytest.mark.parametrize("refused", ["list", "watch"])
def test_waiting_outlives_a_server_that_is_too_busy(server: ApiServer, follow: Follow, refused: str) -> None:
    server.refusals = [("list", 200), *[(refused, 503)] * 2]  # it has answered once
    asked = threading.Event()

    def runs_later() -> None:
        server.watch().put(_event("ADDED", pod()))
        server.pods = [pod()]
        asked.set()

    thread = threading.Thread(target=runs_later)
    thread.start()
    assert len(follow(selector="app=x").first(wait=True)) == 1
    thread.join()
    assert not server.refusals
    assert asked.is_set()


def test_server_that_is_too_busy_from_the_start_is_told(server: ApiServer, follow: Follow) -> None:
    server.refusals = [("list", 503)]
    with pytest.raises(ApiError, match="no"):
        follow(selector="app=x").first(wait=True)


def test_waiting_ends_when_a_workload_appears(server: ApiServer, follow: Follow) -> None:
    server.objects["/api/v1/namespaces/team"] = {"kind": "Namespace"}
    server.pods = [pod("a", owner={**RS, "kind": "StatefulSet", "uid": "set"})]
    made = {"metadata": {"uid": "set"}, "spec": {"selector": {"matchLabels": {"a": "b"}}}}
    path = "/apis/apps/v1/namespaces/team/statefulsets/db"
    threading.Timer(0.2, lambda: server.objects.update({path: made})).start()
    assert len(follow("sts/db").first(wait=True)) == 1


def test_waiting_has_an_end_and_is_not_begun_in_vain(server: ApiServer, follow: Follow) -> None:
    with pytest.raises(NotFound, match="there is no namespace team"):
        follow("sts/db").first(wait=True, seconds=0.1)
    server.objects[f"{PODS}/p"] = pod("p", "Succeeded", app=status(ended="1"))
    with pytest.raises(TargetFinished, match="does not start again"):
        follow("p").first(wait=True)


def test_waiting_ends_with_close(server: ApiServer, follow: Follow) -> None:
    follower = follow(selector="app=x")
    threading.Timer(0.2, follower.close).start()
    with pytest.raises(NotFound):
        follower.first(wait=True)


def test_channel_is_bounded_and_ends() -> None:
    channel: Channel[int] = Channel(1, room=2)
    put: list[bool] = []
    thread = threading.Thread(target=lambda: put.extend(channel.put(n) for n in range(9)))
    thread.start()
    items = iter(channel)
    assert [next(items), next(items)] == [0, 1]
    channel.close()
    thread.join(60)
    assert put[-1] is False
    assert list(channel) == []
