"""The options that say which cluster, and as whom: those of kubectl of the same names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubectl_ebpfaudit.duration import parse_duration
from kubectl_ebpfaudit.names import check_name
from replay.errors import WrongUsage

if TYPE_CHECKING:
    from kubectl_ebpfaudit.cluster.api import Access, Api

DEFAULT_TIMEOUT = "30s"


@dataclass(frozen=True)
class Connection:
    """`recorder_namespace` is where the recorders' pods are."""

    context: str | None = None
    kubeconfig: str | None = None
    as_user: str | None = None
    as_group: Sequence[str] | None = None
    request_timeout: str | None = None
    recorder_namespace: str | None = None

    def given(self) -> list[str]:
        """The options that were given, as they are written."""
        values = {
            "--context": self.context,
            "--kubeconfig": self.kubeconfig,
            "--as": self.as_user,
            "--as-group": self.as_group,
            "--request-timeout": self.request_timeout,
            "--recorder-namespace": self.recorder_namespace,
        }
        return [option for option, value in values.items() if value]

    def api(self) -> "Api":
        """A connection to the cluster; nothing is sent yet. Raises WrongUsage or NoContext."""
        access = self.access()

        from kubectl_ebpfaudit.cluster.api import connect

        return connect(access)

    def access(self) -> "Access":
        """Which cluster, and as whom. Raises WrongUsage."""
        if self.as_group and not self.as_user:
            raise WrongUsage("--as-group needs --as")
        if self.recorder_namespace is not None:
            check_name("namespace", self.recorder_namespace)
        timeout = seconds("--request-timeout", self.request_timeout or DEFAULT_TIMEOUT)

        from kubectl_ebpfaudit.cluster.api import Access  # half a second that not every verb needs

        return Access(self.kubeconfig, self.context, self.as_user, list(self.as_group or ()), timeout)

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
