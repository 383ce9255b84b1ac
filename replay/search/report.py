"""Hits as text and as data."""

import os
from typing import Any

from replay.clock import SECOND, rfc3339
from replay.escape import printable, shell_word, text
from replay.search.hit import ARGV, Hit
from replay.session_report import named
from replay.values import place

_BOLD, _PLAIN = "\x1b[1;31m", "\x1b[0m"


def jump(hit: Hit, name: str) -> list[str]:
    """The command that shows the place: the screen at that time, or the session if it has no terminal."""
    session = f"{name}/{hit.number}"
    if hit.place == ARGV and not hit.session.terminals and not any(ran.tty for ran in hit.session.execs):
        return ["kubectl", "ebpfaudit", "show", session]
    tenths = -(-hit.at // (SECOND // 1000))  # not before it happened
    return ["kubectl", "ebpfaudit", "replay", session, "--at", f"{tenths // 1000}.{tenths % 1000:03d}"]


def as_text(hit: Hit, name: str, colours: bool) -> str:
    """Two lines, and those of the context: what was found when and where, and how to get there."""
    line = hit.line
    start, end = line.match
    parts = [printable(part) for part in (line.text[:start], line.text[start:end], line.text[end:])]
    if colours and parts[1]:
        parts[1] = f"{_BOLD}{parts[1]}{_PLAIN}"
    where = f"{printable(name)}/{hit.number}  {named(hit.target)}"
    shown = [f"{rfc3339(hit.time)}  {where}  {hit.place}"]
    shown += [f"  | {printable(other)}" for other in line.before]
    shown.append(f"  > {''.join(parts)}")
    shown += [f"  | {printable(other)}" for other in line.after]
    shown.append(f"    {' '.join(shell_word(os.fsencode(word)) for word in jump(hit, name))}")
    return "".join(f"{one}\n" for one in shown)


def as_document(hit: Hit, name: str, file: str) -> dict[str, Any]:
    """One hit as data."""
    line = hit.line
    return {
        "recording": text(name),
        "file": text(file),
        "session": hit.number,
        **place(hit.target),
        "time": rfc3339(hit.time),
        "seconds": hit.at / 1e9,
        "in": hit.place,
        "tty": hit.tty or None,
        "text": text(line.text),
        "match": text(line.matched),
        "before": [text(other) for other in line.before],
        "after": [text(other) for other in line.after],
        "jump": [text(word) for word in jump(hit, name)],
    }
