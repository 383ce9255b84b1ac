"""Why nothing of a pod can be recorded now, in one line, with what to do."""

from kubectl_ebpfaudit.cluster.api import Api
from kubectl_ebpfaudit.cluster.errors import Forbidden, NotFound, TargetFinished, TargetNotRunning
from kubectl_ebpfaudit.cluster.targets import FINISHED, Object, State, names, over, phase, states
from replay.escape import printable

_DULL = ("", "ContainerCreating", "PodInitializing")
"""Reasons to wait that say nothing."""

_WAIT = "try again once it runs, or wait for it with --wait"


def missing(api: Api, namespace: str, said: str) -> NotFound:
    """Whether it is the whole namespace that is missing; who may not ask for that is told what was `said`."""
    try:
        api.get(f"/api/v1/namespaces/{namespace}")
    except NotFound:
        return NotFound(f"there is no namespace {printable(namespace)}: see kubectl get namespaces")
    except Forbidden:
        pass
    return NotFound(said)


def not_running(pod: Object, only: str | None) -> NotFound | TargetNotRunning:
    """For a pod of which nothing runs, or not its `only` container."""
    where = _where(pod)
    if only is not None and only not in names(pod):
        there = printable(", ".join(names(pod)))
        return NotFound(f"there is no container {printable(only)} in {where}; there is: {there}")
    if phase(pod) in FINISHED:
        return TargetFinished(
            f"{where} has finished ({_reason(pod, only)}) and does not start again: name one that runs, or its workload"
        )
    what = where if only is None else f"container {printable(only)} of {where}"
    if only is not None and over(pod, only):
        return TargetFinished(f"{what} has ended ({_reason(pod, only)}) and is not started again")
    return TargetNotRunning(f"{what} is not running ({_reason(pod, only)}): {_WAIT}")


def none_running(what: str, pods: list[Object], only: str | None) -> NotFound | TargetNotRunning:
    """For several pods of which nothing runs; `pods` are some of them."""
    if only is not None and all(only not in names(pod) for pod in pods):
        there = printable(", ".join(sorted({name for pod in pods for name in names(pod)})))
        return NotFound(f"no pod of {what} has a container {printable(only)}; there is: {there}")
    pod = next((pod for pod in pods if phase(pod) not in FINISHED), pods[0])
    thing = "pod" if only is None else f"container {printable(only)}"
    return TargetNotRunning(f"no {thing} of {what} is running ({_where(pod)}: {_reason(pod, only)}): {_WAIT}")


def _where(pod: Object) -> str:
    metadata = pod.get("metadata") or {}
    return f"pod {printable(metadata.get('namespace', ''))}/{printable(metadata.get('name', ''))}"


def _reason(pod: Object, only: str | None) -> str:
    """Its phase, and the most telling reason for it that the API has."""
    deleted = (pod.get("metadata") or {}).get("deletionTimestamp")
    words = "Terminating" if deleted else phase(pod) or "no state yet"
    return printable(": ".join(filter(None, [words, _detail(pod, list(states(pod, only)))])))


def _detail(pod: Object, found: list[State]) -> str:
    status = pod.get("status") or {}
    if status.get("reason"):  # Evicted, DeadlineExceeded …
        return _words(status)
    for state in found:
        if state.waiting.get("reason", "") not in _DULL:
            return _words(state.waiting)
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return _words(condition)
    ends = [state.terminated for state in found if state.terminated]
    if ends and phase(pod) != "Pending":
        bad = next((end for end in ends if end.get("exitCode")), ends[-1])
        return f"{bad.get('reason', 'ended')}, exit code {bad.get('exitCode')}"
    return next((str(state.waiting["reason"]) for state in found if state.waiting.get("reason")), "")


def _words(thing: Object) -> str:
    return ": ".join(filter(None, (str(thing.get("reason") or ""), str(thing.get("message") or ""))))
