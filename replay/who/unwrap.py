"""Finds the audit events in what a log, an export or an API answer has put around them."""

import json
from collections.abc import Iterator
from typing import Any

from replay.who import clouds, kubernetes
from replay.who.request import Seen

_LISTS = ("events", "logEvents", "records", "entries", "items", "value")
"""CloudWatch's answers and subscriptions, Azure's event hubs, Cloud Logging's answers, an audit webhook's EventList."""

_INNER = ("message", "@message", "log", "log_s", "Log", "properties", "textPayload", "jsonPayload", "event")
"""CloudWatch, container logs, Azure's diagnostic settings and its table AzureDiagnostics, Cloud Logging."""

_MAX_DEPTH = 6


class Found:
    """An audit event: when it was, in ns since 1970-01-01 UTC, and what it says of who enters a container, if so."""

    __slots__ = ("seen", "time")

    def __init__(self, time: int, seen: Seen | None) -> None:
        self.time = time
        self.seen = seen


def unwrap(value: Any, depth: int = 0) -> Iterator[Found]:
    """The audit events in a JSON value."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        for one in value:
            yield from unwrap(one, depth + 1)
    elif isinstance(value, str):
        yield from _text(value, depth)
    elif isinstance(value, dict):
        yield from _object(value, depth)


def _text(value: str, depth: int) -> Iterator[Found]:
    value = value.strip()
    if value[:1] not in ("{", "["):
        return
    try:
        inner = json.loads(value)
    except (ValueError, RecursionError):
        return
    yield from unwrap(inner, depth + 1)


def _object(value: dict[str, Any], depth: int) -> Iterator[Found]:
    if kubernetes.is_event(value):
        yield Found(kubernetes.time_of(value), kubernetes.seen(value))
    elif clouds.is_log_entry(value):
        yield Found(clouds.entry_time(value), clouds.seen_in_entry(value))
    elif clouds.is_row(value):
        event = clouds.event_of_row(value)
        yield Found(kubernetes.time_of(event), kubernetes.seen(event))
    else:
        for key in (*_LISTS, *_INNER):
            if key in value:
                yield from unwrap(value[key], depth + 1)
