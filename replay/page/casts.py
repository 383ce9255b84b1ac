"""The casts in a page: what happened on a terminal, compressed, for the embedded player."""

import base64
import gzip
import json
from dataclasses import dataclass

from replay.clock import SECOND
from replay.exports.job import Screen
from replay.exports.moments import INPUT, MARKER, OUTPUT, moments, size
from replay.page.markup import element

MAX_OUTPUT = 64 << 20
"""Bytes of output in a page, over all terminals: more than anybody watches, as much as a browser bears."""
_MAX_MARKERS = 1000
"""Of more the player's bar would be a single line."""
_MS = SECOND // 1000
_LEVEL = 6


@dataclass
class Cast:
    """A terminal for the page. `left_out` counts characters of output that had no room."""

    name: str
    duration: int
    """ms."""
    busy: list[tuple[int, int]]
    """When (ms) how many characters of output came."""
    left_out: int
    data: str
    """The block of the page that holds it."""


def cast(screen: Screen, name: str, room: int) -> Cast:
    """The cast of a terminal, with at most `room` characters of output."""
    events: list[tuple[int, str, str]] = []
    busy: list[tuple[int, int]] = []
    left_out = last = markers = 0
    for moment in moments(screen, lambda piece: None):
        last = moment.time // _MS
        if moment.kind == OUTPUT:
            busy.append((last, len(moment.text)))
            if len(moment.text) > room:
                room, left_out = 0, left_out + len(moment.text)
                continue
            room -= len(moment.text)
        if moment.kind == MARKER and (markers := markers + 1) > _MAX_MARKERS:
            continue
        if moment.kind != INPUT or not left_out:
            events.append((last, moment.kind, moment.text))
    cols, rows = size(screen.tty.cols, screen.tty.rows)
    told = json.dumps({"cols": cols, "rows": rows, "events": events}, ensure_ascii=False, separators=(",", ":"))
    packed = base64.b64encode(gzip.compress(told.encode(), _LEVEL, mtime=0)).decode()
    return Cast(name, last, busy, left_out, element("script", packed, type="application/gzip", id=f"cast-{name}"))
