"""When each piece of a session's output is due, and the loop that shows them, where nobody can press keys."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from replay.clock import SECOND
from replay.stream import Piece

MAX = 0.0
"""The speed at which nothing waits."""
_LONGEST_SLEEP = 86400.0
"""Seconds; a hostile log may ask for more than the system can count."""

_JOINED = 60 << 10
"""Bytes."""


class Due(NamedTuple):
    """A piece and when to show it, in ns since playing began."""

    at: int
    piece: Piece


def since_start(pieces: Iterable[Piece], start: int) -> Iterator[Due]:
    """When each piece came, in ns since `start` (CLOCK_MONOTONIC), never earlier than the one before it."""
    at = 0
    for piece in pieces:
        at = max(at, piece.time - start)
        yield Due(at, piece)


def since(dues: Iterable[Due], start: int) -> Iterator[Due]:
    """Those that are due at `start` ns or later."""
    return (due for due in dues if due.at >= start)


def between(dues: Iterable[Due], start: int, end: int | None = None) -> Iterator[Due]:
    """Those that are due up to `start` ns at once, and the others as much earlier; none that is due after `end`."""
    for due in dues:
        if end is not None and due.at > end:
            return
        yield Due(max(due.at - start, 0), due.piece)


def limit_idle(dues: Iterable[Due], limit: int) -> Iterator[Due]:
    """The same with no pause longer than `limit` ns."""
    before = taken_off = 0
    for due in dues:
        taken_off += max(due.at - before - limit, 0)
        before = due.at
        yield Due(due.at - taken_off, due.piece)


def accelerate(dues: Iterable[Due], speed: float) -> Iterator[Due]:
    """The same `speed` times as fast; MAX: without a wait."""
    for due in dues:
        yield Due(int(due.at / speed) if speed else 0, due.piece)


def joined(dues: Iterable[Due]) -> Iterator[Due]:
    """The same with output that is due at once in one piece, as far as that does not become large."""
    batch: list[Due] = []
    size = 0
    for due in dues:
        if batch and (size >= _JOINED or due.at != batch[0].at or due.piece.missing or batch[0].piece.missing):
            yield _one(batch)
            batch, size = [], 0
        if due.piece.data or not batch:
            batch.append(due)
        size += len(due.piece.data)
    if batch:
        yield _one(batch)


def _one(batch: list[Due]) -> Due:
    first = batch[0]
    if len(batch) == 1:
        return first
    return Due(first.at, first.piece._replace(data=b"".join(due.piece.data for due in batch)))


def play(
    dues: Iterable[Due],
    show: Callable[[Piece], None],
    clock: Callable[[], int] = time.monotonic_ns,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Shows each piece when it is due. `clock` gives ns, `sleep` takes seconds."""
    began = clock()
    for due in dues:
        while (wait := due.at - (clock() - began)) > 0:
            sleep(min(wait / SECOND, _LONGEST_SLEEP))
        show(due.piece)
