"""From the options of `record` to a carrier: which container, and where its recorder runs."""

import os
import re
from dataclasses import dataclass, fields
from pathlib import PurePosixPath
from typing import Any

from kubectl_ebpfaudit import local
from kubectl_ebpfaudit.carrier import Carrier, Order
from kubectl_ebpfaudit.duration import parse_duration
from replay.errors import WrongUsage
from replay.escape import printable

_POD_KINDS = ("pod", "pods", "po")
_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")


@dataclass(frozen=True)
class Limits:
    """When a recording ends by itself, and what it keeps. `duration` is seconds."""

    duration: float
    sessions: int | None
    input: bool


@dataclass(frozen=True)
class Source:
    """A carrier that is ready to start; `name` says what it records, as a name for the recording."""

    name: str
    carrier: Carrier


@dataclass(frozen=True)
class LocalOptions:
    """A container of this machine: exactly one of the three."""

    container: str | None
    cgroup: str | None
    pid: int | None

    def source(self, limits: Limits) -> Source:
        """Raises WrongUsage, NotRoot or NoBcc. Starts nothing."""
        targets: list[tuple[str, dict[str, Any]]] = []
        if self.container is not None:
            targets.append((f"container-{self.container[:12]}", {"container_id": self.container}))
        if self.cgroup is not None:
            targets.append((f"cgroup-{PurePosixPath(self.cgroup).name}", {"cgroup": self.cgroup}))
        if self.pid is not None:
            targets.append((f"pid-{self.pid}", {"pid": self.pid}))
        if len(targets) != 1:
            raise WrongUsage("--local needs exactly one of --container ID, --cgroup PATH and --pid PID")
        if "" in (self.container, self.cgroup):
            raise WrongUsage("--container and --cgroup need a name: an empty one names nothing")
        local.check_host()
        [(name, target)] = targets
        order = Order([target], limits.duration, limits.sessions, limits.input, {"name": os.uname().nodename})
        return Source(name, local.LocalCarrier(order))


@dataclass(frozen=True)
class PodOptions:
    """Where a pod's recorder runs, and how to reach the cluster: kubectl's options of the same names."""

    namespace: str | None = None
    image: str | None = None
    image_pull_policy: str | None = None
    recorder_namespace: str | None = None
    context: str | None = None
    kubeconfig: str | None = None
    as_user: str | None = None
    as_group: tuple[str, ...] = ()
    request_timeout: str | None = None

    def given(self) -> list[str]:
        """The options that were given, as they are written."""
        names = [f.name for f in fields(self) if getattr(self, f.name)]
        return ["--as" if name == "as_user" else f"--{name.replace('_', '-')}" for name in names]

    def source(self, pod: str, container: str | None, limits: Limits) -> Source:
        """Finds the pod. Raises WrongUsage, or what went wrong with the cluster. Creates nothing."""
        name = pod_name(pod)
        for namespace in (self.namespace, self.recorder_namespace):
            if namespace is not None:
                _check_name("namespace", namespace)
        if self.image_pull_policy not in (None, *_PULL_POLICIES):
            raise WrongUsage(f"--image-pull-policy is one of {', '.join(_PULL_POLICIES)}")
        if self.as_group and not self.as_user:
            raise WrongUsage("--as-group needs --as")
        timeout = seconds("--request-timeout", self.request_timeout or "30s")

        from kubectl_ebpfaudit.cluster import api, carrier, target
        from kubectl_ebpfaudit.cluster import pod as recorder_pod

        connection = api.connect(api.Access(self.kubeconfig, self.context, self.as_user, list(self.as_group), timeout))
        found = target.find(connection, self.namespace or connection.namespace, name, container)
        place = recorder_pod.Place(
            found.node,
            self.recorder_namespace or recorder_pod.DEFAULT_NAMESPACE,
            self.image or recorder_pod.DEFAULT_IMAGE,
            self.image_pull_policy or "IfNotPresent",
        )
        order = Order([found.target], limits.duration, limits.sessions, limits.input, {"name": found.node})
        words = (found.target[key] for key in ("namespace", "pod", "container"))
        return Source("-".join(words), carrier.PodCarrier(connection, place, order))


def choose(pod: str | None, is_local: bool, here: LocalOptions, there: PodOptions, limits: Limits) -> Source:
    """The one of the two that the options mean. Raises WrongUsage if they contradict each other."""
    if is_local:
        against = ([f"the pod {printable(pod)}"] if pod is not None else []) + there.given()
        if against:
            raise WrongUsage(f"--local records on this machine: it does not go with {', '.join(against)}")
        return here.source(limits)
    if here.cgroup is not None or here.pid is not None:
        raise WrongUsage("--cgroup and --pid are for this machine: add --local")
    if pod is None:
        raise WrongUsage("name a pod to record, or record on this machine with --local --container ID")
    return there.source(pod, here.container, limits)


def pod_name(text: str) -> str:
    """NAME of NAME, pod/NAME, pods/NAME or po/NAME. Raises WrongUsage."""
    kind, slash, name = text.rpartition("/")
    if slash and kind.lower() not in _POD_KINDS:
        raise WrongUsage(f"'{printable(text)}' names no pod: give NAME or pod/NAME")
    _check_name("pod", name)
    return name


def _check_name(what: str, name: str) -> None:
    """Raises WrongUsage for what no object can be called: it would become another path of the API."""
    if not _NAME.fullmatch(name):
        raise WrongUsage(f"'{printable(name)}' is no name of a {what}")


def seconds(option: str, text: str) -> float:
    """The duration that an option gives, more than 0. Raises WrongUsage."""
    try:
        value = parse_duration(text)
    except ValueError as error:
        raise WrongUsage(f"{option}: {error}") from error
    if not value:
        raise WrongUsage(f"{option} must be more than 0")
    return value
