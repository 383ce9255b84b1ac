"""Waiting for what has no event to wait for: ask again until it holds, or say why it never did."""

import time
from collections.abc import Callable

_PAUSE = 0.05


def until(holds: Callable[[], bool], seconds: float, why: Callable[[], str]) -> None:
    """Returns once `holds()` does; raises TimeoutError with what `why()` tells after so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{seconds} s passed: {why()}")
        time.sleep(_PAUSE)
