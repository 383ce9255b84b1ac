"""The player as a picture: what it draws at a moment of a recording, as SVG."""

from html import escape
from pathlib import Path

from recorder.log.reader import open_log
from replay.player.cells import width
from replay.player.state import Player
from replay.player.story import Story
from replay.player.view import frame
from replay.screen.screen import Row
from replay.screen.screens import Screens
from replay.terminals import with_terminals

_CELL, _LINE, _MARGIN = 8.4, 18, 12
_COLOURS = ("#1e1e1e", "#cd5c5c", "#6aab5e", "#c9a227", "#5b8dd9", "#b07cc6", "#4fb3b3", "#d4d4d4",
            "#6e6e6e", "#f08080", "#98d98e", "#f0d060", "#8fb8ff", "#d8a8ea", "#80e0e0", "#ffffff")  # fmt: skip


def picture(log: Path, command: str, path: Path, rows: int = 26, cols: int = 132) -> None:
    """Writes the player, with its list of commands, at the end of the first command that has `command` in it."""
    with open_log(log) as opened:
        session = next(one for one in with_terminals(opened).sessions if one.terminals)
        story = Story(opened, session, session.terminals[0], session.number)
        player = Player(story, playing=True, commands=True)
        chosen = next(n for n, moment in enumerate(story.commands) if command in moment.text)
        later = story.commands[chosen + 1 : chosen + 2]
        player.time = later[0].at - 1 if later else story.length
        with Screens(opened, session, session.terminals[0]) as screens:
            shown = frame(player, screens.at(player.time), rows, cols)
    lines = "".join(_line(row, at) for at, row in enumerate(shown.rows))
    size = f'width="{cols * _CELL + 2 * _MARGIN:.0f}" height="{rows * _LINE + 2 * _MARGIN}"'
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="monospace" font-size="14">'
        f'<rect width="100%" height="100%" rx="8" fill="{_COLOURS[0]}" stroke="{_COLOURS[8]}"/>'
        f'<g transform="translate({_MARGIN} {_MARGIN - 4})">{lines}</g></svg>\n'
    )


def _line(row: Row, at: int) -> str:
    found, column = [], 0
    for span in row:
        front, back, bold = _colours(span.style)
        x, columns = column * _CELL, width(span.text)
        column += columns
        if back != _COLOURS[0]:
            size = f'width="{columns * _CELL:.1f}" height="{_LINE}"'
            found.append(f'<rect x="{x:.1f}" y="{at * _LINE + 4}" {size} fill="{back}"/>')
        if span.text.strip():
            weight = ' font-weight="bold"' if bold else ""
            found.append(
                f'<text x="{x:.1f}" y="{at * _LINE + 18}" fill="{front}"{weight} xml:space="preserve" '
                f'textLength="{columns * _CELL:.1f}">{escape(span.text)}</text>'
            )
    return "".join(found)


def _colours(style: str) -> tuple[str, str, bool]:
    """(foreground, background, bold) of the 16 colours; of others the default."""
    codes = [int(code) for code in style.replace(":", ";").split(";") if code]
    front, back, bold, inverse = _COLOURS[7], _COLOURS[0], 1 in codes, codes[:1] == [7]
    for at, code in enumerate(codes):
        if code == 2 and codes == [2]:
            front = _COLOURS[8]
        if code in (38, 48) and codes[at + 1 : at + 2] == [5] and at + 2 < len(codes) and codes[at + 2] < 16:
            front, back = (_COLOURS[codes[at + 2]], back) if code == 38 else (front, _COLOURS[codes[at + 2]])
    return (back, front, bold) if inverse else (front, back, bold)
