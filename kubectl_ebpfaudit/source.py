"""From the options of `record` to its parts: which containers, and where their recorders run."""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from kubectl_ebpfaudit import local, run
from kubectl_ebpfaudit.carrier import STREAM_BYTES, Carrier, Order, Slow
from kubectl_ebpfaudit.connection import Connection
from kubectl_ebpfaudit.names import check_name, check_pull_policy
from replay.errors import WrongUsage
from replay.escape import printable

_LOCAL_CLIENT_SECONDS = 5.0
"""Nobody but this program can fetch the log of a recorder on this machine."""


@dataclass(frozen=True)
class Limits:
    """When a recording ends by itself, what it keeps, and how. Numbers but `sessions` are seconds or bytes."""

    duration: float
    sessions: int | None
    input: bool
    client_timeout: float
    spool_size: int
    probes: dict[str, list[str]] = field(default_factory=dict)
    stream_limit: int = STREAM_BYTES

    def order(self, recording: str, detached: bool = False) -> Order:
        """What a recorder is asked to do, its targets apart."""
        return Order(
            [],
            self.duration,
            self.sessions,
            self.input,
            recording=recording,
            client_seconds=None if detached else self.client_timeout,
            linger_seconds=_DETACHED_LINGER_SECONDS if detached else _LINGER_SECONDS,
            spool_bytes=self.spool_size,
            probes=self.probes,
            stream_limit=self.stream_limit,
        )


_LINGER_SECONDS, _DETACHED_LINGER_SECONDS = 600.0, 3600.0
"""How long the log of a recorder that has ended waits for a client that is away."""


class Source:
    """What is recorded. `name` is for the name of the recording, `what` for people."""

    name = what = ""
    may_span = False

    def carriers(self, slow: Slow) -> list[tuple[str, Carrier]]:
        """(node, recorder yet to be started) of what runs now. Raises AuditError; nothing is started.

        `slow` is told what has to be waited for.
        """
        raise NotImplementedError

    def carrier(self, node: str, targets: list[dict[str, Any]]) -> Carrier:
        """The recorder for one more node."""
        raise NotImplementedError

    def changes(self) -> Iterator[run.Change] | None:
        """What happens meanwhile; None if nothing can."""
        return None

    def is_over(self) -> bool:
        """Whether the time of the recording is over."""
        return False

    def ways(self, slow: Slow) -> list[tuple[str, Any]]:
        """(node, what its recorder says of the ways to watch things there) of each that something runs on now."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends `changes`."""


class LocalSource(Source):
    """A container of this machine: exactly one of the three. Raises WrongUsage, NotRoot or NoBcc."""

    def __init__(self, container: str | None, cgroup: str | None, pid: int | None, limits: Limits) -> None:
        targets: list[tuple[str, dict[str, Any]]] = []
        if container is not None:
            targets.append((f"container-{container[:12]}", {"container_id": container}))
        if cgroup is not None:
            targets.append((f"cgroup-{PurePosixPath(cgroup).name}", {"cgroup": cgroup}))
        if pid is not None:
            targets.append((f"pid-{pid}", {"pid": pid}))
        if len(targets) != 1:
            raise WrongUsage("--local needs exactly one of --container ID, --cgroup PATH and --pid PID")
        if "" in (container, cgroup):
            raise WrongUsage("--container and --cgroup need a name: an empty one names nothing")
        local.check_host()
        [(self.name, target)] = targets
        node = os.uname().nodename
        self._node = node
        self._order = Order(
            [target],
            limits.duration,
            limits.sessions,
            limits.input,
            {"name": node},
            client_seconds=_LOCAL_CLIENT_SECONDS,
            linger_seconds=_LOCAL_CLIENT_SECONDS,
            spool_bytes=limits.spool_size,
            probes=limits.probes,
            stream_limit=limits.stream_limit,
        )

    def carriers(self, slow: Slow) -> list[tuple[str, Carrier]]:
        return [(self._node, local.LocalCarrier(self._order))]

    def ways(self, slow: Slow) -> list[tuple[str, Any]]:
        return [(self._node, local.ways())]


@dataclass(frozen=True)
class PodOptions:
    """How the recorders' pods are made."""

    image: str | None = None
    image_pull_policy: str | None = None
    image_pull_secret: str | None = None
    least_privilege: bool = False
    memory_limit: int | None = None
    wait: bool = False
    detach: bool = False

    def given(self) -> list[str]:
        """The options that were given, as they are written."""
        return [f"--{name.replace('_', '-')}" for name, value in vars(self).items() if value]


@dataclass(frozen=True)
class What:
    """What is to be recorded, as it is named on the command line."""

    words: tuple[str, ...] = ()
    namespace: str | None = None
    selector: str | None = None
    all_namespaces: bool = False
    container: str | None = None

    def given(self) -> list[str]:
        """What of it was given, the container apart."""
        names = [f"the pod {printable(word)}" for word in self.words[:1]]
        options = {"--namespace": self.namespace, "-l": self.selector, "-A": self.all_namespaces}
        return names + [option for option, value in options.items() if value]


class ClusterSource(Source):
    """Containers of a cluster. Raises WrongUsage or NoContext; nothing is created."""

    def __init__(self, what: What, how: PodOptions, connection: Connection, limits: Limits) -> None:
        if not what.words and what.selector is None and not what.all_namespaces:
            raise WrongUsage(
                "name a pod to record, TYPE/NAME or -l SELECTOR, or record on this machine with --local --container ID"
            )
        check_pull_policy(how.image_pull_policy)
        if how.image_pull_secret is not None:
            check_name("secret", how.image_pull_secret)
        api = connection.api()

        from kubectl_ebpfaudit.cluster import pod, selection
        from kubectl_ebpfaudit.cluster.plan import Plan, Pods

        namespace = what.namespace or api.namespace
        chosen = selection.parse(what.words, namespace, what.selector, what.all_namespaces, what.container)
        place = pod.Place("", connection.namespace_of_recorders, **self._place(how))
        order = limits.order(str(uuid.uuid4()), how.detach)
        self._wait = how.wait
        self._plan = Plan(api, chosen, Pods(place, order, how.detach))
        self.what = chosen.describe()
        self.name = f"{chosen.namespace or 'all'}-{self.what}"
        self.may_span = chosen.may_span_nodes

    @staticmethod
    def _place(how: PodOptions) -> dict[str, Any]:
        wanted = {
            "image": how.image,
            "pull_policy": how.image_pull_policy,
            "pull_secret": how.image_pull_secret,
            "least_privilege": how.least_privilege,
            "memory": how.memory_limit,
        }
        return {key: value for key, value in wanted.items() if value}

    def carriers(self, slow: Slow) -> list[tuple[str, Carrier]]:
        nodes = self._plan.first(self._wait, slow)
        if not self.may_span:
            [(_, targets)] = nodes.items()
            self.name = "-".join(str(targets[0][key]) for key in ("namespace", "pod"))
        return [(node, self._plan.carrier(node, targets)) for node, targets in nodes.items()]

    def carrier(self, node: str, targets: list[dict[str, Any]]) -> Carrier:
        return self._plan.carrier(node, targets)

    def ways(self, slow: Slow) -> list[tuple[str, Any]]:
        return self._plan.ways(self._wait, slow)

    def changes(self) -> Iterator[run.Change] | None:
        return self._plan.changes()

    def is_over(self) -> bool:
        return self._plan.is_over()

    def close(self) -> None:
        self._plan.close()


def choose(
    is_local: bool,
    what: What,
    how: PodOptions,
    connection: Connection,
    limits: Limits,
    cgroup: str | None,
    pid: int | None,
) -> Source:
    """The one of the two that the options mean. Raises WrongUsage if they contradict each other."""
    if is_local:
        against = what.given() + how.given() + connection.given()
        if against:
            raise WrongUsage(f"--local records on this machine: it does not go with {', '.join(against)}")
        return LocalSource(what.container, cgroup, pid, limits)
    if cgroup is not None or pid is not None:
        raise WrongUsage("--cgroup and --pid are for this machine: add --local")
    return ClusterSource(what, how, connection, limits)
