"""Finds the cgroup of a target in the unified hierarchy (cgroup v2, or the v2 tree of a hybrid node)."""

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recorder.log.errors import NoSuchTarget

_ID = re.compile(r"^[\w.-]+$")
_WHOLE_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Target:
    """A cgroup to watch. `depth` is what is seen of its depth: on a node that is itself a container (kind) the
    kernel's is more. `about` goes into the log.
    """

    path: Path
    name: str
    cgroup_id: int
    depth: int
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def is_entered(self) -> bool:
        """Whether its own first process is a session: an ephemeral container is there to enter a pod."""
        return self.about.get("kind") == "ephemeral"

    def members(self) -> dict[int, int]:
        """Host process IDs in the cgroup and those below it, each with the ID of its cgroup; none if it is gone."""
        found: dict[int, int] = {}
        for folder in (str(self.path), *_below(self.path)):
            try:
                text = Path(folder, "cgroup.procs").read_text()
                found.update(dict.fromkeys(map(int, text.split()), os.stat(folder).st_ino))
            except OSError:  # gone meanwhile, or threaded
                continue
        found.pop(0, None)  # a process of a PID namespace that is not seen from here
        return found

    def pids(self) -> set[int]:
        """Host process IDs in the cgroup and those below it; none if it is gone."""
        return set(self.members())

    def populated(self) -> bool:
        """Whether a process is in the cgroup or below it."""
        return populated(self.path)


class Cgroups:
    """The unified hierarchy below a mount of sysfs. Raises NoSuchTarget if there is none."""

    def __init__(self, sysfs: Path) -> None:
        root = sysfs / "fs/cgroup"
        if not (root / "cgroup.controllers").exists():
            root /= "unified"
        if not (root / "cgroup.controllers").exists():
            raise NoSuchTarget(
                f"no unified cgroup hierarchy below {sysfs}/fs/cgroup: cgroup v1 alone is not enough; "
                "start the node with cgroup v2 (systemd.unified_cgroup_hierarchy=1 on its kernel's command line)"
            )
        self.root = root
        self._containers: dict[str, Path | None] = {}
        self._looks_once = False
        self._seen: set[str] | None = None
        """The container IDs that there are, if all were looked through in this `one_look`."""

    @contextmanager
    def one_look(self) -> Iterator[None]:
        """Within it all cgroups are looked through at most once for whole container IDs that are not there."""
        self._looks_once = True
        try:
            yield
        finally:
            self._looks_once, self._seen = False, None

    def find(self, wanted: dict[str, Any]) -> Target:
        """The target that an entry of the configuration names by container_id, cgroup or pid.

        Raises NoSuchTarget if there is none, or more than one.
        """
        try:
            return self._find(wanted)
        except (OSError, ValueError) as error:  # gone meanwhile, or no name that a file can have
            named = wanted.get("container_id") or wanted.get("cgroup") or wanted.get("pid")
            raise NoSuchTarget(f"there is no container or cgroup {str(named)!r} any more: {error}") from error

    def _find(self, wanted: dict[str, Any]) -> Target:
        if wanted.get("container_id"):
            path = self._by_container(str(wanted["container_id"]), str(wanted.get("pod_uid") or ""))
        elif wanted.get("cgroup"):
            path = self._by_path(str(wanted["cgroup"]))
        else:
            path = self._by_pid(int(wanted["pid"]))
        if path.samefile(self.root):
            raise NoSuchTarget("the root cgroup is the whole machine: name a container's cgroup")
        return self._target(path, {k: v for k, v in wanted.items() if k not in ("cgroup", "pid")})

    def at(self, path: Path, about: dict[str, Any]) -> Target:
        """The target that has this folder. Raises NoSuchTarget if it is gone."""
        try:
            return self._target(path, about)
        except FileNotFoundError as error:
            raise NoSuchTarget(f"there is no cgroup {path} any more") from error

    def _target(self, path: Path, about: dict[str, Any]) -> Target:
        below = path.relative_to(self.root)
        return Target(path, f"/{below}", path.stat().st_ino, len(below.parts), about)

    def present(self, wanted: Iterable[dict[str, Any]], may_be_gone: bool) -> list[Target]:
        """Those that are there. Raises NoSuchTarget for another one unless it `may_be_gone`."""
        found = []
        for entry in wanted:
            try:
                found.append(self.find(entry))
            except NoSuchTarget:
                if not may_be_gone:
                    raise
        return found

    def _by_pid(self, pid: int) -> Path:
        try:
            lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
        except OSError as error:
            raise NoSuchTarget(f"there is no process {pid}") from error
        unified = next((line[3:] for line in lines if line.startswith("0::")), "/")
        return self.root / unified.lstrip("/")

    def _by_path(self, text: str) -> Path:
        given = Path(text)
        root = self.root.resolve()
        for path in (given.resolve(), (self.root / text.lstrip("/")).resolve()):
            if path.is_relative_to(root) and (path / "cgroup.procs").exists():
                return self.root / path.relative_to(root)
        raise NoSuchTarget(f"there is no cgroup {text} in {self.root}")

    def _by_container(self, wanted: str, pod_uid: str) -> Path:
        if not _ID.match(wanted):
            raise NoSuchTarget(f"{wanted!r} is no container ID")
        known = self._containers.get(wanted)
        if known and known.exists():
            return known
        is_known_to_be_absent = self._seen is not None and _WHOLE_ID.fullmatch(wanted) and wanted not in self._seen
        matches = [] if is_known_to_be_absent else self._search(wanted)
        if not matches:
            raise NoSuchTarget(f"no container {wanted} runs on this node: no cgroup below {self.root} has its name")
        if len(matches) > 1:
            matches = _likeliest(matches, pod_uid)
        if len(matches) > 1:
            raise NoSuchTarget(f"container {wanted} is not unique: {', '.join(m.name for m in matches)}")
        return matches[0]

    def _search(self, wanted: str) -> list[Path]:
        """The cgroups whose container ID is `wanted`, or if there is none, begins with it.

        Only those that are below the fewest containers: whoever may make cgroups in a container can give one the name
        of another container. Remembers all that are below none.
        """
        exact: dict[int, list[Path]] = {}
        prefixed: dict[int, list[Path]] = {}
        self._containers.clear()
        seen = set()
        for path in map(Path, _below(self.root)):
            found = container_id(path.name)
            if found == wanted or path.name == wanted:
                exact.setdefault(self._containers_above(path), []).append(path)
            elif len(wanted) >= 6 and _WHOLE_ID.fullmatch(found) and found.startswith(wanted):
                prefixed.setdefault(self._containers_above(path), []).append(path)
            if _WHOLE_ID.fullmatch(found):
                seen.add(found)
                if not self._containers_above(path):
                    self._containers[found] = None if found in self._containers else path
        self._seen = seen if self._looks_once else None
        fewest = min((*exact, *prefixed), default=0)
        return exact.get(fewest) or prefixed.get(fewest, [])

    def _containers_above(self, cgroup: Path) -> int:
        return sum(map(is_container, cgroup.relative_to(self.root).parts[:-1]))


def _likeliest(matches: list[Path], pod_uid: str) -> list[Path]:
    """Of cgroups with the same ID those with a process, and of these those of the pod; all if there is none.

    Who may make cgroups outside of containers can give one the name of a container.
    """
    matches = [path for path in matches if populated(path)] or matches
    return [path for path in matches if _is_of_pod(path, pod_uid)] or matches


def _is_of_pod(cgroup: Path, uid: str) -> bool:
    """Whether a cgroup is in one that the kubelet makes for that pod: podUID, or …-podUID.slice with _ for each -."""
    ends = (f"pod{uid}", f"-pod{uid.replace('-', '_')}.slice")
    return bool(uid) and any(folder == ends[0] or folder.endswith(ends[1]) for folder in cgroup.parent.parts)


def _below(top: Path) -> Iterator[str]:
    """The folders below one. Not by os.walk, which calls itself: a container may nest cgroups as deep as it likes."""
    waiting = [str(top)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:  # gone meanwhile, or its path is longer than the kernel takes
            continue
        yield from below
        waiting += below


def populated(cgroup: Path) -> bool:
    """Whether a process is in the cgroup or below it: crun may put a container's into a cgroup of its own there."""
    try:
        return "populated 1" in (cgroup / "cgroup.events").read_text()
    except OSError as error:  # ENODEV: removed while it was open
        if error.errno not in (errno.ENOENT, errno.ENODEV):
            raise
        return False


def is_container(cgroup: str) -> bool:
    """Whether a cgroup's name is one that a container runtime gives to a container."""
    return bool(_WHOLE_ID.fullmatch(container_id(cgroup)))


def container_id(cgroup: str) -> str:
    """The container ID in a cgroup's name: ID, docker-ID.scope, cri-containerd-ID.scope, …; else what is there."""
    name = cgroup.removesuffix(".scope")
    if name.startswith(("crio-conmon-", "libpod-conmon-")):
        return ""
    return re.split("[-:]", name)[-1]
