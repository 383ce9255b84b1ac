"""An event of the API server (audit.k8s.io/v1), of https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/"""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from replay.who.request import DEBUG, KINDS, Person, Seen
from replay.who.values import integer, mapping, moment, string, strings

_MAX_ARGUMENTS = 1 << 16
_MAX_URI = 4 << 20
_MAX_EXTRA = 32


def is_event(value: dict[str, Any]) -> bool:
    """Whether this is an event of an audit log, of whatever request."""
    return "auditID" in value and "stage" in value


def time_of(event: dict[str, Any]) -> int:
    """When it reached its stage, ns since 1970-01-01 UTC; 0 if it does not say so."""
    return moment(event.get("stageTimestamp")) or moment(event.get("requestReceivedTimestamp"))


def seen(event: dict[str, Any]) -> Seen | None:
    """What it says of a request that enters a container; None if it is about another one."""
    about = mapping(event.get("objectRef"))
    kind = KINDS.get(string(about.get("subresource")))
    if not kind or about.get("resource") != "pods" or about.get("apiGroup"):
        return None
    time = time_of(event)
    received = moment(event.get("requestReceivedTimestamp"))
    container, command, tty = _asked(event.get("requestURI"))
    return Seen(
        audit_id=string(event.get("auditID")),
        kind=kind,
        namespace=string(about.get("namespace")),
        pod=string(about.get("name")),
        container=container or (_debugger(event) if kind == DEBUG else ""),
        command=command,
        tty=tty,
        person=person(event),
        stage=string(event.get("stage")),
        time=time,
        received=received or time,
        code=integer(mapping(event.get("responseStatus")).get("code")),
        instance=received,
    )


def person(event: dict[str, Any]) -> Person:
    """Who asked: who was impersonated, if somebody was."""
    login, acted_as = mapping(event.get("user")), mapping(event.get("impersonatedUser"))
    who = acted_as or login
    extra = mapping(login.get("extra"))
    return Person(
        user=string(who.get("username")),
        groups=strings(who.get("groups")),
        uid=string(who.get("uid")),
        impersonator=string(login.get("username")) if acted_as else "",
        source_ips=strings(event.get("sourceIPs")),
        user_agent=string(event.get("userAgent")),
        extra=tuple((string(key), strings(extra[key])) for key in list(extra)[:_MAX_EXTRA]),
    )


def _asked(uri: Any) -> tuple[str, tuple[bytes, ...] | None, bool | None]:
    """(container, command, whether with a terminal) as the query of the URI has it."""
    if not isinstance(uri, str) or len(uri) > _MAX_URI:
        return "", None, None
    try:
        query = urlsplit(uri).query
        pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape", max_num_fields=_MAX_ARGUMENTS)
    except ValueError:
        return "", None, None
    if not pairs:
        return "", None, None
    named = dict(pairs)
    command = tuple(value.encode("utf-8", "surrogateescape") for key, value in pairs if key == "command")
    return string(named.get("container")), command or None, named.get("tty", "").lower() in ("true", "1")


def _debugger(event: dict[str, Any]) -> str:
    """The ephemeral container that the request adds, which only the levels Request and RequestResponse name."""
    spec = mapping(mapping(event.get("requestObject")).get("spec"))
    containers = spec.get("ephemeralContainers")
    return string(mapping(containers[-1]).get("name")) if isinstance(containers, list) and containers else ""
