"""Whether a session can come from a request: what speaks against it, and how much speaks for it."""

from dataclasses import dataclass

from replay.clock import SECOND
from replay.model import Session
from replay.who.request import ATTACH, DEBUG, EXEC, Request

START_NS = 30 * SECOND
"""How long after its request a process may begin: the kubelet and the runtime may be busy."""

DEBUG_START_NS = 600 * SECOND
"""The same of a debugging container, whose image may have to be pulled."""


@dataclass(frozen=True)
class Place:
    """A session and where it was."""

    session: Session
    namespace: str
    pod: str
    container: str


@dataclass(frozen=True)
class Fit:
    """A request that a session may come from; `missing` says in words what could not be compared."""

    request: Request
    missing: tuple[str, ...]
    ends_together: bool
    """Whether both ended at the same time, as far as the clocks agree."""


def fit(place: Place, request: Request, skew: int) -> Fit | None:
    """How the session fits the request, None if it cannot be its. `skew` (ns): how far the two clocks may differ."""
    session = place.session
    if (
        session.from_node
        or request.kind != _asked_for(session)
        or request.refused
        or (request.namespace, request.pod) != (place.namespace, place.pod)
    ):
        return None
    if request.container and request.container != place.container:
        return None
    runs = _runs(session, request.command)
    if runs is False:
        return None
    if request.tty is not None and not _has_terminal(session, request.tty):
        return None
    if not _in_time(session, request, skew):
        return None
    missing = []
    if runs is None:
        missing.append(f"the {'audit log' if request.command is None else 'recording'} does not say the command")
    if not request.container:
        missing.append("the audit log does not say the container")
    both = request.kind == EXEC and session.ended is not None and request.ended is not None
    together = both and abs((session.ended or 0) - (request.ended or 0)) <= skew
    return Fit(request, tuple(missing), together)


def _asked_for(session: Session) -> str:
    """The kind of request that such a session comes from."""
    return session.kind if session.kind in (ATTACH, DEBUG) else EXEC


def _runs(session: Session, command: tuple[bytes, ...] | None) -> bool | None:
    """Whether the session began with this command, None if nobody knows.

    The kernel puts the interpreter of a script, and an argument for it, before the script's path (fs/binfmt_script.c).
    """
    if session.attached:
        return True  # nobody asks for a command then
    if command is None or not session.execs:
        return None
    ran = session.execs[0]
    argv = ran.argv
    if argv == command:
        return True
    if session.under_way or session.lost_events:  # its first command may have come before, or be among what is lost
        return None
    if ran.argv_missing:
        return bool(ran.argv_bytes) and b"\0".join(command).startswith(ran.argv_bytes.removesuffix(b"\0"))
    before = len(argv) - len(command)
    if before not in (1, 2) or argv[before + 1 :] != command[1:]:
        return False
    return argv[before].rpartition(b"/")[2] == command[0].rpartition(b"/")[2]


def _has_terminal(session: Session, wanted: bool) -> bool:
    has = session.has_terminal or (not session.streams and any(ran.tty for ran in session.execs))
    return has == wanted or session.under_way or session.lost_events > 0


def _in_time(session: Session, request: Request, skew: int) -> bool:
    window = START_NS
    if request.kind == DEBUG:  # the request ends at once, and the container begins when it can
        window = DEBUG_START_NS
    elif request.ended is not None and session.started > request.ended + skew:
        return False
    return request.received - skew <= session.started <= request.received + window + skew
