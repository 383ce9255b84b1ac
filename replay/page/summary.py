"""The head of a page: what was recorded, whether it is whole, and what to be wary of."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from replay.clock import duration, to_second
from replay.escape import printable
from replay.exports.job import Entry
from replay.fields import node_name
from replay.model import Timeline, Watched
from replay.page.markup import element, facts, safe
from replay.recording import Broken
from replay.verify import COMPLETE, Verdict
from replay.warning_report import words
from replay.words import count

_READ = 1 << 20
_MAX_FINDINGS = 100
_MAX_TARGETS = 200


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ):
            digest.update(piece)
    return digest.hexdigest()


def log_facts(verdict: Verdict, digest: str) -> str:
    """What is known of one log."""
    timeline, header = verdict.timeline, verdict.timeline.header
    ended = timeline.ended if timeline.ended is not None else timeline.last
    reason = printable(timeline.end.reason) if timeline.end else "it has no end"
    took = duration(ended - timeline.started)
    version = "{}.{}".format(*header.version)
    verdict_line = element("p", f"<b>{safe(verdict.state)}</b>: {_meaning(verdict)}", class_=f"verdict {verdict.state}")
    return verdict_line + facts(
        [
            ("File", timeline.path.name),
            ("SHA-256", digest),
            ("Recording", printable(header.recording)),
            ("Node", node_name(header)),
            ("Recorded", f"{to_second(timeline.started)} to {to_second(ended)} ({took}; {reason})"),
            ("Holds", f"{count(timeline.events, 'event')} of {count(len(timeline.sessions), 'session')}"),
            ("Format", version),
        ]
    )


def _meaning(verdict: Verdict) -> str:
    if verdict.state == COMPLETE:
        return "unchanged since it was written, whole, and nothing is missing"
    return count(len(verdict.findings), "finding") + ", listed under Remarks"


def targets(timeline: Timeline) -> str:
    """The containers that were under watch."""
    known = list(timeline.targets.values())
    rows = "".join(element("li", _target(of)) for of in known[:_MAX_TARGETS])
    more = f"<li>and {len(known) - _MAX_TARGETS:,} more</li>" if len(known) > _MAX_TARGETS else ""
    return f'<ul class="targets">{rows}{more}</ul>' if known else ""


def _target(of: Watched) -> str:
    about = of.target.more
    told = [about.get(key) for key in ("owner", "image", "image_id")]
    more = ", ".join(printable(value) for value in told if isinstance(value, str) and value)
    return f"<b>{safe(of.target.name)}</b> {safe(more)}"


def warnings(entries: Iterable[Entry]) -> list[str]:
    """The warnings of all sessions, safe to print."""
    return [
        f"{to_second(of.time)} session {entry.number}: {words(of)}"
        for entry in entries
        for of in entry.session.warnings
    ]


def remarks(verdicts: Iterable[tuple[str, Verdict]], broken: Iterable[Broken], others: Iterable[str]) -> str:
    """All that a reader should know before trusting the rest, as a section; empty if there is nothing."""
    found = [f"{name}{kind}: {text}" for name, verdict in verdicts for kind, text in verdict.findings]
    found += [f"{log.name}: broken: {log.reason}" for log in broken]
    found = [*others, *found]
    if not found:
        return ""
    rows = "".join(element("li", safe(text)) for text in found[:_MAX_FINDINGS])
    more = f"<li>and {len(found) - _MAX_FINDINGS:,} more: verify lists all</li>" if len(found) > _MAX_FINDINGS else ""
    head = '<h2 id="remarks-title">Remarks</h2>'
    return f'<section class="remarks" aria-labelledby="remarks-title">{head}<ul>{rows}{more}</ul></section>'
