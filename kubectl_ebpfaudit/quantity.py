"""Sizes as Kubernetes writes them: 512Mi, 1Gi, 1000k (k8s.io/apimachinery/pkg/api/resource)."""

import re

from replay.errors import WrongUsage
from replay.escape import printable

_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
MIN_BYTES, MAX_BYTES = 1 << 20, 1 << 40


def parse_bytes(option: str, text: str, least: int = MIN_BYTES) -> int:
    """The size that an option gives, 1Mi (or `least`, 0) to 1024Gi. Raises WrongUsage."""
    found = re.fullmatch(r"(\d{1,15})(Ki|Mi|Gi|k|M|G|)", text, re.A)
    size = int(found[1]) * _UNITS[found[2]] if found else -1
    if not least <= size <= MAX_BYTES:
        smallest = "1Mi" if least else "0"
        raise WrongUsage(f"{option}: '{printable(text)}' is no size from {smallest} to 1024Gi, such as 256Mi")
    return size
