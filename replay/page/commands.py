"""The commands of a session as a list: each with its time, which jumps there, and how it went."""

from collections.abc import Iterator
from typing import NamedTuple

from replay.clock import SECOND, duration, rfc3339, time_of_day
from replay.escape import printable
from replay.exports.job import Entry
from replay.model import Gap, Warned
from replay.page.markup import element, safe
from replay.programs import Exec, FailedExec
from replay.session_report import command, error_name, marks
from replay.warning_report import words
from replay.words import gap_note

_MAX_DEPTH = 12
_MS = SECOND // 1000


class Row(NamedTuple):
    """Something that ran, failed to run, or is missing; `at` is in ms since the session began."""

    at: int
    kind: str
    """ok | failed | running | gap | warning"""
    markup: str


def rows(entry: Entry) -> list[Row]:
    """All rows of a session, in order of time."""
    found = [*_execs(entry), *_failed(entry), *_gaps(entry), *_warnings(entry)]
    found.sort(key=lambda row: row.at)
    return found


def _ms(entry: Entry, of: Exec | FailedExec | Gap | Warned) -> int:
    """When it was, by the clock that nobody sets."""
    return max(of.monotonic - entry.session.began, 0) // _MS


def _execs(entry: Entry) -> Iterator[Row]:
    session, depths = entry.session, dict[Exec, int]()
    numbers = {ran: number for number, ran in enumerate(session.execs)}
    for place, ran in enumerate(session.execs):
        inside = ran.parent and ran.parent.session == ran.session
        depths[ran] = depth = depths.get(ran.parent, 0) + 1 if inside and ran.parent else 0
        kind = "running" if ran.exit_code is None else "failed" if ran.exit_code else "ok"
        status = "no end" if ran.exit_code is None else f"exit {ran.exit_code}"
        took = "-" if ran.ended is None else duration(ran.ended - ran.time)
        details = (status, took, f"pid {ran.pid}", f"uid {ran.uid}")
        title = f"in {printable(ran.cwd)}, {printable(ran.filename)}"
        node = f' data-n="{place}"' + (f' data-in="{numbers[ran.parent]}"' if inside and ran.parent in numbers else "")
        at, text = _ms(entry, ran), command(ran) + marks(ran)
        yield _row(at, ran.time, kind, text, details, min(depth, _MAX_DEPTH), title, node)


def _failed(entry: Entry) -> Iterator[Row]:
    for failed in entry.session.failed:
        text = f"{printable(failed.name)} could not be run"
        details = (error_name(failed), "-", f"pid {failed.pid}")
        yield _row(_ms(entry, failed), failed.time, "failed", text, details, 0)


def _gaps(entry: Entry) -> Iterator[Row]:
    for gap in entry.session.gaps:
        yield _row(_ms(entry, gap), gap.time, "gap", gap_note(gap), (), 0)


def _warnings(entry: Entry) -> Iterator[Row]:
    for of in entry.session.warnings:
        yield _row(_ms(entry, of), of.time, "warning", f"!! warning: {words(of)}", (), 0)


def _row(
    at: int, time: int, kind: str, text: str, details: tuple[str, ...], depth: int, title: str = "", node: str = ""
) -> Row:
    clock = f'<time datetime="{rfc3339(time)}">{time_of_day(time, time)}</time>'
    jump = element("button", clock, type="button", class_="at", data_at=at)
    told = "".join(f"<span>{safe(detail)}</span>" for detail in details if detail)
    body = f'<code{_title(title)}>{safe(text)}</code><span class="how">{told}</span>'
    return Row(at, kind, f'<li class="{kind} d{depth}" aria-level="{depth + 1}"{node}>{jump}{body}</li>')


def _title(title: str) -> str:
    return f' title="{safe(title)}"' if title else ""
