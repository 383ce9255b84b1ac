"""The recorder in a pod on a node, and its log through an exec websocket."""

import contextlib
import re
import select
import time

from kubectl_ebpfaudit.carrier import Interruptible, Slow, serve_arguments
from kubectl_ebpfaudit.cluster import pod as pods
from kubectl_ebpfaudit.cluster import recorders
from kubectl_ebpfaudit.cluster.api import Api
from kubectl_ebpfaudit.cluster.errors import ApiError, Forbidden, NoRoom, PodDidNotStart, Unreachable
from kubectl_ebpfaudit.cluster.exec import STDERR, STDOUT, Dropped, ExecStream
from kubectl_ebpfaudit.cluster.objects import Object
from kubectl_ebpfaudit.cluster.retry import Retry
from kubectl_ebpfaudit.cluster.state import PodWatch, ended
from kubectl_ebpfaudit.failures import of_recorder
from recorder.log.errors import AuditError, Fetched, OtherProtocol
from replay.escape import printable

_STDERR_BYTES = 4096
_GONE_SECONDS = 20.0
_BEHIND = re.compile(rb"^behind (\d{1,20})\n", re.M)


class PodCarrier:
    """A connection that drops is made again at the byte where it ended, as long as the pod may live.

    `manifest` is that of the recorder's pod; `exists`: it runs already, and `offset` bytes of its log are here.
    """

    def __init__(self, api: Api, manifest: Object, exists: bool = False, offset: int = 0) -> None:
        self._api, self._manifest = api, manifest
        metadata, spec = manifest["metadata"], manifest["spec"]
        self.name, self.node = str(metadata["name"]), str(spec.get("nodeName", ""))
        self._namespace = str(metadata["namespace"])
        self._pod = PodWatch(api, self._namespace, self.name, manifest if exists else None)
        self._created = self._found = exists
        self._is_cancelled = False
        self._stream: ExecStream | None = None
        self._received = offset
        self._failure: AuditError | None = None
        self.is_dead = False
        self.behind = 0
        self.trouble = ""
        self._retry = Retry(float(spec.get("activeDeadlineSeconds") or pods.DEFAULT_SECONDS))
        self._connected_at = 0.0
        self._got_nothing = False
        self._stderr = b""
        self._standing: dict[bytes, None] = {}

    @property
    def away(self) -> float:
        return 0.0 if self._stream else self._retry.away_seconds

    def create(self, interruptible: Interruptible) -> None:
        """Asks for the pod, and does not wait for it. Raises AuditError."""
        with interruptible():
            pass  # from here on a pod may be created, which must not be cut short
        if self._created or self._is_cancelled:
            return
        self._created = True  # also an attempt without an answer may have made it
        try:
            self._pod.last = recorders.create(self._api, self._manifest, lambda: self._heed(interruptible))
        except ApiError as error:
            self._created = not error.has_refused
            raise

    def start(self, interruptible: Interruptible, slow: Slow | None = None) -> None:
        self.create(interruptible)
        try:
            self._wait_running(interruptible, slow)
        except NoRoom:
            if self._found or self._pod.remove(_GONE_SECONDS):
                raise
            self._create_unreserved(slow)
            self._wait_running(interruptible, slow)
        with interruptible():
            self._connect_first()

    def _wait_running(self, interruptible: Interruptible, slow: Slow | None) -> None:
        self._heed(interruptible)
        with interruptible():
            if not (self._found and ended(self._pod.last)):
                self._pod.wait_running(pods.START_SECONDS, slow)

    def _heed(self, interruptible: Interruptible) -> None:
        """Raises what ends a start that was given up, before there is a pod."""
        with interruptible():
            if self._is_cancelled:
                raise PodDidNotStart(f"the recorder on node {printable(self.node)} was given up while it started")

    def _create_unreserved(self, slow: Slow | None) -> None:
        """A pod in the place of one for which the node has no room, which is gone."""
        if slow:
            slow(f"Node {printable(self.node)} has no CPU or memory left to reserve: the recorder starts without …")
        self._pod.last = recorders.create(self._api, pods.unreserved(self._manifest))

    def cancel(self) -> bool:
        self._is_cancelled = True
        if self._created and not self._found:
            with contextlib.suppress(AuditError):  # `close` deletes it, too, and tells
                self._api.delete(self._pod.path, {"gracePeriodSeconds": 0})
        return not self._found

    def _connect_first(self) -> None:
        """As any other attempt, but that what is forbidden will stay so. Raises Forbidden."""
        self._retry.attempt()
        try:
            self._connect()
        except Forbidden:
            raise
        except (Unreachable, ApiError):
            self._drop()

    def _connect(self) -> None:
        """Raises AuditError if it cannot."""
        command = [pods.PROGRAM, *serve_arguments(pods.SPOOL, self._received), "--report"]
        self._stream = ExecStream(self._api, self._namespace, self.name, pods.CONTAINER, command)
        self._connected_at, self._got_nothing = time.monotonic(), True
        self.trouble = ""
        for line in self._standing:
            self._stream.send(line)

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
        if channel == STDOUT and data:  # the API server begins each channel with an empty frame, whatever follows
            self._received += len(data)
            self._got_nothing = False
            self._retry.works()
            return data
        if channel == STDERR:
            self._stderr = (self._stderr + data)[-_STDERR_BYTES:]
            for size in _BEHIND.findall(self._stderr):
                self.behind = int(size)
            self._stderr = _BEHIND.sub(b"", self._stderr)
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
            if expired or self._got_nothing:
                self._look()
            if not self._failure:
                self._connect()
        except Unreachable as error:
            self.trouble = printable(str(error))
            self._failure = error if expired else None
        except ApiError as error:
            self.trouble = printable(str(error))
            self._got_nothing = True  # the next attempt begins with a look at what has become of the pod
        return True

    def _look(self) -> None:
        """Finds out why nothing comes."""
        if ended(self._pod.refresh()):
            self._failure, self.is_dead = self._pod.recorder_error(), True
        elif self._retry.expired or self._refuses():
            text = self._stderr.decode(errors="replace")
            code = Fetched.exit_code if b"fetched by" in self._stderr else OtherProtocol.exit_code
            self._failure = of_recorder(code if self._refuses() else None, text, f"on node {printable(self.node)}")

    def _refuses(self) -> bool:
        """Whether the recorder has said that it will never serve this client."""
        return b"error: " in self._stderr and any(word in self._stderr for word in (b"speaks protocol", b"fetched by"))

    def tell(self, line: bytes) -> None:
        self._standing[line] = None
        self._send(line)

    def acknowledge(self, offset: int) -> None:
        self._send(b"ack %d\n" % offset)

    def _send(self, line: bytes) -> None:
        if self._stream:
            try:
                self._stream.send(line)
            except Dropped:
                self._drop()

    def failure(self) -> AuditError:
        return self._failure or AuditError("the recorder ended and said no reason")

    def leave(self) -> None:
        stream, self._stream = self._stream, None
        if stream:
            stream.close()

    def close(self, whole: bool) -> str:
        self.leave()
        # What was found running, and has more to give, is somebody's evidence: it ends by itself.
        if not self._created or (self._found and not whole and not self.is_dead):
            return ""
        self._created = False
        return self._pod.remove(_GONE_SECONDS)
