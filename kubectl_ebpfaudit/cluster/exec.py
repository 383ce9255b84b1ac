"""An exec session in a pod over a websocket, read frame by frame.

The first byte of each frame is its channel: 0 stdin, 1 stdout, 2 stderr, 3 the final v1.Status, and with
version 5 of the protocol 255, which closes another (k8s.io/apimachinery/pkg/util/remotecommand/constants.go).
The reader of the kubernetes package keeps and joins all that ever came; this one keeps nothing.
"""

import contextlib
import http.client
import select
import socket
import ssl
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

import websocket

from kubectl_ebpfaudit.cluster.api import Api
from kubectl_ebpfaudit.cluster.errors import of_response
from recorder.log.errors import AuditError

STDIN, STDOUT, STDERR, STATUS = 0, 1, 2, 3
_PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"]
_TCP_OPTIONS = {"TCP_NODELAY": 1, "TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 3, "TCP_KEEPCNT": 3}
_PING_SECONDS = 4.0
_DEAD_SECONDS = 12.0
"""Heard nothing for so long, not even an answer to a ping: the connection is dead."""


_OPCODE = 4  # of the header that websocket's frame_buffer keeps


class Dropped(AuditError):
    """The connection is gone, and the command may still run."""


class ExecStream:
    """A command that runs in a container. Raises Unreachable or an ApiError if it cannot be started."""

    def __init__(self, api: Api, namespace: str, pod: str, container: str, command: list[str]) -> None:
        query = [("container", container), ("stdin", "true"), ("stdout", "true"), ("stderr", "true")]
        query += [("command", word) for word in command]
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/exec?{urlencode(query)}"
        self._socket: Any = websocket.WebSocket(enable_multithread=False, skip_utf8_validation=True)
        try:
            self._connect(api, path)
        except websocket.WebSocketBadStatusException as error:
            if not (error.status_code == 401 and api.reject()):
                raise of_response(error.status_code, error.resp_body or b"") from error
            try:
                self._connect(api, path)
            except websocket.WebSocketBadStatusException as again:
                raise of_response(again.status_code, again.resp_body or b"") from again
        self._socket.settimeout(_DEAD_SECONDS)  # also in the middle of a frame
        self._broken = ""
        self._heard = self._pinged = time.monotonic()

    def _connect(self, api: Api, path: str) -> None:
        """Raises Unreachable, or WebSocketBadStatusException for an answer that is no websocket."""
        headers = api.headers()
        url = api.configuration.host.replace("http", "ws", 1) + path  # https -> wss
        api.trace.request("GET", url, headers, None)
        begun = time.monotonic()
        try:
            self._socket.connect(
                url,
                header=[f"{name}: {value}" for name, value in headers],
                subprotocols=_PROTOCOLS,
                suppress_origin=True,
                redirect_limit=0,
                socket=_open(api),
            )
        except websocket.WebSocketBadStatusException:
            raise
        except (websocket.WebSocketException, http.client.HTTPException, OSError) as error:
            raise api.unreachable(error) from error
        finally:
            api.trace.response("GET", url, self._socket.status or 0, time.monotonic() - begun)

    def wait(self, wake: int, seconds: float) -> bool:
        """Whether `receive` will not block; False if `wake` is readable, or nothing came within `seconds`.

        `wake` may be -1: nobody.

        Raises Dropped if the other side is dead.
        """
        raw = self._socket.sock
        if self._broken or raw is None:
            raise Dropped(self._broken or "the connection is closed")
        if isinstance(raw, ssl.SSLSocket) and raw.pending():
            return True
        deadline = time.monotonic() + seconds
        poll = select.poll()
        poll.register(raw, select.POLLIN)
        if wake >= 0:
            poll.register(wake, select.POLLIN)
        while (now := time.monotonic()) < deadline:
            ready = [fd for fd, _ in poll.poll(1000 * min(_PING_SECONDS, deadline - now))]
            if raw.fileno() in ready:
                return True
            if ready:
                return False
            self._ping()
        return False

    def _ping(self) -> None:
        now = time.monotonic()
        if now - self._heard > _DEAD_SECONDS:
            raise Dropped("the connection is dead")
        if now - self._pinged >= _PING_SECONDS - 1:
            self._pinged = now
            try:
                self._socket.ping()
            except (websocket.WebSocketException, OSError) as error:
                raise Dropped(str(error)) from error

    def receive(self) -> tuple[int, bytes]:
        """(channel, data) of the next frame; channel -1 if it carries none. Raises Dropped at the end.

        Of a frame that the connection broke in, what has come.
        """
        try:
            opcode, frame = self._socket.recv_data_frame(True)
        except (websocket.WebSocketException, OSError) as error:
            self._broken = str(error) or "the connection broke"
            if begun := self._begun():
                return begun[0], begun[1:]
            raise Dropped(self._broken) from error
        self._heard = time.monotonic()
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            raise Dropped("the other side closed the connection")
        data: Any = frame.data if frame is not None else b""
        if opcode not in (websocket.ABNF.OPCODE_BINARY, websocket.ABNF.OPCODE_TEXT) or not data:
            return -1, b""
        return data[0], data[1:]

    def _begun(self) -> bytes:
        """What has come of a frame that is not whole: a connection that always breaks early gets on all the same."""
        frame = self._socket.frame_buffer
        if frame.length is None or frame.header[_OPCODE] != websocket.ABNF.OPCODE_BINARY:
            return b""
        return b"".join(frame.recv_buffer)

    def send(self, data: bytes) -> None:
        """Writes to the command's stdin. Raises Dropped."""
        try:
            self._socket.send_binary(bytes([STDIN]) + data)
        except (websocket.WebSocketException, OSError) as error:
            raise Dropped(str(error)) from error

    def close(self) -> None:
        with contextlib.suppress(websocket.WebSocketException, OSError):
            self._socket.shutdown()


def _open(api: Api) -> socket.socket:
    """A connection to the API server, through the proxy if there is one, with TLS. Raises OSError, HTTPException.

    The websocket library would take proxies from the environment by rules of its own.
    """
    server = urlsplit(api.configuration.host)
    host, port = server.hostname or "", server.port or (443 if server.scheme == "https" else 80)
    if api.proxy:
        tunnel = http.client.HTTPConnection(api.proxy.host, api.proxy.port, timeout=api.timeout)
        tunnel.set_tunnel(host, port, api.proxy.headers)
        tunnel.connect()
        raw: socket.socket = tunnel.sock
    else:
        raw = socket.create_connection((host, port), api.timeout)
    try:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _TCP_OPTIONS.items():
            if hasattr(socket, name):  # not every system has all
                raw.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        if server.scheme != "https":
            return raw
        return api.tls.wrap_socket(raw, server_hostname=api.configuration.tls_server_name or host)
    except BaseException:
        raw.close()
        raise
