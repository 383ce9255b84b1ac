r"""Recorded values as plain data, for JSON and YAML.

Text is exact where no `KEY_base64` stands beside KEY. Where bytes are not UTF-8 they appear as `\xNN` in
KEY, a backslash that was recorded stays a single one, and `KEY_base64` has the very bytes.
"""

import base64
from math import isfinite
from typing import Any

from recorder.log.format import Target
from replay.escape import is_exact, text


def strings(key: str, value: bytes) -> dict[str, Any]:
    """{key: text}, and {key_base64: …} if the text does not say exactly which bytes it was."""
    shown: dict[str, Any] = {key: text(value)}
    if not is_exact(value):
        shown[f"{key}_base64"] = base64.b64encode(value).decode()
    return shown


def argument_list(key: str, values: tuple[bytes, ...]) -> dict[str, Any]:
    """The same for a list of arguments."""
    shown: dict[str, Any] = {key: [text(value) for value in values]}
    if not all(map(is_exact, values)):
        shown[f"{key}_base64"] = [base64.b64encode(value).decode() for value in values]
    return shown


def plain(value: Any, depth: int = 16) -> Any:
    """A value of a header or an event as JSON can hold it; what nests deeper than `depth` is left out."""
    if isinstance(value, (dict, list, tuple)) and not depth:
        return None
    if isinstance(value, dict):
        return {text(k): plain(v, depth - 1) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v, depth - 1) for v in value]
    exact = value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and isfinite(value))
    return value if exact else text(value)


def target(of: Target) -> dict[str, Any]:
    """One target."""
    shown = {"number": of.number, **place(of), "container_id": text(of.container_id), "cgroup": text(of.cgroup)}
    return {**plain(of.more), **shown, "cgroup_id": of.cgroup_id}


def place(of: Target | None) -> dict[str, str | None]:
    """Where a target is, in kubectl's words; null if nothing is known of it."""
    return {name: text(getattr(of, name)) if of else None for name in ("namespace", "pod", "container")}
