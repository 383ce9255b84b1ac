"""The files in the archive that a kubectl cp carried, from its recorded bytes.

Only headers are looked at, a block of 512 bytes each (POSIX.1-1988 ustar and GNU tar), and what a long name takes: the
archive may be made to harm its reader.
"""

import tarfile
from collections.abc import Iterator

from recorder.log.reader import Log
from replay.model import Copied, Session
from replay.run import Run
from replay.stream import IN, OUT, ordered

_BLOCK = 512
_MAX_FILES = 1000
_MAX_NAME = 4096
_LONG_NAME, _LONG_LINK, _PAX = b"L", b"K", b"x"
"""What is no file, but tells of the one that follows."""


def fill(run: Run) -> None:
    """Says of each session that copied which files went through it."""
    for part, timeline in run.logs:
        for session in timeline.sessions:
            if session.is_copy:
                session.files, session.more_files = files(part.log, session)


def files(log: Log, session: Session) -> tuple[list[Copied], bool]:
    """(the files, whether there may be more of them that cannot be told)."""
    found: list[Copied] = []
    reader = _Reader(_bytes(log, session))
    name = b""
    while block := reader.take(_BLOCK):
        if len(block) < _BLOCK:
            return found, True
        if not block.strip(b"\0"):
            return found, False
        if len(found) >= _MAX_FILES:
            return found, True
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.HeaderError, ValueError, OverflowError):
            return found, True
        size = max(header.size, 0)
        if header.type in (_LONG_NAME, _LONG_LINK, _PAX):
            more = reader.take(min(size, 2 * _MAX_NAME))
            reader.skip(-(-size // _BLOCK) * _BLOCK - len(more))
            if header.type != _LONG_LINK:
                name = more.rstrip(b"\0") if header.type == _LONG_NAME else _pax_path(more) or name
            continue
        own = header.name.encode("utf-8", "surrogateescape")
        found.append(Copied((name or own)[:_MAX_NAME], size, header.mode & 0o7777, header.type))
        name = b""
        if header.isreg():
            reader.skip(-(-size // _BLOCK) * _BLOCK)
    return found, True


def _pax_path(records: bytes) -> bytes:
    """The path in the records `LENGTH KEY=VALUE\\n` of a PAX header."""
    _, found, rest = records.partition(b" path=")
    return rest.partition(b"\n")[0] if found else b""


def _bytes(log: Log, session: Session) -> Iterator[bytes]:
    """The archive, up to where bytes are missing."""
    into = any(b"x" in word for word in session.argv[1:] if word[:1] == b"-" and word[:2] != b"--" and b"f" in word)
    way = IN if into else OUT
    pipe = next((of for of in session.streams if of.fd == (0 if way == IN else 1)), None)
    for piece in ordered(log.events(session=session.number), pipe.number, way) if pipe else ():
        if piece.missing:
            return
        yield piece.data


class _Reader:
    """Takes bytes from pieces; holds no more than is asked for and a piece."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._held = pieces, b""

    def take(self, size: int) -> bytes:
        """So many bytes; fewer at the end."""
        while len(self._held) < size and (piece := next(self._pieces, None)) is not None:
            self._held += piece
        taken, self._held = self._held[:size], self._held[size:]
        return taken

    def skip(self, size: int) -> None:
        """Leaves out so many bytes."""
        while size > 0:
            if not self._held:
                piece = next(self._pieces, None)
                if piece is None:
                    return
                self._held = piece
            left_out = min(size, len(self._held))
            self._held, size = self._held[left_out:], size - left_out
