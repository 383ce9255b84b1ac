"""The strip above a player: when a terminal was busy, when commands ran and where something is missing.

It says nothing that the list of commands does not say, so it is hidden from screen readers.
"""

from collections.abc import Iterable

from replay.page.busy import Busy
from replay.page.commands import Row

WIDTH = 1000
HEIGHT = 40


def strip(rows: Iterable[Row], busy: Busy, duration: int) -> str:
    """The strip of `duration` ms as SVG; its points are a thousandth of that apart."""
    scale = WIDTH / max(duration, 1)
    marks: dict[tuple[int, str], None] = {}
    for row in rows:
        marks[min(int(row.at * scale), WIDTH - 1), row.kind] = None
    lines = "".join(f'<path class="{kind}" d="M{x} 0v{HEIGHT}"/>' for x, kind in marks)
    return (
        f'<svg class="strip" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true" '
        f'data-duration="{duration}"><path class="busy" d="{_hills(busy, scale)}"/>{lines}'
        f'<path class="now" d="M0 0v{HEIGHT}"/></svg>'
    )


def _hills(busy: Busy, scale: float) -> str:
    """Columns as high as output came thick, on a scale of powers: a key's echo is seen beside a file's content."""
    columns: dict[int, int] = {}
    for at, characters in busy.stretches():
        x = min(int(at * scale), WIDTH - 1)
        columns[x] = columns.get(x, 0) + characters
    most = max((size.bit_length() for size in columns.values()), default=1)
    return "".join(f"M{x} {HEIGHT}v-{size.bit_length() * HEIGHT // most}h1V{HEIGHT}z" for x, size in columns.items())
