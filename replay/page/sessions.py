"""A session in a page: what it was, its terminals to play, and all that ran in it."""

from dataclasses import dataclass

from recorder.log.format import Target
from replay.clock import duration, to_second
from replay.escape import printable, shell_line
from replay.exports.job import Entry, Screen
from replay.exports.moments import ALL_PIPES
from replay.model import Terminal
from replay.page.casts import Cast, cast, playable
from replay.page.commands import Row, rows
from replay.page.markup import element, facts, safe
from replay.page.strip import strip
from replay.page.transcript import Transcript, transcript
from replay.session_report import carried, named
from replay.who.words import in_words
from replay.words import count, lost

_MAX_TITLE = 80
_CHUNK = 50
"""Rows that a browser lays out, or leaves alone, together."""


@dataclass
class Budget:
    """What a page may still have: characters of output in its casts, rows in its lists, characters of transcripts."""

    left: int
    rows: int
    text: int
    drawn: int
    """Terminals whose screens may still be drawn for their text, each by a process of its own."""


def section(entry: Entry, target: Target | None, budget: Budget) -> tuple[str, str]:
    """(the session's section of the page, the casts that it plays)."""
    session, found = entry.session, rows(entry)
    left_out = max(len(found) - budget.rows, 0)
    found = found[: budget.rows]
    budget.rows -= len(found)
    players, texts, casts = [], [], []
    for tty in playable(session):
        screen, name = Screen(entry.number, entry.part, session, tty), f"{entry.number}-{tty.number}"
        made, text = cast(screen, name, budget.left), transcript(screen, name, budget.text, budget.drawn > 0)
        budget.left -= made.used
        budget.text -= text.used
        budget.drawn -= text.drawn
        players.append(_player(entry, tty, made, found))
        texts.append(_transcript(name, _name(entry, tty), text))
        casts += [made.data, text.data]
    title = f"Session {entry.number}: {session.kind} {shell_line(session.argv)}"
    cut = title[: _MAX_TITLE - 1] + "…" if len(title) > _MAX_TITLE else title
    head = element("h2", safe(cut), id=f"session-{entry.number}")
    body = f'<div class="screens">{"".join(players)}</div>' if players else ""
    ran = element("div", "".join(texts) + _commands(found, left_out), class_="ran")
    whole = f"{head}{_facts(entry, target)}{body}{ran}"
    return element("section", whole, class_="session", aria_labelledby=f"session-{entry.number}"), "".join(casts)


def _facts(entry: Entry, target: Target | None) -> str:
    session = entry.session
    ended = "not within the recording"
    if session.ended is not None:
        status = f", exit code {session.exit_code}" if session.exit_code is not None else ""
        ended = f"{to_second(session.ended)} after {duration(session.ended - session.started)}{status}"
    hidden = f" and {count(session.hidden_bytes, 'byte')} unseen, with echo off" if session.hidden_bytes else ""
    return facts(
        [
            ("User", in_words(session.who) if session.who else ""),
            ("Container", named(target)),
            ("Node", printable(entry.part.node)),
            ("Started", to_second(session.started) + " (before the recording)" * session.under_way),
            ("Ended", ended),
            ("Output", count(session.output_bytes, "byte") if session.terminals else ""),
            ("Input", count(session.input_bytes, "byte") + hidden if session.terminals else ""),
            *((pipe.name.capitalize(), carried(pipe)) for pipe in session.streams),
            ("Lost", lost(session.lost_events, session.lost_bytes)),
        ]
    )


def _name(entry: Entry, tty: Terminal) -> str:
    if tty.number == ALL_PIPES:
        return "Output"
    return f"Terminal pts/{tty.index}" if len(entry.session.terminals) > 1 else "Terminal"


def _player(entry: Entry, tty: Terminal, made: Cast, found: list[Row]) -> str:
    name = _name(entry, tty)
    note = ""
    if made.left_out:
        left = f"{made.left_out:,} characters of output had no room in this file: replay the recording to see them"
        note = element("p", left, class_="note")
    play = element("button", f"Play the {safe(name.lower())}", type="button", class_="load")
    size = f"{tty.cols or 80}x{tty.rows or 24}"
    inner = f'<div class="player">{play}</div><p class="clock"><span class="elapsed"></span> {size}</p>'
    whole = strip(found, made.busy, made.duration) + inner + note
    label = f"{name} of session {entry.number}"
    return element(
        "div", whole, class_="screen", role="group", aria_label=label, data_cast=made.name, data_began=entry.began
    )


def _transcript(name: str, what: str, text: Transcript) -> str:
    """The place for the lines, which a script fills."""
    if not text.lines and not text.left_out:
        return ""
    left = f"{text.left_out:,} more had no room in this file: export --format text has them"
    note = element("p", left, class_="note") if text.left_out else ""
    label = f"{what} as text"
    told = f'{safe(label)} <small>{count(text.lines, "line")}</small><small class="hits"></small>'
    place = element("ol", "", tabindex="0", aria_label=label)
    return f'<details class="transcript" data-of="{name}" hidden><summary>{told}</summary>{place}{note}</details>'


def _commands(found: list[Row], left_out: int) -> str:
    if not found and not left_out:
        return '<p class="note">Nothing ran in it while it was recorded.</p>'
    chunks = (found[i : i + _CHUNK] for i in range(0, len(found), _CHUNK))
    # What is out of sight need not be laid out, as long as its height is known: that of a whole chunk is.
    lists = "".join(
        element("ol", "".join(row.markup for row in chunk), class_="whole" if len(chunk) == _CHUNK else "part")
        for chunk in chunks
    )
    failed = sum(row.kind == "failed" for row in found)
    title = f"{count(len(found), 'line')}, {failed} failed" if failed else count(len(found), "line")
    listed = f'<div class="commands">{lists}</div>'
    if left_out:
        listed += element("p", f"{left_out:,} more had no room in this file: show lists them", class_="note")
    return f"<h3>Commands <small>{title}</small></h3>{listed}"
