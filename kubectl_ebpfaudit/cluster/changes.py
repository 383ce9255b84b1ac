"""What becomes of the containers that are recorded, and the ledger that finds it out by comparing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from kubectl_ebpfaudit.cluster.targets import FINISHED, Container, Object, State, phase, started, states
from recorder.log.errors import AuditError


@dataclass(frozen=True)
class Started:
    """A container runs that did not before."""

    container: Container


@dataclass(frozen=True)
class Ended:
    """A container runs no more. `reason` is the API's word for it, or ours; the exit code may not be known."""

    container_id: str
    name: str
    reason: str
    exit_code: int | None = None


@dataclass(frozen=True)
class Missed:
    """A container had started and ended before anybody could be told: it is not in the recording."""

    container: Container
    exit_code: int | None = None


@dataclass(frozen=True)
class PodGone:
    """The pod was deleted, or its labels are not those that are looked for any more. Its containers Ended before."""

    namespace: str
    pod: str
    pod_uid: str


@dataclass(frozen=True)
class Lost:
    """The API server does not answer, or says no: changes are not seen until Back. Said once."""

    error: AuditError


@dataclass(frozen=True)
class Back:
    """The API server answers again. What has changed meanwhile follows."""


@dataclass(frozen=True)
class Over:
    """Nothing will ever start again. The last change."""

    reason: str


Change = Started | Ended | Missed | PodGone | Lost | Back | Over

_SEEN = 8
"""IDs kept of a container: the API itself remembers two, and may forget and remember again."""

GONE = "pod deleted"
OUT_OF_SIGHT = "pod deleted, or no longer selected"


@dataclass
class _Pod:
    """All that is kept of a pod. `running` has IDs by name; `seen` those of which
    nothing is to be said again."""

    namespace: str
    name: str
    running: dict[str, str] = field(default_factory=dict)
    seen: dict[str, tuple[str, ...]] = field(default_factory=dict)
    finished: bool = False


class Ledger:
    """Compares what the API shows of pods with what it showed before. Each change comes out once."""

    def __init__(self, only: str | None, owner: Callable[[Object], str]) -> None:
        self._only, self._owner = only, owner
        self._pods: dict[str, _Pod] = {}

    @property
    def live(self) -> int:
        """How many pods there are that have not finished."""
        return sum(not pod.finished for pod in self._pods.values())

    def observe(self, pod: Object, first: bool = False) -> list[Change]:
        """What is new of this pod. If it is the `first` look of all, what ended before it is no news."""
        metadata = pod.get("metadata") or {}
        uid = str(metadata.get("uid", ""))
        if uid not in self._pods:
            self._pods[uid] = _Pod(str(metadata.get("namespace", "")), str(metadata.get("name", "")))
        entry = self._pods[uid]
        entry.finished = phase(pod) in FINISHED
        found: list[Change] = []
        for state in states(pod, self._only):
            found += self._compare(entry, pod, state, first)
        if entry.finished:
            reason = str((pod.get("status") or {}).get("reason") or phase(pod))
            found += _end_all(entry, reason)
        return found

    def _compare(self, entry: _Pod, pod: Object, state: State, first: bool) -> list[Change]:
        before, now = entry.running.get(state.name, ""), "" if entry.finished else state.running_id
        ends, seen = state.ends(), entry.seen.get(state.name, ())
        found: list[Change] = []
        # What the API is silent about goes on: a kubelet that starts anew knows nothing for a while.
        if before and before != now and (now or before in ends or state.terminated):
            found.append(_ended(entry, state.name, ends.get(before) or state.terminated))
        if not first:
            for container_id in ends.keys() - {before, *seen}:
                end = ends[container_id]
                container = started(pod, state, container_id, end, self._owner(pod))
                found.append(Missed(container, end.get("exitCode")))
        if now and now != before:
            since = state.status["state"]["running"] or {}
            found.append(Started(started(pod, state, now, since, self._owner(pod))))
            entry.running[state.name] = now
        new = dict.fromkeys([*seen, before, *ends, now])
        entry.seen[state.name] = tuple(new)[-_SEEN:]
        return found

    def gone(self, uid: str, reason: str) -> list[Change]:
        """The pod of this UID is there no more."""
        entry = self._pods.pop(uid, None)
        if entry is None:
            return []
        return [*_end_all(entry, reason), PodGone(entry.namespace, entry.name, uid)]

    def keep(self, uids: Iterable[str]) -> list[Change]:
        """There are no pods but these."""
        found: list[Change] = []
        for uid in self._pods.keys() - set(uids):
            found += self.gone(uid, OUT_OF_SIGHT)
        return found


def _ended(entry: _Pod, name: str, end: Object) -> Ended:
    container_id = entry.running.pop(name)
    where = f"{entry.namespace}/{entry.name}/{name}"
    return Ended(container_id, where, str(end.get("reason") or "replaced"), end.get("exitCode"))


def _end_all(entry: _Pod, reason: str) -> list[Change]:
    return [_ended(entry, name, {"reason": reason}) for name in list(entry.running)]
