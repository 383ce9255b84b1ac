"""What passes by itself, as an API server that restarts, and how long it is waited out."""

import time

from kubectl_ebpfaudit.cluster.errors import ApiError, Unreachable
from kubectl_ebpfaudit.cluster.retry import Retry
from recorder.log.errors import AuditError

REPEATS = 10
"""How often a request is sent again because the server asks for it, as often as client-go does."""

_LONGEST_PAUSE = 60.0
"""Seconds that are waited at a server's word, whatever time a request may take: longer, and the user should know."""

_TOO_MANY = 429


def passes(error: AuditError) -> bool:
    """Whether the same request may soon be answered otherwise."""
    if isinstance(error, ApiError):
        return error.status == _TOO_MANY or error.status >= 500
    return isinstance(error, Unreachable)


def pause_asked_for(method: str, status: int, retry_after: str | None) -> float | None:
    """Seconds after which the server wants a request again that it was too busy for; None: it is not to be sent again.

    client-go takes any request for one that may be sent again (k8s.io/client-go/rest/with_retry.go). After a 5xx what
    was to be made may be there: a POST is sent again only after a 429, which a server gives before it does anything.
    """
    if not (status == _TOO_MANY or (status >= 500 and method != "POST")):
        return None
    if not (retry_after and retry_after.isascii() and retry_after.isdecimal()):
        return None
    pause = float(retry_after)
    return pause if pause <= _LONGEST_PAUSE else None


class Patience:
    """Pauses that grow, for so many seconds in all."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._retry = Retry(seconds)

    @property
    def left(self) -> float:
        """Seconds; 0 or less at the end."""
        return self._deadline - time.monotonic()

    def works(self) -> None:
        """The next pause is a short one again."""
        self._retry.works()

    def wait(self, error: AuditError) -> bool:
        """Pauses as `pause` does. Raises an `error` that does not pass."""
        if not passes(error):
            raise error
        return self.pause()

    def pause(self) -> bool:
        """Pauses before another attempt; False if there is no time for one."""
        left = self.left
        if left <= 0:
            return False
        self._retry.attempt()
        time.sleep(min(self._retry.due_in, left))
        return True
