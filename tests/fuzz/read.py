"""Reads a log in every way that a verb does, within this process."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from recorder.log.errors import AuditError
from recorder.log.reader import Log
from replay.document import document
from replay.escape import printable
from replay.export import json_lines
from replay.hidden import hidden
from replay.listing.entry import Entry
from replay.listing.summary import from_values, summarise
from replay.listing.table import as_document, table
from replay.model import Timeline
from replay.plain import PlainText
from replay.recording import Part, Recording
from replay.report import report
from replay.search.pattern import Pattern
from replay.search.recording import Query, search
from replay.search.report import as_text
from replay.stream import IN, OUT, ordered
from replay.verify import verify
from replay.view import View

PATH = Path("fuzz.ebpfaudit")


def _show(log: Log, timeline: Timeline) -> None:
    _must_draw(report(timeline, view=View(wide=True)))
    json.dumps(document(timeline, view=View(flat=True, since=timeline.started)))


def _hidden(log: Log, timeline: Timeline) -> None:
    _must_draw(report(timeline, view=View(only=hidden(log, timeline))))


def _search(log: Log, timeline: Timeline) -> None:
    query = Query(Pattern("[a-z]"), frozenset(["argv", "input", "output"]), context=1)
    for hit in search(Recording(PATH, [Part("fuzz", log, log.damage)], [], is_folder=False), query):
        _must_draw(as_text(hit, "fuzz", colours=False))


def _replay(log: Log, timeline: Timeline) -> None:
    for session in timeline.sessions:
        for tty in session.terminals:
            plain = PlainText()
            for direction in (OUT, IN):
                for piece in ordered(log.events(session=session.number), tty.number, direction):
                    plain.feed(piece.data)


def _jsonl(log: Log, timeline: Timeline) -> None:
    for line in json_lines(Recording(PATH, [Part("fuzz", log, log.damage)], [], is_folder=False), None):
        json.loads(line)
        _must_draw(line)


WAYS: list[Callable[[Log, Timeline], None]] = [_show, _hidden, _search, _replay, _jsonl]


def _must_draw(text: str) -> None:
    for line in text.split("\n"):
        assert line.isprintable(), ascii(line)


def _list(path: Path) -> None:
    summary = summarise(path)
    assert from_values(json.loads(json.dumps(summary.values()))).values() == json.loads(json.dumps(summary.values()))
    entry = Entry(path.parent, path.name, (summary,))
    _must_draw(table([entry]))
    json.dumps(as_document([entry]))


def read(data: bytes, way: int, path: Path) -> None:
    """Reads it and shows it in the way that `way` stands for. Anything but an AuditError is a fault of ours."""
    if way % 8 == 0:
        path.write_bytes(data)
        _list(path)
        return
    fd = os.memfd_create("fuzz")
    with open(fd, "w+b") as file:
        file.write(data)
        file.seek(0)  # which also writes what is buffered
        try:
            log = Log(PATH, file)
            verdict = verify(log)
            if way % 2:  # half of them are only verified, which reads all there is
                WAYS[way // 2 % len(WAYS)](log, verdict.timeline)
        except AuditError as error:
            _must_draw(printable(error))
