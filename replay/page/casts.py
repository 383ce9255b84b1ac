"""The casts in a page: what happened on a terminal, compressed, for the embedded player."""

import base64
import gzip
import io
import json
from dataclasses import dataclass

from replay.clock import SECOND
from replay.exports.job import Screen
from replay.exports.moments import ALL_PIPES, INPUT, MARKER, OUTPUT, moments, size
from replay.model import Session, Terminal
from replay.page.busy import Busy
from replay.page.markup import element

MAX_OUTPUT = 64 << 20
"""Bytes of output in a page, over all terminals: more than anybody watches, as much as a browser bears."""
_MAX_MARKERS = 1000
"""Of more the player's bar would be a single line."""
_MS = SECOND // 1000
_LEVEL = 6


def playable(session: Session) -> list[Terminal]:
    """What can be played: its terminals, and what came out of its pipes, but not the files of a `kubectl cp`."""
    if session.is_probe or session.is_copy:
        return session.terminals
    return [Terminal(ALL_PIPES)] * bool(session.streams and session.output_bytes) + session.terminals


@dataclass
class Cast:
    """A terminal for the page. `left_out` counts characters of output that had no room."""

    name: str
    duration: int
    """ms."""
    busy: Busy
    used: int
    """Characters of output that it holds."""
    left_out: int
    data: str
    """The block of the page that holds it."""


def cast(screen: Screen, name: str, room: int) -> Cast:
    """The cast of a terminal, with at most `room` characters of output."""
    busy, packed = Busy(), io.BytesIO()
    left_out = last = markers = used = 0
    cols, rows = size(screen.tty.cols, screen.tty.rows)
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=_LEVEL, mtime=0) as file:
        file.write(f'{{"cols":{cols},"rows":{rows},"events":[[0,"o",""]'.encode())
        for moment in moments(screen, lambda piece: None):
            last = moment.time // _MS
            if moment.kind == OUTPUT:
                busy.add(last, len(moment.text))
                if left_out or used + len(moment.text) > room:
                    left_out += len(moment.text)
                    continue
                used += len(moment.text)
            markers += moment.kind == MARKER
            if (moment.kind == MARKER and markers > _MAX_MARKERS) or (moment.kind == INPUT and left_out):
                continue
            file.write(f',[{last},"{moment.kind}",{json.dumps(moment.text)}]'.encode())
        file.write(b"]}")
    block = element("script", base64.b64encode(packed.getvalue()).decode(), type="application/gzip", id=f"cast-{name}")
    return Cast(name, last, busy, used, left_out, block)
