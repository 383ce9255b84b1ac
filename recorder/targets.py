"""The containers under watch: those that were named, and those that come up in their pods."""

import json
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from recorder import events
from recorder.cgroups import Cgroups, Target, container_id, is_container, populated
from recorder.events import Event
from recorder.log.errors import NoSuchTarget
from recorder.scope import Full, Scope

_TYPES = {layout.name: number for number, layout in events.layouts().items()}
_END_REASON = events.enums()["target_end_reason"]
_OF_POD = ("namespace", "pod", "pod_uid", "labels", "owner", "service_account", "node")
"""What a container has in common with the others of its pod."""


class Targets:
    """Numbers of targets are their places in the log's header, from 1, and go on from there.

    Whatever takes a target in or sees one end returns the events that tell of it, without a sequence number.
    """

    def __init__(self, scope: Scope, cgroups: Cgroups) -> None:
        self._scope, self._cgroups = scope, cgroups
        self._all: list[Target | None] = []
        self._numbers: dict[int, int] = {}
        self._ended: dict[str, int] = {}
        """Numbers of those that are gone or never were there, by container ID."""
        self._open: set[int] = set()
        self._pods: dict[Path, _Pod] = {}

    def __len__(self) -> int:
        return len(self._all)

    @property
    def watched(self) -> dict[int, Target]:
        """Those that are there still, by number."""
        return {number: self._target(number) for number in self._open}

    @property
    def open(self) -> int:
        """How many are there still."""
        return len(self._open)

    def first(
        self, wanted: Iterable[dict[str, Any]], may_be_gone: bool, now: int
    ) -> tuple[list[dict[str, Any]], list[Event]]:
        """Takes in those that the configuration names, before the probes look.

        Returns their entries for the log's header, and the events that tell what runs in them, and which of
        them are gone. Raises NoSuchTarget unless they `may_be_gone`.
        """
        entries, told = [], []
        for about in wanted:
            try:
                target = self._cgroups.find(about)
            except NoSuchTarget:
                if not may_be_gone:
                    raise
                target = None
            if target and target.cgroup_id in self._numbers:
                continue
            if not target and _container(about) in self._ended:
                continue
            number = self._take(target, about)
            entries.append(_entry(about, target))
            if not target:
                told.append(_ended(number, now, "TARGET_NOT_FOUND"))
        told += self._scope.open([(number, self._target(number)) for number in sorted(self._open)], now)
        return entries, told

    def add_all(self, named: Iterable[dict[str, Any]], now: int) -> list[Event]:
        """As `add` with each. A client that comes back names all that there ever were, most of them long gone."""
        with self._cgroups.one_look():
            return [event for about in named for event in self.add(about, now)]

    def add(self, about: dict[str, Any], now: int, folder: Path | None = None) -> list[Event]:
        """Takes in one more, or more of what is known of one; nothing comes back for what is known already.

        That with this `folder`, if it is known: another one may have been given the name of a container.
        """
        try:
            target = self._cgroups.at(folder, about) if folder else self._cgroups.find(about)
        except NoSuchTarget:
            return self._gone_already(about, now)
        if number := self._numbers.get(target.cgroup_id):
            return self._describe(number, target, now)
        # One without a process has ended, or is being made: then it is found in its pod once it has one.
        return self._watch(target, now) if target.populated() else self._gone_already(about, now)

    def _describe(self, number: int, target: Target, now: int) -> list[Event]:
        known = self._all[number - 1]
        if known == target:  # a client that comes back says all that it knows once more
            return []
        self._all[number - 1] = target
        told = [_started(number, _entry(target.about, target), now)]
        if target.is_entered and not (known and known.is_entered) and number in self._open:
            told += self._scope.enter(number, target, now)
        return told

    def _gone_already(self, about: dict[str, Any], now: int) -> list[Event]:
        """Describes a container that has ended before anybody could say what it was; or one never seen."""
        if number := self._ended.get(_container(about)):
            known = self._all[number - 1]
            return self._describe(number, replace(known, about=_about(about)), now) if known else []
        number = self._take(None, about)
        return [_started(number, _entry(about, None), now), _ended(number, now, "TARGET_NOT_FOUND")]

    def _watch(self, target: Target, now: int) -> list[Event]:
        number = self._take(target, target.about)
        try:
            under_way = self._scope.add(number, target, now)
        except Full:
            self._forget(number, target)
            self._numbers[target.cgroup_id] = number  # it is there, and is not to be tried again
            unwatched = {**_entry(target.about, target), "cgroup_id": 0}
            return [_started(number, unwatched, now), _ended(number, now, "TARGET_TOO_MANY")]
        return [_started(number, _entry(target.about, target), now), *under_way]

    def _take(self, target: Target | None, about: dict[str, Any]) -> int:
        self._all.append(target)
        number = len(self._all)
        if not target:
            self._ended[_container(about)] = number
            return number
        self._numbers[target.cgroup_id] = number
        self._open.add(number)
        if target.about.get("pod_uid"):
            if target.path.parent not in self._pods:
                self._pods[target.path.parent] = _Pod(target)
            self._pods[target.path.parent].known.add(target.path.name)
        return number

    def _forget(self, number: int, target: Target) -> None:
        """It is not watched any more."""
        self._open.discard(number)
        del self._numbers[target.cgroup_id]
        self._ended[container_id(target.path.name) or target.name] = number

    def attached(self, number: int, session: int, root: int, now: int) -> list[Event]:
        """The events of what a session of kubectl attach, which has begun with process `root`, finds there."""
        if number not in self._open:
            return []
        return self._scope.attached(number, self._target(number), session, root, now)

    def about(self, number: int) -> dict[str, Any]:
        """What is known of the target with that number."""
        target = self._all[number - 1] if 0 < number <= len(self._all) else None
        return target.about if target else {}

    def a_process(self, number: int) -> int | None:
        """The ID of a process of the target with that number, the first one; None if there is none."""
        target = self._all[number - 1] if number <= len(self._all) else None
        return min(target.pids(), default=None) if target else None

    def _target(self, number: int) -> Target:
        target = self._all[number - 1]
        assert target
        return target

    def look(self, now: int, follow: bool) -> list[Event]:
        """The events of those that have ended, and, if they are to be followed, of those that came up."""
        told = self._scope.look_again(now)
        for number in sorted(self._open):
            target = self._target(number)
            # Who may write to cgroups can empty the container's, which lives on elsewhere.
            if not target.populated() and not self._scope.lives_on(number):
                self._forget(number, target)
                self._scope.remove(target)
                told.append(_ended(number, now, "TARGET_EXITED"))
        for path, pod in list(self._pods.items()) if follow else ():
            for name in pod.new(path):
                told += self.add({**pod.about, "container_id": container_id(name)}, now, path / name)
            if pod.gone:
                del self._pods[path]
        return told


class _Pod:
    """The cgroup of a pod. `known` are the names of the containers in it that are no news; `about` is of the pod."""

    def __init__(self, target: Target) -> None:
        self.about = {key: target.about[key] for key in _OF_POD if key in target.about}
        self.gone = False
        # The pod's sandbox is among them, which nobody ever names.
        try:
            self.known = set(_containers(target.path.parent))
        except FileNotFoundError:
            self.known = set()

    def new(self, path: Path) -> list[str]:
        """The names of the containers that came up since the last look and have a process."""
        try:
            names = _containers(path)
        except FileNotFoundError:
            self.gone = True
            return []
        new = [name for name in names if name not in self.known and populated(path / name)]
        self.known.update(new)
        return new


def _containers(pod: Path) -> list[str]:
    with os.scandir(pod) as entries:
        return [entry.name for entry in entries if is_container(entry.name) and entry.is_dir(follow_symlinks=False)]


def _container(about: dict[str, Any]) -> str:
    """The name by which a configuration or a client speaks of a container."""
    return str(about.get("container_id") or about.get("cgroup") or about.get("pid"))


def _about(about: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in about.items() if key not in ("cgroup", "pid")}


def _entry(about: dict[str, Any], target: Target | None) -> dict[str, Any]:
    """What header and target_start say of a target."""
    if not target:
        return {**_about(about), "cgroup": "", "cgroup_id": 0}
    return {**target.about, "cgroup": target.name, "cgroup_id": target.cgroup_id}


def _started(number: int, entry: dict[str, Any], now: int) -> Event:
    return [_TYPES["target_start"], now, None, number, 0, 0, entry["cgroup_id"], json.dumps(entry).encode()]


def _ended(number: int, now: int, reason: str) -> Event:
    return [_TYPES["target_end"], now, None, number, 0, 0, _END_REASON[reason]]
