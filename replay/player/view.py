"""What the player draws: the recorded screen, and below it a line that says where it stands."""

from typing import NamedTuple

from replay.clock import SECOND, to_second
from replay.escape import printable
from replay.player.cells import cropped, cut, marked, width
from replay.player.keys import HELP
from replay.player.pace import MAX
from replay.player.state import Player
from replay.player.story import around
from replay.screen.screen import Row, Screen, Span

_PANEL = 44
"""Columns of the list of commands."""
_STATUS = "7"
_DIM = "2"
_INPUT_BYTES = 200


class Frame(NamedTuple):
    """Rows for the whole terminal; where the cursor goes, (column, row) from 0, None if it is hidden."""

    rows: tuple[Row, ...]
    cursor: tuple[int, int] | None


def frame(player: Player, screen: Screen, rows: int, cols: int) -> Frame:
    """The picture for a terminal of `rows` x `cols`."""
    below = _below(player, screen, rows, cols)
    height = max(rows - len(below), 0)
    panel = _PANEL if player.commands and cols > _PANEL + 10 else cols if player.commands else 0
    top = _top(screen, height)
    shown = [_row(player, row, cols - panel) for row in screen.rows[top : top + height]]
    shown += [()] * (height - len(shown))
    if panel:
        shown = _beside(shown, _commands(player, height, panel), cols - panel)
    if player.help:
        shown = _over(shown, cols)
    cursor = screen.cursor
    if cursor:
        column, line = cursor[0], cursor[1] - top
        cursor = (column, line) if 0 <= line < height and column < cols - panel else None
    if player.prompt and rows:
        cursor = (min(1 + width(player.line), max(cols - 1, 0)), rows - 1)
    return Frame((*shown, *below)[:rows], None if player.help else cursor)


def _top(screen: Screen, height: int) -> int:
    """The first row that is shown where not all fit: the cursor, or the last text, stays in sight."""
    if len(screen.rows) <= height:
        return 0
    last = screen.cursor[1] if screen.cursor else len(screen.rows) - 1
    return min(max(last - height + 1, 0), len(screen.rows) - height)


def _row(player: Player, row: Row, cols: int) -> Row:
    return cropped(marked(row, player.pattern) if player.pattern else row, cols)


def _below(player: Player, screen: Screen, rows: int, cols: int) -> list[Row]:
    lines = [_line(_last(player, screen, rows, cols), cols, "" if player.prompt else _STATUS)]
    if player.typed and rows > 2:
        lines.insert(0, _line(f"typed: {_typed(player, cols)}", cols, _DIM))
    return lines


def _line(text: str, cols: int, style: str) -> Row:
    text = cut(text, cols)
    return (Span(style, text + " " * (cols - width(text))),)


def _last(player: Player, screen: Screen, rows: int, cols: int) -> str:
    if player.prompt:
        return {"m": "mark: a letter", "'": "go to mark: a letter"}.get(player.prompt, player.prompt + player.line)
    story = player.story
    note = player.message or screen.note or _size_note(screen, rows, cols)
    command = around(story.commands, player.time)
    state = "■ end" if player.at_end else ("▶" if player.playing else "⏸")
    speed = "max" if player.speed == MAX else f"{player.speed:g}x"
    parts = [
        f" {state} {_elapsed(player.time)}/{_elapsed(story.length)} {speed}",
        note,
        to_second(story.wall(player.time)),
        " ".join(filter(None, (f"session {story.number}", story.title, story.user))),
        f"$ {story.commands[command - 1].text}" if command else "",
    ]
    return "  ".join(part for part in parts if part)


def _size_note(screen: Screen, rows: int, cols: int) -> str:
    if screen.size[0] <= rows - 1 and screen.size[1] <= cols:
        return ""
    return f"cut: recorded {screen.size[1]}x{screen.size[0]}"


def _elapsed(time: int) -> str:
    seconds = max(time, 0) // SECOND
    hours = f"{seconds // 3600}:" if seconds >= 3600 else ""
    return f"{hours}{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _typed(player: Player, cols: int) -> str:
    """The end of what was typed up to now."""
    inputs = player.story.inputs
    text, size = "", 0
    for moment in reversed(inputs[: around(inputs, player.time)]):
        text = (f"({moment.hidden} hidden)" if moment.hidden else printable(moment.typed[-_INPUT_BYTES:])) + text
        size = len(text)
        if size > cols:
            break
    return text[-max(cols - 8, 1) :]


def _commands(player: Player, height: int, cols: int) -> list[Row]:
    commands = player.story.commands
    current = around(commands, player.time)
    first = min(max(current - height // 2, 0), max(len(commands) - height, 0))
    found = []
    for at, moment in enumerate(commands[first : first + height], first + 1):
        style = _STATUS if at == current else _DIM if at > current else ""
        found.append(_line(f"│ {_elapsed(moment.at)} {moment.text}", cols, style))
    return found or [_line("│ no commands", cols, _DIM)]


def _beside(left: list[Row], right: list[Row], at: int) -> list[Row]:
    found = []
    for number, row in enumerate(left):
        used = sum(width(span.text) for span in row)
        beside = right[number] if number < len(right) else (Span("", "│"),)
        found.append((*row, Span("", " " * max(at - used, 0)), *beside))
    return found


def _over(rows: list[Row], cols: int) -> list[Row]:
    lines = ["", *(f"  {keys:<14}{what}" for keys, what in HELP), ""]
    size = min(max(map(len, lines)) + 2, cols)
    return [_line(line, size, _STATUS) for line in lines][: len(rows)] + rows[len(lines) :]
