"""Which cluster is asked, and as whom."""

from dataclasses import dataclass, field
from unicodedata import category
from urllib.parse import quote

from kubectl_ebpfaudit.cluster.objects import Object
from kubectl_ebpfaudit.cluster.overrides import Overrides
from replay.errors import WrongUsage

_UNSENDABLE = ("Cc", "Cs")
"""Control characters, and bytes that are no UTF-8: in a header they would be another header, or nothing."""


@dataclass(frozen=True)
class Access:
    """kubectl's options of these names. `timeout` is seconds for one request."""

    kubeconfig: str | None = None
    context: str | None = None
    as_user: str | None = None
    as_groups: list[str] = field(default_factory=list)
    timeout: float = 30.0
    as_uid: str | None = None
    overrides: Overrides = field(default_factory=Overrides)
    verbosity: int = 0

    def impersonated(self, user: Object) -> list[tuple[str, str]]:
        """Headers that say as whom: of each, what the options say, else what the user's entry in the kubeconfig says.

        Raises WrongUsage for groups or a UID of nobody, and for what would not be one line.
        """
        name = self.as_user or user.get("as")
        groups = self.as_groups or user.get("as-groups") or []
        uid = self.as_uid or user.get("as-uid")
        if not name:
            for option, value in (("--as-group", self.as_groups), ("--as-uid", self.as_uid)):
                if value:
                    raise WrongUsage(f"{option} needs --as")
            return []
        found = [("Impersonate-User", name), *(("Impersonate-Group", group) for group in groups)]
        found += [("Impersonate-Uid", str(uid))] if uid else []
        for key, values in (user.get("as-user-extra") or {}).items():
            found += [(f"Impersonate-Extra-{quote(key, safe='')}", str(value)) for value in values]
        if any(category(letter) in _UNSENDABLE for _, value in found for letter in value):
            raise WrongUsage("whom to act as (--as, or as in the kubeconfig) holds control characters")
        return found
