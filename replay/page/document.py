"""Puts a page together."""

from string import Template

from recorder.log import __version__
from replay.clock import to_second
from replay.escape import printable
from replay.exports.job import Entry
from replay.page.casts import MAX_OUTPUT
from replay.page.markup import asset, element, policy, safe
from replay.page.probes import probes
from replay.page.sessions import Budget, section
from replay.page.summary import log_facts, remarks, sha256, targets, warnings
from replay.page.transcript import MAX_CHARACTERS, MAX_DRAWN
from replay.probe_report import Runs, groups
from replay.recording import Broken, Part, Recording
from replay.session_report import Shown
from replay.verify import Verdict, verify

_MAX_SESSIONS = 5000
_MAX_ROWS = 100_000
"""Of all sessions together: a browser bears no more."""


def document(recording: Recording, only: tuple[Part, int] | None = None) -> str:
    """The page of a recording, or of one session of it."""
    verdicts, broken = _verdicts(recording, only)
    entries = [
        Entry(recording.number(part, of.number), part, of)
        for part, verdict in verdicts
        for of in verdict.timeline.sessions
        if only in (None, (part, of.number))
    ]
    entries.sort(key=lambda entry: entry.number)
    timelines = {part: verdict.timeline for part, verdict in verdicts}
    budget = Budget(MAX_OUTPUT, _MAX_ROWS, MAX_CHARACTERS, MAX_DRAWN)
    sections, casts = [], []
    shown = entries
    runs: list[Runs] = []
    if only is None:
        known = {entry.number: entry for entry in entries}
        one_by_one, runs = groups(
            Shown(of.number, of.session, timelines[of.part].target(of.session.target)) for of in entries
        )
        shown = [known[one.number] for one in one_by_one]
    for entry in shown[:_MAX_SESSIONS]:
        target = timelines[entry.part].target(entry.session.target)
        markup, played = section(entry, target, budget)
        sections.append(markup)
        casts.append(played)
    if len(shown) > _MAX_SESSIONS:
        more = f"{len(shown) - _MAX_SESSIONS:,} more sessions had no room in this file: export them one by one"
        sections.append(element("p", more, class_="note"))
    sections.append(probes(runs))
    return _page(recording, verdicts, broken, entries, sections, casts)


def _verdicts(recording: Recording, only: tuple[Part, int] | None) -> tuple[list[tuple[Part, Verdict]], list[Broken]]:
    """(the logs that are shown, verified; those that are not)."""
    found: list[tuple[Part, Verdict]] = []
    for part in recording.parts if only is None else [only[0]]:
        verdict = verify(part.log)
        part.damage = verdict.timeline.damage or part.damage
        found.append((part, verdict))
    return found, list(recording.broken) if only is None else []


def _script() -> str:
    """Our own script; its files share their names."""
    parts = "".join(asset(f"{name}.js") for name in ("screen", "tree", "find", "page"))
    return f'"use strict";\n(() => {{\n{parts}}})();\n'


def _page(
    recording: Recording,
    verdicts: list[tuple[Part, Verdict]],
    broken: list[Broken],
    entries: list[Entry],
    sections: list[str],
    casts: list[str],
) -> str:
    style = asset("player/asciinema-player.css") + asset("page.css")
    player, script = asset("player/asciinema-player.min.js"), _script()
    several = recording.is_folder
    summary = "".join(
        log_facts(verdict, sha256(part.log.path)) + targets(verdict.timeline) for part, verdict in verdicts
    )
    began = min((verdict.timeline.started for _, verdict in verdicts), default=0)
    named = [(f"{printable(part.name)}: " if several else "", verdict) for part, verdict in verdicts]
    return Template(asset("page.html")).substitute(
        policy=safe(policy([player, script], style)),
        version=__version__,
        title=safe(f"Recording {recording.name}"),
        subtitle=safe(f"Sessions of kubectl exec, recorded in the kernel from {to_second(began)} on"),
        style=style,
        summary=summary,
        remarks=remarks(named, broken, warnings(entries)),
        sessions="\n".join(filter(None, sections)) or '<p class="note">There was no session.</p>',
        casts="\n".join(casts),
        player=player,
        script=script,
    )
