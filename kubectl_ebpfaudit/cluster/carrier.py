"""The recorder in a pod on the target's node, and its log through an exec websocket."""

import select
import time

from kubectl_ebpfaudit.carrier import IDLE_CLIENT_SECONDS, Interruptible, Order
from kubectl_ebpfaudit.cluster import pod as pods
from kubectl_ebpfaudit.cluster.api import Api
from kubectl_ebpfaudit.cluster.errors import ApiError, Forbidden, NotFound, Unreachable
from kubectl_ebpfaudit.cluster.exec import STDERR, STDOUT, Dropped, ExecStream
from kubectl_ebpfaudit.cluster.retry import Retry
from kubectl_ebpfaudit.cluster.state import PodWatch, ended
from kubectl_ebpfaudit.failures import of_recorder
from recorder.log.errors import AuditError
from replay.escape import printable

_STOP = b"stop\n"
_STDERR_BYTES = 4096
_GONE_SECONDS = 20.0


class PodCarrier:
    """A connection that drops is made again at the byte where it ended, as long as the recorder waits."""

    def __init__(self, api: Api, place: pods.Place, order: Order) -> None:
        self._api, self._place, self._order = api, place, order
        self._pod = PodWatch(api, place.namespace, pods.new_name())
        self._created = False
        self._stream: ExecStream | None = None
        self._received = 0
        self._stopping = False
        self._failure: AuditError | None = None
        self._retry = Retry(IDLE_CLIENT_SECONDS)
        self._connected_at = 0.0
        self._stderr = b""

    def start(self, interruptible: Interruptible) -> None:
        with interruptible():
            pass  # from here on a pod may be created, which must not be cut short
        self._create()
        with interruptible():
            self._pod.wait_running(pods.START_SECONDS)
            self._connect_first()

    def _connect_first(self) -> None:
        """As any other attempt, but that what is forbidden will stay so. Raises Forbidden."""
        self._retry.attempt()
        try:
            self._connect()
        except Forbidden:
            raise
        except (Unreachable, ApiError):
            self._drop()

    def _create(self) -> None:
        manifest = pods.manifest(self._pod.name, self._place, self._order)
        path = f"/api/v1/namespaces/{self._place.namespace}/pods"
        self._created = True  # also an attempt without an answer may have made it
        try:
            try:
                self._pod.last = self._api.create(path, manifest)
            except NotFound as error:
                if error.kind != "namespaces":
                    raise
                self._create_namespace()
                self._pod.last = self._api.create(path, manifest)
        except ApiError:
            self._created = False
            raise

    def _create_namespace(self) -> None:
        try:
            self._api.create("/api/v1/namespaces", pods.namespace(self._place.namespace))
        except ApiError as error:
            if error.status != 409:  # somebody else has just made it
                raise

    def _connect(self) -> None:
        """Raises AuditError if it cannot."""
        command = [pods.PROGRAM, "serve", "--spool", pods.SPOOL, "--from", str(self._received)]
        self._stream = ExecStream(self._api, self._place.namespace, self._pod.name, pods.CONTAINER, command)
        self._connected_at = time.monotonic()
        if self._stopping:
            self._stream.send(_STOP)

    def read(self, wake: int, seconds: float) -> bytes | None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self._failure:
                return b""
            try:
                if self._stream is None:
                    if not self._reconnect(wake, left):
                        return None
                elif not self._stream.wait(wake, left):
                    return None
                elif data := self._next():
                    return data
            except Dropped:
                self._drop()
        return None

    def _next(self) -> bytes:
        """Bytes of the log, if the next frame holds any."""
        assert self._stream
        channel, data = self._stream.receive()
        if channel == STDOUT:
            self._received += len(data)
            self._retry.works()
            return data
        if channel == STDERR:
            self._stderr = (self._stderr + data)[-_STDERR_BYTES:]
        return b""

    def _drop(self) -> None:
        """The websocket has ended: because the recorder has, or on its way here."""
        if self._stream:
            self._stream.close()
            self._stream = None
            self._retry.dropped(time.monotonic() - self._connected_at)

    def _reconnect(self, wake: int, seconds: float) -> bool:
        """Tries once it is time; False if `wake` is readable, or it was not time within `seconds`."""
        due_in = self._retry.due_in
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        if poll.poll(1000 * min(seconds, due_in)) or due_in > seconds:
            return False
        expired = self._retry.expired
        self._retry.attempt()
        try:
            if ended(self._pod.refresh()):
                self._failure = self._pod.recorder_error()
            elif expired:
                text = self._stderr.decode(errors="replace")
                self._failure = of_recorder(None, text, f"on node {printable(self._place.node)}")
            else:
                self._connect()
        except (Unreachable, ApiError) as error:
            if expired:
                self._failure = error
        return True

    def stop(self) -> None:
        self._stopping = True
        if self._stream:
            try:
                self._stream.send(_STOP)
            except Dropped:
                self._drop()

    def failure(self) -> AuditError:
        return self._failure or AuditError("the recorder ended and said no reason")

    def close(self, whole: bool) -> str:
        if self._stream:
            self._stream.close()
            self._stream = None
        if not self._created:
            return ""
        self._created = False
        try:
            self._api.delete(self._pod.path, {"gracePeriodSeconds": 0})
            if not self._pod.refresh() or self._pod.wait_gone(_GONE_SECONDS):
                return ""
            reason = f"it is still there after {_GONE_SECONDS:.0f} s"
        except NotFound:
            return ""
        except AuditError as error:
            reason = str(error)
        namespace, name = printable(self._place.namespace), self._pod.name
        by_hand = f"kubectl -n {namespace} delete pod {name}"
        return f"pod {namespace}/{name} could not be deleted: {reason}; run {by_hand}"
