"""What `export` writes: the bytes of a terminal, or every event as a line of JSON."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from recorder.log.argv import split
from recorder.log.events import Event
from recorder.log.format import Header
from recorder.log.objects import load_about
from recorder.log.reader import Log
from replay.clock import Clock, rfc3339
from replay.escape import json_line, text
from replay.fields import Enums, data, number
from replay.recording import Part, Recording
from replay.stream import HIDDEN, LEFT_OUT, Piece, ordered
from replay.values import argument_list, plain, strings, target

_ENUMS = {
    ("gap", "reason"): "gap_reason",
    ("gap", "direction"): "tty_direction",
    ("target_end", "reason"): "target_end_reason",
    ("exec_hash", "result"): "hash_result",
    ("warning", "kind"): "warning_kind",
}
_FLAGS = {
    ("exec", "flags"): "exec_flag",
    ("exec_file", "flags"): "file_flag",
    ("session_start", "flags"): "session_flag",
    ("stream_open", "flags"): "stream_flag",
    ("session_end", "flags"): "session_end_flag",
}


def raw(log: Log, session: int, tty: int, direction: str, missing: Callable[[Piece], None]) -> Iterator[bytes]:
    """The bytes of one terminal or pipe in one direction; each hole is handed to `missing` where it lies.

    `tty` 0: of all pipes of the session.
    """
    for piece in ordered(log.events(session=session), tty, direction):
        if piece.missing:
            missing(piece)
        elif piece.data:
            yield piece.data


def hole_note(piece: Piece, enums: Enums) -> str:
    """What is missing in a stream, where and why."""
    if piece.reason == LEFT_OUT:
        return f"{piece.missing:,} bytes are not kept, at byte {piece.offset}"
    if piece.reason == HIDDEN:
        return f"{piece.missing:,} bytes typed with echo off are not kept, at byte {piece.offset}"
    reason = piece.reason if isinstance(piece.reason, str) else enums.name("gap_reason", piece.reason)
    return f"{piece.missing:,} bytes are missing at byte {piece.offset} ({text(reason).replace('_', ' ')})"


def json_lines(recording: Recording, session: tuple[Part, int] | None = None) -> Iterator[str]:
    """Every event, of one session if its log and number there are given, as one JSON object a line, in order of time.

    `time` is RFC 3339; bytes are text as `replay.values` describes, argv is a list, enums are named. Of a
    folder each says its `log` and `node`, and `session` is the number in the recording.
    """
    enums = {part: Enums(part.log.header) for part in recording.parts}
    for time, part, event in recording.events() if session is None else _of_one(*session):
        shown: dict[str, Any] = {"time": rfc3339(time)}
        if recording.is_folder:
            shown |= {"log": text(part.name), "node": part.node}
        shown |= _object(event, recording.number(part, event.session), enums[part])
        yield json_line(json.dumps(shown, ensure_ascii=False, separators=(",", ":"))) + "\n"


class EventLines:
    """The same of events that come one by one, of the logs of one run."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Header, Clock, Enums]] = {}

    def header(self, header: Header) -> str:
        """The line that comes before the events of a log: what is recorded, and where."""
        node = header.raw.get("node")
        shown = {
            "time": rfc3339(header.realtime),
            "node": text(str(node.get("name") or "")) if isinstance(node, dict) else "",
            "type": "recording",
            "recording": text(header.recording),
            "targets": [target(of) for of in header.targets],
        }
        return json_line(json.dumps(shown, ensure_ascii=False, separators=(",", ":"))) + "\n"

    def line(self, header: Header, event: Event) -> str:
        """The line of an event of the log with that header. A log's events come in the order of its blocks."""
        if id(header) not in self._known:
            self._known[id(header)] = (header, Clock(header), Enums(header))
        _, clock, enums = self._known[id(header)]
        clock.feed(event)
        node = header.raw.get("node")
        name = node.get("name") if isinstance(node, dict) else None
        shown = {"time": rfc3339(clock.wall(event.time)), "node": text(str(name or ""))}
        shown |= _object(event, event.session, enums)
        return json_line(json.dumps(shown, ensure_ascii=False, separators=(",", ":"))) + "\n"


def _of_one(part: Part, session: int) -> Iterator[tuple[int, Part, Event]]:
    for time, event in part.events(session):
        yield time, part, event


def _object(event: Event, session: int, enums: Enums) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "type": text(event.type),
        "seq": event.seq,
        "target": event.target,
        "session": session,
        "pid": event.pid,
    }
    for name, value in event.fields.items():
        key = (event.type, name)
        if key in _ENUMS:
            shown[name] = enums.name(_ENUMS[key], number(event, name))
        elif key in _FLAGS:
            shown[name] = enums.flags(_FLAGS[key], number(event, name))
        elif key == ("exec", "argv") and isinstance(value, bytes):
            shown |= argument_list(name, split(value))
        elif key == ("exec_hash", "sha256") and isinstance(value, bytes):
            shown[name] = value.hex() or None
        elif key == ("target_start", "about") and (told := load_about(data(event, name))):
            shown[name] = plain(told)
        elif isinstance(value, bytes):
            shown |= strings(text(name), value)
        else:
            shown[text(name)] = plain(value)
    return shown
