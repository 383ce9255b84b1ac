"""Targets that come and go, over a folder that stands for the tree of cgroups."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from recorder import events
from recorder.cgroups import Cgroups, Target
from recorder.events import Event
from recorder.log.errors import NoSuchTarget
from recorder.scope import MAX_TARGETS, Full
from recorder.targets import Targets

TYPES = {layout.name: number for number, layout in events.layouts().items()}
NAMES = {number: name for name, number in TYPES.items()}
REASONS = {number: name for name, number in events.enums()["target_end_reason"].items()}
A, B, C, SANDBOX = (letter * 64 for letter in "abc0")
POD = {"pod_uid": "u1", "pod": "web", "namespace": "shop"}


class FakeScope:
    """Takes so many targets as the probes do."""

    def __init__(self) -> None:
        self.watched: dict[int, int] = {}
        self.living_on: set[int] = set()

    def open(self, targets: Sequence[tuple[int, Target]], now: int) -> list[Event]:
        return [event for number, target in targets for event in self.add(number, target, now)]

    def look_again(self, now: int) -> list[Event]:
        return []

    def add(self, number: int, target: Target, now: int) -> list[Event]:
        if number >= MAX_TARGETS:
            raise Full
        self.watched[target.cgroup_id] = number
        return []

    def lives_on(self, number: int) -> bool:
        return number in self.living_on

    def remove(self, target: Target) -> None:
        del self.watched[target.cgroup_id]


class Node:
    """A tree of cgroups. `make` and `end` are what a runtime does."""

    def __init__(self, sysfs: Path) -> None:
        self.root = sysfs / "fs/cgroup"
        self.root.mkdir(parents=True)
        (self.root / "cgroup.controllers").write_text("")
        self.scope = FakeScope()
        self.targets = Targets(self.scope, Cgroups(sysfs))  # type: ignore[arg-type]

    def make(self, container: str, pod: str = "kubepods/podu1", runs: bool = True) -> Path:
        path = self.root / pod / container
        path.mkdir(parents=True, exist_ok=True)
        (path / "cgroup.procs").write_text("7\n" if runs else "")
        (path / "cgroup.events").write_text(f"populated {int(runs)}\nfrozen 0\n")
        return path

    def first(self, *wanted: dict[str, Any], follow: bool = True) -> tuple[list[dict[str, Any]], list[Any]]:
        entries, told = self.targets.first(wanted, follow, 1)
        return entries, said(told)

    def look(self, follow: bool = True) -> list[Any]:
        return said(self.targets.look(2, follow))

    def add(self, **about: Any) -> list[Any]:
        return said(self.targets.add(about, 3))


def said(told: list[Event]) -> list[Any]:
    """(number, reason of the end or container ID and pod of the start) of each event."""
    found: list[Any] = []
    for event in told:
        assert event[2] is None
        if NAMES[event[0]] == "target_end":
            found.append((event[3], REASONS[event[6]]))
        else:
            about = json.loads(event[7])
            assert about["cgroup_id"] == event[6]
            found.append((event[3], about.get("container_id"), about.get("pod"), about.get("image")))
    return found


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_one_named_twice_is_one_target(node: Node) -> None:
    node.make(A)
    named = {"container_id": A}, {"cgroup": f"/kubepods/podu1/{A}"}, {"container_id": A[:12]}
    entries, told = node.first(*named)
    assert [entry["container_id"] for entry in entries] == [A]
    assert (told, len(node.targets), node.targets.open) == ([], 1, 1)


def test_one_that_is_not_there_at_the_start_is_refused_or_said(node: Node) -> None:
    node.make(A)
    with pytest.raises(NoSuchTarget):
        Targets(node.scope, node.targets._cgroups).first([{"container_id": B}], False, 1)  # type: ignore[arg-type]
    entries, told = node.first({"container_id": B}, {"container_id": A}, {"container_id": B})
    assert [(entry["container_id"], entry["cgroup_id"] > 0) for entry in entries] == [(B, False), (A, True)]
    assert told == [(1, "TARGET_NOT_FOUND")]
    assert (len(node.targets), node.targets.open) == (2, 1)


def test_what_a_client_says_again_is_no_news(node: Node) -> None:
    node.make(A)
    node.make(B)
    node.first({"container_id": A, **POD})
    assert node.add(container_id=B, **POD) == [(2, B, "web", None)]
    assert node.add(container_id=C, **POD) == [(3, C, "web", None), (3, "TARGET_NOT_FOUND")]
    for _ in range(200):
        for container in (A, B, C):
            assert node.add(container_id=container, **POD) == []
    node.make(B, runs=False)
    assert node.look() == [(2, "TARGET_EXITED")]
    shutil.rmtree(node.make(A, runs=False))
    assert node.look() == [(1, "TARGET_EXITED")]
    for _ in range(200):
        for container in (A, B, C):
            assert node.add(container_id=container, **POD) == []
    assert len(node.targets) == 3


def test_all_cgroups_are_looked_through_once_for_many_that_are_gone(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.make(A)
    node.first({"container_id": A, **POD})
    node.make(B)
    search, looks = Cgroups._search, list[str]()

    def counted(self: Cgroups, wanted: str) -> list[Path]:
        looks.append(wanted)
        return search(self, wanted)

    monkeypatch.setattr(Cgroups, "_search", counted)
    gone = [f"{number:064x}" for number in range(50)]
    told = node.targets.add_all(({"container_id": one} for one in [*gone, A, B]), 1)
    assert len(looks) == 1
    assert [event[3] for event in told if event[0] == TYPES["target_end"]] == list(range(2, 52))
    assert node.targets.watched.keys() == {1, 52}
    node.make(C)
    node.targets.add_all([{"container_id": C}], 1)
    assert node.targets.open == 3


def test_more_that_is_known_of_one_is_told_once_also_after_its_end(node: Node) -> None:
    node.make(A)
    node.first({"container_id": A, **POD})
    assert node.add(container_id=A, image="i1", **POD) == [(1, A, "web", "i1")]
    assert node.add(container_id=A, image="i1", **POD) == []
    node.make(A, runs=False)
    node.look()
    assert node.add(container_id=A, image="i1", **POD) == []
    assert node.add(container_id=A, image="i2", **POD) == [(1, A, "web", "i2")]
    shutil.rmtree(node.root / "kubepods")
    assert node.add(container_id=A, image="i2", **POD) == []
    assert node.add(container_id=A, image="i3", **POD) == [(1, A, "web", "i3")]


def test_a_container_that_comes_up_in_a_pod_is_followed(node: Node) -> None:
    node.make(SANDBOX)
    node.make(A)
    node.first({"container_id": A, "labels": {"app": "x"}, **POD})
    assert node.look() == []
    node.make(B, runs=False)
    assert node.look() == []  # nobody runs in it yet
    node.make(B)
    assert node.look() == [(2, B, "web", None)]
    assert node.look() == []
    node.make(A, runs=False)
    node.make(C)
    assert node.look() == [(1, "TARGET_EXITED"), (3, C, "web", None)]
    assert node.add(container_id=B, image="i", **POD) == [(2, B, "web", "i")]
    assert set(node.scope.watched.values()) == {2, 3}


def test_without_follow_or_a_pod_nothing_is_followed(node: Node) -> None:
    node.make(A)
    node.first({"container_id": A, **POD})
    node.make(B)
    assert node.look(follow=False) == []
    other = Node(node.root.parent.parent / "other")
    other.make(A)
    other.first({"container_id": A})
    other.make(B)
    assert other.look() == []


def test_a_container_that_is_named_before_anybody_runs_in_it_is_followed_once_somebody_does(node: Node) -> None:
    node.make(A)
    node.first({"container_id": A, **POD})
    node.make(B, runs=False)
    assert node.add(container_id=B, **POD) == [(2, B, "web", None), (2, "TARGET_NOT_FOUND")]
    node.make(B)
    assert node.look() == [(3, B, "web", None)]


def test_a_container_whose_processes_are_in_a_cgroup_below_its_own_is_followed(node: Node) -> None:
    node.make(A)
    node.first({"container_id": A, **POD})
    # crun and systemd: the processes are in crio-ID.scope/container.
    (node.make(f"crio-{B}.scope") / "cgroup.procs").write_text("")
    assert node.look() == [(2, B, "web", None)]


def test_a_container_that_restarts_is_a_target_of_its_own(node: Node) -> None:
    node.make(A)
    node.first({"cgroup": f"/kubepods/podu1/{A}"})
    node.make(A, runs=False)
    assert node.look() == [(1, "TARGET_EXITED")]
    node.make(A)
    assert node.add(container_id=A) == [(2, A, None, None)]
    node.make(A, runs=False)
    assert node.look() == [(2, "TARGET_EXITED")]


def test_a_container_whose_cgroup_is_emptied_goes_on_as_long_as_its_first_process(node: Node) -> None:
    node.make(A)
    node.first({"container_id": A, **POD})
    node.scope.living_on = {1}
    node.make(A, runs=False)
    assert (node.look(), node.look(), node.targets.open) == ([], [], 1)
    assert node.add(container_id=A, image="i", **POD) == [(1, A, "web", "i")]
    node.scope.living_on = set()
    assert (node.look(), node.targets.open) == ([(1, "TARGET_EXITED")], 0)


@pytest.mark.parametrize("runs", [False, True])
def test_a_cgroup_that_has_the_name_of_a_container_hides_none_that_comes_up(node: Node, runs: bool) -> None:
    node.make(A)
    node.first({"container_id": A, **POD})
    node.make(f"cri-containerd-{B}.scope", "elsewhere", runs=runs)
    there = node.make(B)
    assert node.look() == [(2, B, "web", None)]
    assert node.targets.watched[2].path == there
    assert node.add(container_id=B, image="i", **POD) == [(2, B, "web", "i")]
    assert (node.look(), node.targets.open) == ([], 2)


def test_a_pod_that_goes_away_is_forgotten(node: Node) -> None:
    node.make(A)
    node.first({"container_id": A, **POD})
    shutil.rmtree(node.root / "kubepods/podu1")
    assert node.look() == [(1, "TARGET_EXITED")]
    assert (node.look(), node.targets._pods, node.targets.open) == ([], {}, 0)


@pytest.mark.parametrize(
    "about", [{"cgroup": "a\0b"}, {"cgroup": "x" * 5000}, {"container_id": [1]}, {"pid": 1 << 70}, {"cgroup": "/"}]
)
def test_a_name_that_no_container_can_have_ends_nothing(node: Node, about: dict[str, Any]) -> None:
    node.first({"container_id": A})
    assert [one[1] for one in node.add(**about)][1] == "TARGET_NOT_FOUND"
    assert node.add(**about) == []


def test_a_container_that_goes_away_while_it_is_looked_at_is_not_found(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = node.make(B)
    node.first({"container_id": A})

    def gone(self: Cgroups, wanted: str, pod_uid: str) -> Path:
        shutil.rmtree(path)
        return path

    monkeypatch.setattr(Cgroups, "_by_container", gone)
    assert node.add(container_id=B) == [(2, B, None, None), (2, "TARGET_NOT_FOUND")]


def test_more_targets_than_the_probes_can_look_for_are_said_and_the_others_go_on(node: Node) -> None:
    node.make(A)
    node.first({"container_id": A, **POD})
    for number in range(MAX_TARGETS - 2):
        node.targets._take(None, {"container_id": str(number)})
    assert len(node.targets) == MAX_TARGETS - 1
    node.make(B)
    assert node.look() == [(MAX_TARGETS, B, "web", None), (MAX_TARGETS, "TARGET_TOO_MANY")]
    assert (node.look(), node.add(container_id=B, pod="web", namespace="shop", pod_uid="u1")) == ([], [])
    node.make(A, runs=False)
    assert node.look() == [(1, "TARGET_EXITED")]


def test_targets_may_be_at_any_depths(node: Node) -> None:
    node.make(A)
    node.first({"container_id": A})
    depths = range(40)
    for depth in depths:
        node.make(f"{depth:064}", "/".join(["deep", *map(str, range(depth))]))
        [(_, container, *_)] = node.add(container_id=f"{depth:064}")
        assert container == f"{depth:064}"
    assert node.targets.open == len(node.scope.watched) == 1 + len(depths)
