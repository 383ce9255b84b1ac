"""What may stand on the command line for an object of the cluster."""

import re

from replay.errors import WrongUsage
from replay.escape import printable

PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_KINDS = {kind: known for known in ("pod", "node") for kind in (known, f"{known}s", known[:2])}
_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")


def pod_or_node(text: str) -> tuple[str, str]:
    """("pod" or "node", name) of NAME, pod/NAME or node/NAME. Raises WrongUsage."""
    kind, slash, name = text.rpartition("/")
    if slash and kind.lower() not in _KINDS:
        raise WrongUsage(f"'{printable(text)}' names neither pod nor node: give NAME, pod/NAME or node/NAME")
    known = _KINDS[kind.lower()] if slash else "pod"
    check_name(known, name)
    return known, name


def check_name(what: str, name: str) -> None:
    """Raises WrongUsage for what no object can be called: it would become another path of the API."""
    if not _NAME.fullmatch(name):
        raise WrongUsage(f"'{printable(name)}' is no name of a {what}")


def check_pull_policy(policy: str | None) -> None:
    """Raises WrongUsage."""
    if policy not in (None, *PULL_POLICIES):
        raise WrongUsage(f"--image-pull-policy is one of {', '.join(PULL_POLICIES)}")
