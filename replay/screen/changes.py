"""What came onto the screens of a terminal, as text and quickly: for search and transcripts."""

from collections.abc import Generator, Iterable, Iterator
from typing import NamedTuple

from recorder.log.reader import Log
from replay.model import Session, Terminal
from replay.screen.display import Display, bounded
from replay.screen.reel import Item, Reel

_BATCH = 64 << 10
"""Bytes of output."""
BATCH_TIME = 50_000_000
"""ns. What was on a screen for less than that nobody has seen."""


_USUAL_CELLS = 20_000
_CELLS_A_BYTE = 100
"""A screen of more cells than usual is looked at when there is so much more output, not for each byte ..."""
_MANY = 10_000
"""... and after so many looks, at half as many moments. So a small log cannot make work for hours."""


class Change(NamedTuple):
    """Lines that are new on the screen, or have changed, since the change before; `at` is ns since the session began.

    Lines that have scrolled through are among them. There are none where lines were only erased, or have scrolled
    out: what was on the screen before stands there no more, or elsewhere. Text may hold anything but line ends:
    escape it.
    """

    at: int
    lines: list[str]
    places: list[int]
    """Where each of them stands, counted from the first line that was on the screen before."""
    screen: list[str]
    """All that is on the screen now."""
    scrolled: int
    """Lines that have scrolled out since: so many places higher stands now what was on the screen before."""
    holes: tuple[Item, ...] = ()
    """Output that is missing before these lines."""


def changes(log: Log, session: Session, tty: Terminal, span: int = BATCH_TIME) -> Generator[Change, None, None]:
    """The changes of the screens of terminal `tty`, in order; output within `span` ns makes one."""
    display = Display(tty.rows, tty.cols, scrollback=True)
    try:
        before: list[str] = []
        batches = _batches(Reel(log, session, tty.number), span, display.size)
        following = next(batches, None)
        while batch := following:
            for item in batch:
                if item.size:
                    display.resize(*item.size)
                else:
                    display.feed(item.data)
            display.begin_text()
            following = next(batches, None)  # is read while the emulator works
            lines, screen = display.text()
            old = [*before, *[""] * (len(lines) - len(before))]
            places = [place for place, line in enumerate(lines) if line and line != old[place]]
            holes = tuple(item for item in batch if item.missing)
            if places or holes or screen != before:
                new = [lines[place] for place in places]
                yield Change(batch[-1].time, new, places, screen, len(lines) - len(screen), holes)
            # What scrolls out from now on comes above what is on the screen now.
            before = screen
    finally:
        display.close()


def _batches(items: Iterable[Item], span: int, screen: tuple[int, int]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    size = count = 0
    least = _least(screen)
    for item in items:
        if not (item.data or item.size or item.missing):
            continue
        if batch and (size >= _BATCH or (size >= least and item.time > batch[0].time + span)):
            yield batch
            batch, size, count = [], 0, count + 1
            span *= 1 + (count % _MANY == 0)
        if item.size:
            least = _least(item.size)
        batch.append(item)
        size += len(item.data)
    if batch:
        yield batch


def _least(screen: tuple[int, int]) -> int:
    """Bytes of output that are worth a look at a screen of that size."""
    rows, cols = bounded(*screen)
    return max(rows * cols - _USUAL_CELLS, 0) // _CELLS_A_BYTE
