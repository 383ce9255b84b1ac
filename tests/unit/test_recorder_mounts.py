"""The mount namespaces of targets, over processes that are made up."""

import time
from pathlib import Path

import pytest

from recorder import bpf, mounts, processes
from recorder.cgroups import Target
from recorder.mounts import AT_ONCE, Mounts
from recorder.processes import Process
from recorder.scope import ON_ITS_WAY_SECONDS

HOME, OWN = 1, 2


class Node:
    """A node with a first process for each target, by the target's number, which is also its ID.

    `where` has the mount namespaces of processes, `told` those that the probes know, each with a target's number.
    """

    home = HOME

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.where: dict[int, int] = {}
        self.told: dict[int, int] = {}
        self.ages: dict[int, float] = {}
        self.runtime: set[int] = set()
        self.looked_at: list[int] = []
        self.shares_home = False
        self.sieve, self.maps = self, {"mount_namespaces": 0}
        monkeypatch.setattr(bpf, "Map", lambda fd, size: self)
        monkeypatch.setattr(mounts, "mount_namespace", self._mount_namespace)
        monkeypatch.setattr(processes, "is_on_its_way", self._is_on_its_way)
        self.mounts = Mounts(self, self)  # type: ignore[arg-type]

    def follow(self) -> None:
        target = Target(Path("/"), "/", 1, 1)
        self.mounts.follow(dict.fromkeys(self.where, target))

    def _mount_namespace(self, pid: int) -> int:
        self.looked_at.append(pid)
        return self.where.get(pid, OWN)

    def _is_on_its_way(self, pid: int) -> bool:
        return pid in self.runtime

    # What the scope, its sieve and the map do.

    def first(self, number: int, target: Target) -> Process | None:
        age = int(self.ages.get(number, 0) * 1e9)
        return Process(number, 0, 0, False, time.monotonic_ns() - age) if self.where[number] else None

    def share_home(self) -> None:
        self.shares_home = True

    def add_mounts(self, number: int, pid: int) -> None:
        assert self.where[pid] == number

    def remove_mounts(self, number: int) -> None:
        assert number not in self.told

    def tell(self) -> None:
        pass

    def update(self, key: bytes, value: bytes) -> None:
        self.told[int.from_bytes(key, "little")] = int.from_bytes(value, "little")

    def delete(self, key: bytes) -> None:
        del self.told[int.from_bytes(key, "little")]


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(monkeypatch)


def test_the_namespaces_of_those_that_are_there_are_told(node: Node) -> None:
    node.where = {10: 100, 11: 0, 12: OWN}
    node.follow()
    assert node.told == {100: 10}
    node.where = {11: 110}
    node.follow()
    assert node.told == {110: 11}


def test_a_first_process_is_followed_into_another_namespace(node: Node) -> None:
    node.where = {10: 100, 11: 110}
    node.follow()
    node.where[10] = 101
    node.follow()
    assert node.told == {101: 10, 110: 11}
    node.where[11] = 100  # the number was given again
    node.follow()
    assert node.told == {101: 10, 100: 11}
    node.where[11] = 0  # it is about to end
    node.follow()
    assert node.told == {101: 10, 100: 11}


def test_a_namespace_that_two_share_stays_as_long_as_one_of_them(node: Node) -> None:
    node.where = {10: 100, 11: 100}
    node.follow()
    assert node.told == {100: 10}
    del node.where[10]
    node.follow()
    assert node.told == {100: 11}


def test_the_runtime_is_believed_to_be_on_its_way_for_a_moment_only(node: Node) -> None:
    node.where, node.runtime = {10: HOME}, {10}
    node.follow()
    node.where[10] = 100
    node.follow()
    assert (node.told, node.shares_home) == ({}, False)
    node.ages[10] = ON_ITS_WAY_SECONDS
    node.follow()
    assert node.told == {100: 10}


def test_of_more_than_are_looked_at_at_once_each_has_its_turn(node: Node) -> None:
    node.where = {number: 1000 + number for number in range(10, 10 + 4 * AT_ONCE)}
    node.follow()
    assert len(node.told) == len(node.where)
    node.looked_at = []
    node.follow()
    assert len(node.looked_at) < AT_ONCE
    for _ in range(4):
        node.follow()
    assert set(node.looked_at) == node.where.keys()


@pytest.mark.parametrize("later", [False, True])
def test_the_probes_are_told_of_a_container_in_the_nodes_own_namespace(node: Node, later: bool) -> None:
    node.where = {10: 100 if later else HOME}
    node.follow()
    assert node.shares_home != later
    node.where[10] = HOME
    node.follow()
    assert (node.told, node.shares_home) == ({}, True)
