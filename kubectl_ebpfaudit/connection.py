"""The options that say which cluster, and as whom: those of kubectl of the same names."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kubectl_ebpfaudit.cluster.access import Access
from kubectl_ebpfaudit.cluster.overrides import Overrides
from kubectl_ebpfaudit.duration import parse_duration
from kubectl_ebpfaudit.names import check_name
from kubectl_ebpfaudit.verbosity import verbosity
from replay.errors import WrongUsage

if TYPE_CHECKING:
    from kubectl_ebpfaudit.cluster.api import Api

DEFAULT_TIMEOUT = "30s"
_FOR_EVER = 365 * 86400.0
"""Seconds that nobody waits for an answer, and that a socket takes."""


@dataclass(frozen=True)
class Connection:
    """`recorder_namespace` is where the recorders' pods are."""

    context: str | None = None
    kubeconfig: str | None = None
    as_user: str | None = None
    as_group: Sequence[str] | None = None
    as_uid: str | None = None
    request_timeout: str | None = None
    recorder_namespace: str | None = None
    overrides: Overrides = field(default_factory=Overrides)

    def given(self) -> list[str]:
        """The options that were given, as they are written."""
        names = {"as_user": "--as"}
        values = vars(self) | vars(self.overrides)
        del values["overrides"]
        return [names.get(name, f"--{name.replace('_', '-')}") for name, value in values.items() if value]

    def api(self) -> "Api":
        """A connection to the cluster; nothing is sent yet. Raises WrongUsage or NoContext."""
        access = self.access()

        from kubectl_ebpfaudit.cluster.connecting import connect  # half a second that not every verb needs

        return connect(access)

    def access(self) -> Access:
        """Which cluster, and as whom. Raises WrongUsage."""
        if self.recorder_namespace is not None:
            check_name("namespace", self.recorder_namespace)
        timeout = _timeout(self.request_timeout or DEFAULT_TIMEOUT)
        return Access(
            self.kubeconfig,
            self.context,
            self.as_user,
            list(self.as_group or ()),
            timeout,
            self.as_uid,
            self.overrides,
            verbosity(),
        )

    @property
    def namespace_of_recorders(self) -> str:
        from kubectl_ebpfaudit.cluster.pod import DEFAULT_NAMESPACE

        return self.recorder_namespace or DEFAULT_NAMESPACE


def seconds(option: str, text: str) -> float:
    """The duration that an option gives, more than 0. Raises WrongUsage."""
    try:
        value = parse_duration(text)
    except ValueError as error:
        raise WrongUsage(f"{option}: {error}") from error
    if not value:
        raise WrongUsage(f"{option} must be more than 0")
    return value


def _timeout(text: str) -> float:
    """Seconds that a request may take; 0 is for ever, as kubectl has it. Raises WrongUsage."""
    try:
        return min(parse_duration(text), _FOR_EVER) or _FOR_EVER
    except ValueError as error:
        raise WrongUsage(f"--request-timeout: {error}") from error
