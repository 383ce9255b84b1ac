"""Times on the command line: a moment, or how long ago."""

import contextlib
import re
import time

from kubectl_ebpfaudit.duration import parse_duration
from replay.clock import SECOND, parse_at
from replay.errors import WrongUsage
from replay.escape import printable

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DAYS = re.compile(r"(\d{1,6})([dw])", re.ASCII)
_SECONDS_OF = {"d": 86400, "w": 7 * 86400}


def age(option: str, value: str) -> int:
    """ns of an age such as 30d, 2w, 12h or 90s. Raises WrongUsage."""
    if found := _DAYS.fullmatch(value):
        return int(found[1]) * _SECONDS_OF[found[2]] * SECOND
    with contextlib.suppress(ValueError):
        if not value.isdigit():  # 30 may be meant as days, and something may be deleted for it
            return int(parse_duration(value) * SECOND)
    raise WrongUsage(f"{option} {printable(value)}: give an age with its unit, such as 30d, 2w, 12h or 90m")


def moment(option: str, value: str | None, now: int | None = None) -> int | None:
    """The time that an option gives, ns since 1970-01-01 UTC: a time, a date (its begin, UTC), or an age.

    Raises WrongUsage.
    """
    if value is None:
        return None
    if _DATE.fullmatch(value):
        value += "T00:00:00Z"
    if "-" in value:
        try:
            return parse_at(value, 0)
        except WrongUsage as error:
            raise WrongUsage(f"{option}: {error}") from error
    try:
        return (time.time_ns() if now is None else now) - age(option, value)
    except WrongUsage as error:
        raise WrongUsage(
            f"{option} {printable(value)}: give a time such as 2026-01-02T03:04:05Z, a date, or an age such as 2h or 7d"
        ) from error
