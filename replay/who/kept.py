"""What `identify` found out, kept beside a log as NAME.ebpfaudit.who.json; the log itself is never changed.

It is bound to its log by the digest of the header, which no two recordings share, and of the end record, if the
log had one. It is no evidence by itself: it names the audit log, its SHA-256 and the requests' IDs.
"""

import contextlib
import json
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recorder.log.errors import CannotWrite
from recorder.log.format import End, Header
from replay.clock import rfc3339
from replay.escape import json_line, printable
from replay.who.identity import CERTAIN, LIKELY, POSSIBLE, UNKNOWN, Asked, Identity
from replay.who.request import Person
from replay.who.values import mapping, moment, string, strings

SUFFIX = ".who.json"
FORMAT = "ebpfaudit-who"
VERSION = 1
MAX_BYTES = 32 << 20

_MAX_REASON = 4096
_MAX_USERS = 100
_MAX_REQUESTS = 100
"""Of one session, those that fit best; the reason says how many there are."""


@dataclass(frozen=True)
class Kept:
    """Who the sessions of a log were, by their numbers. `others` are requests that no session comes from."""

    sessions: dict[int, Identity]
    audit_logs: list[dict[str, Any]] = field(default_factory=list)
    others: list[dict[str, Any]] = field(default_factory=list)
    skew: int = 0


def path_of(log: Path) -> Path:
    """Where what is known of `log` is kept."""
    return log.with_name(log.name + SUFFIX)


def load(log: Path, header: Header, end: End | None) -> Kept | None:
    """What is kept of a log; None if there is nothing, or if it is of another log or no such file at all."""
    data = _read(path_of(log))
    if data is None:
        return None
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("format") != FORMAT or found.get("version") != VERSION:
        return None
    if found.get("header_sha256") != _digest(header) or not _is_end_of(found.get("end_sha256"), end):
        return None
    return _parse(found)


def _read(path: Path) -> bytes | None:
    """The file's content; None if there is none, if it is larger than any that is written, or no regular file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO would be waited for
    except OSError:
        return None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            return None
        with open(fd, "rb", closefd=False) as file:
            return file.read(MAX_BYTES)
    finally:
        os.close(fd)


def users(log: Path, header: Header, end: End | None) -> tuple[str, ...]:
    """Who the sessions of a log were, each once, in order of their numbers; not safe to print."""
    known = load(log, header, end)
    found = sorted(known.sessions.items()) if known else ()
    return tuple(dict.fromkeys(of.user for _, of in found if of.user))[:_MAX_USERS]


def save(log: Path, header: Header, end: End | None, kept: Kept) -> Path:
    """Keeps it in place of what was kept before, mode 0600, all or nothing. Raises CannotWrite."""
    path = path_of(log)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "recording": printable(header.recording),
        "log": printable(log.name),
        "header_sha256": _digest(header),
        "end_sha256": end.digest.hex() if end else None,
        "clock_skew_seconds": kept.skew / 1e9,
        "audit_logs": kept.audit_logs,
        "sessions": {str(number): as_data(of) for number, of in sorted(kept.sessions.items())},
        "other_requests": kept.others,
    }
    lines = json.dumps(document, ensure_ascii=False, indent=1).split("\n")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.writelines(f"{json_line(line)}\n" for line in lines)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise CannotWrite(
            f"{printable(str(path))} cannot be written: {error.strerror}; identify it where you may write, "
            "or print what was found with -o json"
        ) from error
    return path


def as_data(of: Identity) -> dict[str, Any]:
    """An identity as JSON has it; times RFC 3339."""
    person = of.person
    return {
        "confidence": of.confidence,
        "reason": of.reason,
        "user": person.user if person else None,
        "impersonator": (person.impersonator or None) if person else None,
        "requests": [
            {
                "auditID": one.audit_id,
                **person_data(one.person),
                "received": rfc3339(one.received),
                "ended": rfc3339(one.ended) if one.ended is not None else None,
            }
            for one in of.requests[:_MAX_REQUESTS]
        ],
    }


def person_data(of: Person) -> dict[str, Any]:
    """Who asked, in the words of the audit log."""
    return {
        "user": of.user,
        "uid": of.uid or None,
        "groups": list(of.groups),
        "impersonator": of.impersonator or None,
        "source_ips": list(of.source_ips),
        "user_agent": of.user_agent or None,
        "extra": {key: list(values) for key, values in of.extra},
    }


def _digest(header: Header) -> str:
    sealed = header.raw.get("sha256")
    return sealed.hex() if isinstance(sealed, bytes) else ""


def _is_end_of(kept: Any, end: End | None) -> bool:
    """A log that has gone on since is the same; one that has lost its end, or has another, is not."""
    return kept is None or (end is not None and kept == end.digest.hex())


def _parse(found: dict[str, Any]) -> Kept:
    sessions: dict[int, Identity] = {}
    for number, of in mapping(found.get("sessions")).items():
        if number.isascii() and number.isdigit() and len(number) < 10:
            sessions[int(number)] = _identity(mapping(of))
    lists = (found.get("audit_logs"), found.get("other_requests"))
    logs, others = ([one for one in of if isinstance(one, dict)] if isinstance(of, list) else [] for of in lists)
    return Kept(sessions, logs, others)


def _identity(of: dict[str, Any]) -> Identity:
    confidence = string(of.get("confidence"))
    requests = of.get("requests")
    known = tuple(_asked(mapping(one)) for one in requests[:_MAX_REQUESTS]) if isinstance(requests, list) else ()
    if confidence not in (CERTAIN, LIKELY, POSSIBLE) or not known:
        return Identity(UNKNOWN, string(of.get("reason"), _MAX_REASON))
    return Identity(confidence, string(of.get("reason"), _MAX_REASON), known)


def _asked(of: dict[str, Any]) -> Asked:
    extra = mapping(of.get("extra"))
    person = Person(
        user=string(of.get("user")),
        groups=strings(of.get("groups")),
        uid=string(of.get("uid")),
        impersonator=string(of.get("impersonator")),
        source_ips=strings(of.get("source_ips")),
        user_agent=string(of.get("user_agent")),
        extra=tuple((string(key), strings(values)) for key, values in extra.items()),
    )
    return Asked(string(of.get("auditID")), person, moment(of.get("received")), moment(of.get("ended")) or None)
