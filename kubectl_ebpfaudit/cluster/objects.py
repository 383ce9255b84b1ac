"""What the API server answers with."""

import json
from typing import Any

from kubectl_ebpfaudit.cluster.errors import Unreachable

Object = dict[str, Any]
"""A Kubernetes object, or a watch event."""


def parse(data: bytes) -> Object:
    """The object of an answer, empty if that is something else. Raises Unreachable for what is no JSON."""
    try:
        value = json.loads(data)
    except ValueError as error:
        raise Unreachable("what answers is no Kubernetes API server: its answer is no JSON") from error
    return value if isinstance(value, dict) else {}
