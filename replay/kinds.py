"""What a session was in kubectl's words: exec -it, attach, cp, a probe, a debug container.

A probe is known by its command, which the client has written into the log with its target. Anybody may run the
same command by hand: then it is called a probe, too, and is in the recording all the same.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from recorder.log.format import Target
from recorder.log.probe_commands import Commands, commands
from replay import copy_checks
from replay.model import Session, Watched

_COPIES = ((b"tar", b"cf", b"-"), (b"tar", b"-xmf", b"-"), (b"tar", b"xmf", b"-"))
"""The commands of kubectl cp, k8s.io/kubectl/pkg/cmd/cp/cp.go: out of the container, into it."""
_DEBUG_SINCE = (1, 2)
"""The version since which the first session of an ephemeral container is its own first process."""


def probes(target: Target | None) -> Commands:
    """The probes and hooks of a container: {command: "liveness probe" or what it is}."""
    return commands(target.more.get("probes")) if target else {}


def is_copy(argv: tuple[bytes, ...]) -> bool:
    """Whether a command is one that kubectl cp runs."""
    if not argv:
        return False
    words = (argv[0].rpartition(b"/")[2], *(word for word in argv[1:] if not word.startswith(b"--")))
    return words[:3] in _COPIES


def name_all(sessions: Iterable[Session], targets: Mapping[int, Watched], version: tuple[int, int]) -> None:
    """Says of each session what it was, where that is more than how it came in. `version`: that of the log."""
    of_probes = {number: probes(of.target) for number, of in targets.items()}
    copies: list[Session] = []
    debugged: set[int] = set()
    enters = version >= _DEBUG_SINCE
    ordered = sorted(sessions, key=lambda one: one.number)
    for session in ordered:
        watched = targets.get(session.target)
        if watched and enters and _is_ephemeral(watched.target.more) and session.target not in debugged:
            debugged.add(session.target)
            session.told_kind = "debug"
        elif session.attached:
            session.told_kind = "attach"
        elif session.from_node:
            session.told_kind = "from the node"
        elif session.has_terminal:
            continue
        elif not any(pipe.fd == 0 for pipe in session.streams) and (
            probe := of_probes.get(session.target, {}).get(session.argv)
        ):
            session.told_kind, session.is_probe = probe, True
        elif is_copy(session.argv):
            session.told_kind = "cp"
            copies.append(session)
    copy_checks.join(ordered, copies)


def _is_ephemeral(more: dict[str, Any]) -> bool:
    return more.get("kind") == "ephemeral"
