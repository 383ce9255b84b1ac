"""The look that kubectl cp takes before it copies into a container: an exec of its own, whether there is such a folder.

It runs `test -d DEST`; if that is a folder it unpacks into it, else into the folder above, right afterwards
(checkDestinationIsDir and copyToPod in k8s.io/kubectl/pkg/cmd/cp/cp.go). Somebody may run the same by hand: it belongs
to a copy only if all of that is so, and nothing else ran in it, was missing or was warned of.
"""

import posixpath
from collections.abc import Iterable

from replay.model import Session

_AFTER_NS = 10_000_000_000
"""How long after the look the copy begins at most: what the API server and the runtime may take."""


def join(sessions: Iterable[Session], copies: Iterable[Session]) -> None:
    """Says of each look which of the `copies` it was for, and that it is of kind cp."""
    looks = [of for of in sessions if _is_look(of)]
    for copy in sorted(copies, key=lambda of: of.started):
        fitting = [look for look in looks if look.part_of is None and _was_for(look, copy)]
        if fitting:
            look = max(fitting, key=lambda of: of.started)
            look.part_of, look.told_kind = copy, "cp"


def _is_look(of: Session) -> bool:
    words = of.argv
    alone = len(of.execs) == 1 and not (of.failed or of.gaps or of.warnings or of.outlived)
    silent = not of.has_terminal and not of.output_bytes and all(pipe.fd for pipe in of.streams)
    asks = len(words) == 3 and words[:2] == (b"test", b"-d")
    return alone and silent and asks and not of.told_kind and of.exit_code in (0, 1)


def _was_for(look: Session, copy: Session) -> bool:
    if look.ended is None or look.target != copy.target or not 0 <= copy.started - look.ended <= _AFTER_NS:
        return False
    wanted = look.argv[2] if look.exit_code == 0 else posixpath.dirname(look.argv[2].rstrip(b"/")) or b"."
    return _folder(copy) == posixpath.normpath(wanted)


def _folder(copy: Session) -> bytes:
    """Where it unpacks; empty for a copy out of the container."""
    *_, option, folder = (b"", b"", *copy.argv)
    return posixpath.normpath(folder) if option == b"-C" else b""
