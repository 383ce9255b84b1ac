"""Runs of the pod's probes and hooks in a page: a line for all of one kind, which opens."""

from collections.abc import Iterable
from operator import attrgetter

from replay.clock import duration, rfc3339, time_of_day, to_second
from replay.page.markup import element, safe
from replay.probe_report import Runs
from replay.session_report import Shown
from replay.words import count

_MAX_RUNS = 1000
"""Of one probe."""


def probes(of: Iterable[Runs]) -> str:
    """All of them as a section; empty if there are none."""
    shown = "".join(map(_runs, of))
    head = '<h2 id="probes-title">Probes and hooks</h2>'
    return f'<section class="session" aria-labelledby="probes-title">{head}{shown}</section>' if shown else ""


def _runs(of: Runs) -> str:
    runs = sorted(of.all, key=attrgetter("session.started"))
    rows = "".join(map(_run, runs[:_MAX_RUNS]))
    left = len(runs) - _MAX_RUNS
    more = element("p", f"{left:,} more: show --all lists each", class_="note") if left > 0 else ""
    return f'<details class="runs"><summary>{safe(of.words())}</summary><ol>{rows}</ol>{more}</details>'


def _run(one: Shown) -> str:
    session = one.session
    began = session.started
    clock = f'<time datetime="{rfc3339(began)}">{safe(to_second(began)[:10])} {time_of_day(began, began)}</time>'
    ended = "no end" if session.ended is None else f"exit {session.exit_code}"
    took = "-" if session.ended is None else duration(session.ended - began)
    ran, out = count(len(session.execs), "command"), count(session.output_bytes, "byte")
    told = "".join(f"<span>{safe(text)}</span>" for text in (ended, took, ran, f"{out} of output"))
    kind = "failed" if session.exit_code else "ok"
    return f'<li class="{kind}">{clock} session {one.number} <span class="how">{told}</span></li>'
