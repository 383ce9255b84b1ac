"""A request that enters a container, as the API server's audit log tells it. Times are ns since 1970-01-01 UTC."""

from dataclasses import dataclass

EXEC, ATTACH, DEBUG = "exec", "attach", "debug"
"""`kubectl exec`, `kubectl attach`, and what `kubectl debug` does to a pod (its ephemeralcontainers)."""

KINDS = {"exec": EXEC, "attach": ATTACH, "ephemeralcontainers": DEBUG}
"""By the subresource of pods."""


@dataclass(frozen=True)
class Person:
    """Who asked. `impersonator` is who really logged in, if that one acted as `user`.

    `extra` is what the authenticator knows besides, such as the ARN of an EKS user.
    """

    user: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    impersonator: str = ""
    source_ips: tuple[str, ...] = ()
    user_agent: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def name(self) -> str:
        """The user, and who acted as that user if somebody did."""
        user = self.user or "(no name)"
        return f"{user} (impersonated by {self.impersonator})" if self.impersonator else user


@dataclass(frozen=True)
class Seen:
    """What one event of an audit log says. Empty, None or 0 is what it does not say.

    `stage` is the API server's: RequestReceived, ResponseStarted (the session begins), ResponseComplete (it has
    ended), Panic; empty if the log names none. `code` is the HTTP status; an exec that was let in has 101 or 200.
    """

    audit_id: str
    kind: str
    namespace: str
    pod: str
    container: str
    command: tuple[bytes, ...] | None
    tty: bool | None
    person: Person
    stage: str
    time: int
    received: int
    code: int
    instance: int = 0
    """Of what tells apart two requests of the same ID, which a client may choose: when it was received, if all
    events of one request say the same of that."""

    @property
    def key(self) -> tuple[object, ...]:
        """The same for all events of one request."""
        return (self.audit_id, self.instance, self.kind, self.namespace, self.pod, self.person.name)


@dataclass
class Request:
    """All that the audit log says of one request."""

    audit_id: str
    kind: str
    namespace: str
    pod: str
    container: str
    command: tuple[bytes, ...] | None
    tty: bool | None
    person: Person
    received: int
    started: int | None = None
    ended: int | None = None
    code: int = 0

    @property
    def refused(self) -> bool:
        """Whether the API server, or the node, did not let it in."""
        return self.code >= 400

    def take(self, seen: Seen) -> None:
        """Adds what another event says of it."""
        self.received = min(self.received, seen.received)
        self.code = max(self.code, seen.code)
        self.container = self.container or seen.container
        self.command = self.command if self.command is not None else seen.command
        if seen.stage == "ResponseStarted":
            self.started = seen.time
        elif seen.stage in ("ResponseComplete", "Panic"):
            self.ended = seen.time


def first(seen: Seen) -> Request:
    """The request of which this is the first event that was read."""
    made = Request(
        seen.audit_id,
        seen.kind,
        seen.namespace,
        seen.pod,
        seen.container,
        seen.command,
        seen.tty,
        seen.person,
        seen.received,
    )
    made.take(seen)
    return made
