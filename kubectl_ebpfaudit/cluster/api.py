"""The Kubernetes API, as little of it as is needed: objects are plain dicts."""

import json
import math
import os
import ssl
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import urllib3

from kubectl_ebpfaudit import __version__
from kubectl_ebpfaudit.cluster.access import Access
from kubectl_ebpfaudit.cluster.credentials import CertificateFiles, Credentials, Source
from kubectl_ebpfaudit.cluster.errors import NoCredentials, Unreachable, of_response
from kubectl_ebpfaudit.cluster.objects import Object, parse
from kubectl_ebpfaudit.cluster.patience import REPEATS, pause_asked_for
from kubectl_ebpfaudit.cluster.proxy import Proxy
from kubectl_ebpfaudit.cluster.proxy import choose as choose_proxy
from kubectl_ebpfaudit.cluster.trace import Trace
from kubectl_ebpfaudit.cluster.transport import Transport
from kubectl_ebpfaudit.cluster.watch import Watch
from replay.escape import printable

_MAX_ERROR_BYTES = 1 << 16
_WATCH_CONNECT_SECONDS = 10.0
"""A watch is begun again and again: what matters is to know soon that the server is away."""

_BROKEN = (urllib3.exceptions.HTTPError, OSError)
"""What there is instead of an answer; OSError also for certificates that cannot be used."""


class Api:
    """A connection to an API server. `context` and `namespace` are those of the kubeconfig. For any thread.

    Every method raises Unreachable, or what `errors.of_response` makes of an answer.
    """

    def __init__(
        self,
        configuration: Any,
        access: Access,
        context: str,
        namespace: str,
        proxy_url: str | None = None,
        source: Source | None = None,
        user: Object | None = None,
    ) -> None:
        """`source` gives credentials instead of `configuration`. `user` is the user's entry in the kubeconfig.

        Raises WrongUsage, or NoContext for a proxy that cannot be used.
        """
        self.configuration = configuration
        self.context = context
        self.namespace = namespace or "default"
        self.timeout = access.timeout
        self.trace = Trace(access.verbosity)
        self.proxy: Proxy | None = choose_proxy(configuration.host, proxy_url, os.environ)
        self._impersonated = access.impersonated(user or {})
        self._source = source
        self._used = Credentials()
        self._files: CertificateFiles | None = None
        if not configuration.verify_ssl:
            warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        self._renewal = threading.Lock()
        self._last_transport = Transport(configuration, self.proxy)

    @property
    def tls(self) -> ssl.SSLContext:
        """For connections beside those of requests. Raises OSError for certificates that cannot be used."""
        return self._transport.tls

    @property
    def _transport(self) -> Transport:
        if self._last_transport.is_outdated:
            self._last_transport = Transport(self.configuration, self.proxy)
        return self._last_transport

    def headers(self) -> list[tuple[str, str]]:
        """Who asks; credentials that expire are renewed. Raises NoCredentials."""
        found = [("User-Agent", f"kubectl-ebpfaudit/{__version__}")]
        with self._renewal:
            found += self._credentials()
        return found + self._impersonated

    def _credentials(self) -> list[tuple[str, str]]:
        if self._source:
            self._use(self._source.credentials())
            return [("Authorization", f"Bearer {self._used.token}")] if self._used.token else []
        entries = self.configuration.auth_settings().values()
        found = [(e["key"], e["value"].strip()) for e in entries if e and e.get("in") == "header" and e.get("value")]
        if not all(value.isascii() and value.isprintable() for _, value in found):  # which nobody is to see
            raise NoCredentials("no credentials: the token holds what no token may: a line's end, or what is no ASCII")
        return found

    def reject(self) -> bool:
        """The API server has not accepted the credentials: whether other ones may come with the next headers."""
        if self._source is None:
            return False
        self._source.reject()
        return True

    def _use(self, credentials: Credentials) -> None:
        """Takes a certificate for all connections that are made from now on."""
        changed = (credentials.certificate, credentials.key) != (self._used.certificate, self._used.key)
        self._used = credentials
        if changed:
            self._files = CertificateFiles(credentials)
            self.configuration.cert_file, self.configuration.key_file = self._files.certificate, self._files.key
            self._last_transport = Transport(self.configuration, self.proxy)

    def get(self, path: str, **query: str) -> Object:
        return parse(self._request("GET", path, query))

    def create(self, path: str, body: Object, **query: str) -> Object:
        return parse(self._request("POST", path, query, body))

    def delete(self, path: str, options: Object) -> Object:
        return parse(self._request("DELETE", path, {}, options))

    def text(self, path: str, **query: str) -> str:
        return self._request("GET", path, query).decode(errors="replace")

    def watch(self, path: str, seconds: int, **query: str) -> Iterator[Object]:
        """The watch events of a list, for at most so many seconds."""
        with self.open_watch(path, seconds, seconds + self.timeout, **query) as watch:
            yield from watch

    def open_watch(self, path: str, seconds: int, silence: float, **query: str) -> Watch:
        """A watch of a list that the server has agreed to, and ends by itself after so many seconds.

        Hearing nothing for `silence` seconds is an error, too; with allowWatchBookmarks the server says something
        about each minute.
        """
        query = {**query, "watch": "true", "timeoutSeconds": str(max(1, seconds))}
        try:
            answer = self._send("GET", path, query, None, self.timeout, _WATCH_CONNECT_SECONDS)
            if not 200 <= answer.status <= 299:
                raise of_response(answer.status, answer.read(_MAX_ERROR_BYTES))
        except _BROKEN as error:
            raise self.unreachable(error) from error
        return Watch(answer, silence, self.unreachable)

    def unreachable(self, error: BaseException) -> Unreachable:
        """What is said when there is no answer."""
        through = f" through the proxy {printable(self.proxy.shown)}" if self.proxy else ""
        return Unreachable(
            f"the API server {printable(self.configuration.host)} cannot be reached{through}: {_reason(error)}; "
            "check the cluster, the network and --context"
        )

    def _request(self, method: str, path: str, query: Mapping[str, str], body: Object | None = None) -> bytes:
        try:
            answer = self._send(method, path, query, body, self.timeout)
            data: bytes = answer.read()
            answer.release_conn()
            self.trace.body(data)
        except _BROKEN as error:
            raise self.unreachable(error) from error
        if not 200 <= answer.status <= 299:
            raise of_response(answer.status, data)
        return data

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Object | None,
        seconds: float,
        connect: float = math.inf,
    ) -> Any:
        answer = self._send_in_turn(method, path, query, body, seconds, connect)
        if answer.status == 401 and self.reject():  # which did nothing, so that it may be sent again
            answer.drain_conn()
            answer = self._send_in_turn(method, path, query, body, seconds, connect)
        return answer

    def _send_in_turn(
        self, method: str, path: str, query: Mapping[str, str], body: Object | None, seconds: float, connect: float
    ) -> Any:
        """The answer; of a server that is too busy and says when it is not, the one that it gives then."""
        deadline = time.monotonic() + seconds
        for _ in range(REPEATS):
            answer = self._send_once(method, path, query, body, seconds, connect)
            pause = pause_asked_for(method, answer.status, answer.headers.get("Retry-After"))
            if pause is None or time.monotonic() + pause > deadline:
                return answer
            answer.drain_conn()
            time.sleep(pause)
        return self._send_once(method, path, query, body, seconds, connect)

    def _send_once(
        self, method: str, path: str, query: Mapping[str, str], body: Object | None, seconds: float, connect: float
    ) -> Any:
        headers = [*self.headers(), ("Accept", "*/*" if path.endswith("/log") else "application/json")]
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers.append(("Content-Type", "application/json"))
        url = self.configuration.host + path + (f"?{urlencode(query)}" if query else "")
        self.trace.request(method, url, headers, data)
        begun, status = time.monotonic(), 0
        try:
            answer = self._transport.pool.request(
                method,
                url,
                body=data,
                headers=urllib3.HTTPHeaderDict((name, _as_utf8(value)) for name, value in headers),
                timeout=urllib3.Timeout(connect=min(self.timeout, seconds, connect), read=seconds),
                preload_content=False,
                redirect=False,
            )
            status = answer.status
            return answer
        finally:
            self.trace.response(method, url, status, time.monotonic() - begun)


def _as_utf8(value: str) -> str:
    """What http.client, which writes headers as Latin-1, makes UTF-8 of: that is what kubectl sends."""
    return value.encode().decode("latin-1")


def _reason(error: BaseException) -> str:
    """The words of the innermost cause, without the libraries' wrapping."""
    seen = error
    while cause := getattr(seen, "reason", None) or seen.__cause__ or seen.__context__:
        if not isinstance(cause, BaseException):
            break
        seen = cause
    if isinstance(seen, ssl.SSLError):
        return printable(f"TLS: {getattr(seen, 'verify_message', '') or seen.reason or seen}")
    if isinstance(seen, TimeoutError):
        return "it does not answer in time"
    if isinstance(seen, OSError) and seen.strerror:
        return printable(seen.strerror)
    return printable(str(seen) or type(seen).__name__)
