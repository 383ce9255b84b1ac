"""Times of a recording: from the node's monotonic clock to the wall clock, and to text and back."""

import re
from datetime import datetime, timedelta, timezone

from recorder.log.events import Event
from recorder.log.format import Header
from replay.errors import WrongUsage
from replay.fields import number

SECOND = 1_000_000_000
"""ns"""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - all here is UTC; aware arithmetic would only be slower
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|z|[+-]\d\d:\d\d)")
_COLONS = re.compile(r"(?:(\d{1,6}):)?(\d{1,6}):(\d{1,6})(?:\.(\d{1,9}))?")
_UNITS = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})(?:\.(\d{1,9}))?s?)?")


class Clock:
    """Gives the wall clock's time, in ns since 1970-01-01 UTC, for times of CLOCK_MONOTONIC."""

    def __init__(self, header: Header) -> None:
        self._offset = header.realtime - header.monotonic

    def feed(self, event: Event) -> None:
        """Takes note of a `clock` event: from here on it relates the two clocks."""
        if event.type == "clock" and (realtime := number(event, "realtime")):
            self._offset = realtime - event.time

    def wall(self, time: int) -> int:
        """ns since 1970-01-01 UTC of `time`, in ns of CLOCK_MONOTONIC."""
        return time + self._offset


def _moment(time: int) -> datetime:
    return _EPOCH + timedelta(seconds=time // SECOND)


def rfc3339(time: int) -> str:
    """`time`, in ns since 1970-01-01 UTC, with nine digits of the second: 2026-01-02T03:04:05.000000006Z."""
    return f"{_moment(time).isoformat()}.{time % SECOND:09d}Z"


def to_second(time: int) -> str:
    """The same to the second, as kubectl prints times: 2026-01-02T03:04:05Z."""
    return f"{_moment(time).isoformat()}Z"


def time_of_day(time: int, day_of: int) -> str:
    """03:04:05.678, with its date before it if that is not the date of `day_of`."""
    text = f"{_moment(time).time().isoformat()}.{time % SECOND // 1_000_000:03d}"
    return text if time // (86400 * SECOND) == day_of // (86400 * SECOND) else f"{_moment(time).date()} {text}"


def duration(time: int) -> str:
    """`time`, in ns, in at most two units, as kubectl prints ages: 2h5m, 3m12s, 4.2s, 17ms."""
    if time < SECOND:
        return f"{max(time, 0) // 1_000_000}ms"
    if time < 10 * SECOND:
        return f"{time // (SECOND // 10) / 10:g}s"
    seconds = time // SECOND
    for big, small, size in (("d", "h", 86400), ("h", "m", 3600), ("m", "s", 60)):
        if seconds >= size:
            rest = seconds % size // {"h": 3600, "m": 60, "s": 1}[small]
            return f"{seconds // size}{big}" + (f"{rest}{small}" if rest else "")
    return f"{seconds}s"


def _fraction(digits: str | None) -> int:
    return int((digits or "").ljust(9, "0"))


def _absolute(found: re.Match[str]) -> int:
    try:
        moment = datetime.fromisoformat(f"{found[1]}T{found[2]}{'+00:00' if found[4] in 'Zz' else found[4]}")
    except ValueError as error:
        raise WrongUsage(f"{found[0]!r} is no time: {error}") from error
    return int((moment - _EPOCH.replace(tzinfo=timezone.utc)).total_seconds()) * SECOND + _fraction(found[3])


def is_moment(value: str) -> bool:
    """Whether `value` means a time of the wall clock, whatever it is counted from."""
    return bool(_RFC3339.fullmatch(value))


def parse_at(value: str, start: int) -> int:
    """The time that `value` means, in the clock of `start` (ns since 1970-01-01 UTC).

    RFC 3339, or an offset from `start`: 90, 12.5, 1m30s, 1h, 01:30, 00:01:30. Raises WrongUsage.
    """
    if found := _RFC3339.fullmatch(value):
        return _absolute(found)
    if not (found := _COLONS.fullmatch(value) or _UNITS.fullmatch(value)) or not any(found.groups()):
        raise WrongUsage(f"{value!r} is no time: give seconds, 1m30s, 00:01:30 or a time like 2026-01-02T03:04:05Z")
    hours, minutes, seconds = (int(part or 0) for part in found.groups()[:3])
    return start + (hours * 3600 + minutes * 60 + seconds) * SECOND + _fraction(found[4])
