"""How much is said (-v): 0 as little as may be, 1 to 5 more about an error, from 6 on the requests to the cluster."""

REQUESTS, HEADERS, CONTENTS, ALL = 6, 7, 8, 9
"""kubectl's levels: https://kubernetes.io/docs/reference/kubectl/quick-reference/#kubectl-output-verbosity-and-debugging"""

_level = 0


def verbosity() -> int:
    """The highest level that -v gave."""
    return _level


def verbose() -> bool:
    """Whether -v was given."""
    return _level > 0


def set_verbosity(value: int) -> None:
    """Takes note of -v."""
    global _level
    _level = max(_level, value)
