"""Which proxy leads to the API server, decided once for requests and exec sessions alike.

As kubectl decides it: the proxy-url of the kubeconfig always; else HTTPS_PROXY or HTTP_PROXY, by the scheme of
the server, unless NO_PROXY has the host or it is this machine (Go's golang.org/x/net/http/httpproxy).
"""

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from kubectl_ebpfaudit.cluster.errors import NoContext
from replay.escape import printable

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy. `shown` has no password."""

    host: str
    port: int
    user: str = ""
    password: str = ""

    @property
    def url(self) -> str:
        return f"http://{self.shown}"

    @property
    def shown(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """What tells the proxy who asks."""
        if not self.user:
            return {}
        both = f"{self.user}:{self.password}".encode()
        return {"Proxy-Authorization": f"Basic {base64.b64encode(both).decode()}"}


def choose(server: str, of_context: str | None, environment: Mapping[str, str]) -> Proxy | None:
    """The proxy for a server's URL; None: it is reached directly. Raises NoContext for one that cannot be used."""
    if of_context:
        return _parse(str(of_context), "proxy-url of the kubeconfig")
    parts = urlsplit(server)
    name = f"{parts.scheme}_proxy"
    found = next((n for n in (name.upper(), name) if environment.get(n)), None)
    host = parts.hostname or ""
    if found is None or _is_here(host):
        return None
    excluded = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    if any(_matches(rule.strip().lower(), host, parts.port or _PORTS[parts.scheme]) for rule in excluded.split(",")):
        return None
    return _parse(environment[found], found)


def _parse(url: str, source: str) -> Proxy:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        raise NoContext(f"the {source} is no URL of a proxy: write it like http://HOST:PORT")
    if parts.scheme != "http":
        raise NoContext(
            f"the {source} is for a proxy of the kind {printable(parts.scheme)}: only http:// is supported "
            "(what goes through it is encrypted up to the API server all the same)"
        )
    return Proxy(host, port or 80, unquote(parts.username or ""), unquote(parts.password or ""))


def _is_here(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _matches(rule: str, host: str, port: int) -> bool:
    if rule == "*":
        return True
    name, colon, of_port = rule.rpartition(":")
    if colon and of_port.isdecimal() and (":" not in name or name.endswith("]")):
        if int(of_port) != port:
            return False
        rule = name
    rule = rule.strip("[]")
    if not rule:
        return False
    if (address := _address(host)) is not None:
        try:
            return address in ipaddress.ip_network(rule, strict=False)
        except ValueError:
            return False
    suffix = rule.removeprefix("*")
    return host.endswith(suffix) if suffix.startswith(".") else host == rule or host.endswith(f".{rule}")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
