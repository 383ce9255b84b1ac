"""Follows the recorder's pod through the API: until it runs, until it has ended, until it is gone."""

import time
from collections.abc import Callable, Iterator

from kubectl_ebpfaudit.cluster.api import Api
from kubectl_ebpfaudit.cluster.errors import ApiError, NoImage, NoRoom, NotFound, PodDidNotStart, Unreachable
from kubectl_ebpfaudit.cluster.objects import Object
from kubectl_ebpfaudit.cluster.patience import Patience
from kubectl_ebpfaudit.cluster.pod import CONTAINER
from kubectl_ebpfaudit.cluster.targets import FINISHED
from kubectl_ebpfaudit.failures import of_recorder
from recorder.log.errors import AuditError
from replay.escape import printable

# Reasons that the kubelet gives, see pkg/kubelet/images/types.go and pkg/kubelet/kuberuntime.
_NO_IMAGE = frozenset(
    [
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "RegistryUnavailable",
        "ImageInspectError",
        "SignatureValidationFailed",
    ]
)
_NO_START = frozenset(
    [
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "PreCreateHookError",
        "PostStartHookError",
        "CrashLoopBackOff",
    ]
)
_NO_ROOM = ("OutOfcpu", "OutOfmemory")  # pkg/kubelet/lifecycle/predicate.go
_REMEDIES = {
    # The pod names its node and nothing else: a selector is what the cluster has added, as OpenShift does.
    "NodeAffinity": "; the cluster gives the namespace's pods a node selector: "
    "on OpenShift, annotate the namespace with openshift.io/node-selector=",
}
_SLOW_SECONDS = 3.0
_GONE_SECONDS = 30.0
_LOOK_SECONDS = 1.0  # for a look at what has become of a pod whose deletion took all the time
_NO_PROGRAM = ("StartError", "ContainerCannotRun")
_NO_CAPABILITIES = "unable to apply caps"  # runc, where the node itself lacks one


class PodWatch:
    """One pod, by name. `last` is its last state that was seen; {} before the first and when it is gone.

    An API server that is away, or too busy, is waited for; `trouble` is why there is no newer state, if there is not.
    """

    def __init__(self, api: Api, namespace: str, name: str, pod: Object | None = None) -> None:
        self._api = api
        self.name, self.namespace = name, namespace
        self._list = f"/api/v1/namespaces/{namespace}/pods"
        self.path = f"{self._list}/{name}"
        self.last = pod or {}
        self.trouble: AuditError | None = None
        self._is_stale = False

    def states(self, seconds: float) -> Iterator[Object]:
        """The pod's state now, and each one that follows, at most for `seconds`; {} as soon as it is gone."""
        patience = Patience(seconds)
        while (left := patience.left) > 0:
            try:
                yield self.last if self.last and not self._is_stale else self.refresh()
                if not self.last:
                    return
                for event in self._watch(left):
                    kind, pod = event.get("type"), event.get("object") or {}
                    if kind == "ERROR":  # the version is too old, for one: begin again with what there is now
                        break
                    patience.works()
                    self.last = {} if kind == "DELETED" else pod
                    yield self.last
                    if not self.last or patience.left <= 0:
                        return
                self.refresh()
            except (Unreachable, ApiError) as error:
                self.trouble, self._is_stale = error, True
                if not patience.wait(error):
                    return

    def _watch(self, seconds: float) -> Iterator[Object]:
        version = str((self.last.get("metadata") or {}).get("resourceVersion", ""))
        selector = f"metadata.name={self.name}"
        return self._api.watch(self._list, int(seconds) + 1, fieldSelector=selector, resourceVersion=version)

    def refresh(self) -> Object:
        """The pod's state now, {} if there is no such pod."""
        try:
            self.last = self._api.get(self.path)
        except NotFound:
            self.last = {}
        self.trouble, self._is_stale = None, False
        return self.last

    def wait_running(self, seconds: float, slow: Callable[[str], None] | None = None) -> None:
        """Returns when the container runs; tells `slow` what is going on if that takes its time.

        Raises NoImage, NoRoom, PodDidNotStart, the error that the recorder ended with, or `trouble`.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self._runs_within(min(_SLOW_SECONDS, left) if slow else left):
                return
            if slow and (text := self._what_it_does()):
                slow(text)
                slow = None
        raise self.trouble or self._too_slow("run", seconds)

    def _runs_within(self, seconds: float) -> bool:
        for state in self._until_started(seconds):
            if "running" in state:
                return True
            if "terminated" in state:
                raise self.recorder_error()
        return False

    def _what_it_does(self) -> str:
        """What takes a pod so long that does not run yet, "" if that is nothing to speak of."""
        path, selector = (
            f"/api/v1/namespaces/{self.namespace}/events",
            f"involvedObject.name={self.name},reason=Pulling",
        )
        try:
            pulls = bool(self._api.get(path, fieldSelector=selector, limit="1").get("items"))
        except (ApiError, Unreachable):  # only events tell, which not everybody may see
            return f"Waiting for node {self._node()} to start image {self._image()} …"
        return f"Pulling image {self._image()} on node {self._node()} …" if pulls else ""

    def wait_ended(self, seconds: float) -> None:
        """Returns when the container has ended with exit code 0. Raises as `wait_running` does."""
        for state in self._until_started(seconds):
            if ended := state.get("terminated"):
                if ended.get("exitCode") == 0:
                    return
                raise self.recorder_error()
        raise self.trouble or self._too_slow("end", seconds)

    def _until_started(self, seconds: float) -> Iterator[Object]:
        """The states of the container. Raises NoImage, PodDidNotStart for what it cannot start with."""
        for pod in self.states(seconds):
            if not pod:
                raise PodDidNotStart(f"the recorder's pod {self._name()} was deleted while it started")
            state = container_state(pod)
            if not ("running" in state or "terminated" in state) and (error := self._stuck(pod, state)):
                raise error
            yield state

    def _too_slow(self, what: str, seconds: float) -> PodDidNotStart:
        reason = printable(str((container_state(self.last).get("waiting") or {}).get("reason", "no state")))
        return PodDidNotStart(
            f"the recorder's pod {self._name()} did not {what} within {seconds:.0f} s ({reason}): "
            f"look at node {self._node()} and its kubelet"
        )

    def remove(self, seconds: float = _GONE_SECONDS) -> str:
        """Deletes the pod and waits until it is gone: "", or one line that says how to do it by hand.

        It takes about `seconds` at most.
        """
        patience = Patience(seconds)
        try:
            self._delete(patience)
        except AuditError as error:
            return self._left(f"could not be deleted: {error}")
        try:
            if self.wait_gone(max(patience.left, _LOOK_SECONDS)):
                return ""
            unseen = self.trouble
        except AuditError as error:  # who may delete may not watch
            unseen = error
        if unseen:
            return self._left(f"was deleted, and whether it is gone cannot be seen: {unseen}")
        return self._left(f"could not be deleted: it is still there after {seconds:.0f} s")

    def _left(self, why: str) -> str:
        by_hand = f"kubectl -n {printable(self.namespace)} delete pod {self.name}"
        return f"pod {self._name()} {why}; run {by_hand}"

    def _delete(self, patience: Patience) -> None:
        self._is_stale = True
        while True:
            try:
                self._api.delete(self.path, {"gracePeriodSeconds": 0})
                return
            except NotFound:
                return
            except (Unreachable, ApiError) as error:
                if not patience.wait(error):
                    raise

    def wait_gone(self, seconds: float) -> bool:
        """Whether the pod is gone from the API within that time."""
        return any(not pod for pod in self.states(seconds))

    def recorder_error(self) -> AuditError:
        """Why the recorder's container has ended, by its exit code and its own words."""
        if not self.last:
            return PodDidNotStart(f"the recorder's pod {self._name()} was deleted by somebody else")
        ended = container_state(self.last).get("terminated") or {}
        status = self.last.get("status") or {}
        if status.get("reason"):  # Evicted, DeadlineExceeded, NodeLost …
            message = f"{status['reason']}: {status.get('message', '')}"
            return PodDidNotStart(f"the recorder's pod {self._name()} was ended by its node: {printable(message)}")
        if ended.get("reason") in _NO_PROGRAM and _NO_CAPABILITIES in str(ended.get("message")):
            return PodDidNotStart(
                f"node {self._node()} does not give the recorder the capabilities of --least-privilege: "
                f"{printable(ended.get('message'))}; record without --least-privilege"
            )
        if ended.get("reason") in _NO_PROGRAM:
            return PodDidNotStart(f"the image {self._image()} is no recorder: {printable(ended.get('message'))}")
        if ended.get("exitCode") == 0:
            return AuditError(f"the recorder on node {self._node()} ended before its log was fetched")
        text = str(ended.get("message") or "")
        if "error: " not in text:
            text = self._log() or text
        if ended.get("reason") == "OOMKilled":
            return AuditError(f"the recorder on {self._node()} used more memory than it may and was ended")
        return of_recorder(ended.get("exitCode"), text, f"on node {self._node()}")

    def _log(self) -> str:
        try:
            return self._api.text(f"{self.path}/log", container=CONTAINER, tailLines="50", limitBytes="65536")
        except (ApiError, AuditError):
            return ""

    def _stuck(self, pod: Object, state: Object) -> AuditError | None:
        """What the pod has failed with before its container ran, if it has."""
        status = pod.get("status") or {}
        if status.get("phase") == "Failed":
            reason = printable(f"{status.get('reason', 'Failed')}: {status.get('message', 'no reason given')}")
            kind = NoRoom if status.get("reason") in _NO_ROOM else PodDidNotStart
            remedy = _REMEDIES.get(str(status.get("reason")), "")
            return kind(f"node {self._node()} refused the recorder's pod: {reason}{remedy}")
        waiting = state.get("waiting") or {}
        reason, message = str(waiting.get("reason", "")), printable(str(waiting.get("message", "")))
        if reason in _NO_IMAGE:
            return NoImage(
                f"the image {self._image()} cannot be pulled on node {self._node()}: {reason}: {message}; "
                "name one that the node can reach with --image"
            )
        if reason in _NO_START:
            return PodDidNotStart(f"the recorder's container cannot start on {self._node()}: {reason}: {message}")
        return None

    def _name(self) -> str:
        return f"{printable(self.namespace)}/{self.name}"

    def _image(self) -> str:
        containers = (self.last.get("spec") or {}).get("containers") or [{}]
        return printable(str(containers[0].get("image", "")))

    def _node(self) -> str:
        return printable(str((self.last.get("spec") or {}).get("nodeName", "?")))


def container_state(pod: Object) -> Object:
    """The state of the recorder's container: {"running": …} and so on, {} before there is one."""
    for status in (pod.get("status") or {}).get("containerStatuses") or []:
        if status.get("name") == CONTAINER:
            state: Object = status.get("state") or {}
            return state
    return {}


def ended(pod: Object) -> bool:
    """Whether the recorder's container has ended or will never run, or its pod is gone."""
    # A node that evicts or refuses a pod may leave it without any state of its containers.
    return not pod or "terminated" in container_state(pod) or (pod.get("status") or {}).get("phase") in FINISHED
