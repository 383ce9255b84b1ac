"""How the API server is reached, requests and exec sessions alike: TLS, and the connections that are kept open."""

import os
import socket
import ssl
from functools import cached_property
from typing import Any

import urllib3

from kubectl_ebpfaudit.cluster.proxy import Proxy

# A network that is gone, or a laptop that was asleep, is noticed within 14 s. Not every system has every option.
_KEEP_ALIVE = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)] + [
    (socket.IPPROTO_TCP, getattr(socket, name), value)
    for name, value in (("TCP_KEEPIDLE", 5), ("TCP_KEEPALIVE", 5), ("TCP_KEEPINTVL", 3), ("TCP_KEEPCNT", 3))
    if hasattr(socket, name)
]


class Transport:
    """With the certificates in the files of `configuration` (of the kubernetes package) now. For any thread."""

    def __init__(self, configuration: Any, proxy: Proxy | None) -> None:
        self._configuration, self._proxy = configuration, proxy
        self._made_of = self._stamps()

    @property
    def is_outdated(self) -> bool:
        """Whether somebody has renewed the files: certificates of a user may be good for minutes."""
        return self._made_of != self._stamps()

    def _stamps(self) -> list[tuple[int, int] | None]:
        files = (self._configuration.ssl_ca_cert, self._configuration.cert_file, self._configuration.key_file)
        return [_stamp(file) if file else None for file in files]

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Checks the server's certificate and name, and has the client's. Raises OSError for files it cannot use."""
        configuration = self._configuration
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert or None)
        # Python 3.13 made strict what kubectl (Go) is not: authorities without a key identifier, as EKS has them,
        # would be refused. https://github.com/kubernetes-client/python/issues/2394
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if configuration.cert_file:
            context.load_cert_chain(configuration.cert_file, configuration.key_file or None, _no_password)
        if not configuration.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    @cached_property
    def pool(self) -> urllib3.PoolManager:
        """Connections for requests. Raises OSError as `tls` does."""
        options: dict[str, Any] = {
            "retries": False,
            "maxsize": self._configuration.connection_pool_maxsize,
            "socket_options": _KEEP_ALIVE,
        }
        if self._configuration.host.startswith("https:"):
            options["ssl_context"] = self.tls
            options["server_hostname"] = self._configuration.tls_server_name or None
        if self._proxy:
            return urllib3.ProxyManager(self._proxy.url, proxy_headers=self._proxy.headers, **options)
        return urllib3.PoolManager(**options)


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _no_password() -> str:
    """Asked for, when the client's key is encrypted; without it, OpenSSL would ask on the terminal."""
    raise OSError("the client's key is encrypted, which kubectl cannot use either")
