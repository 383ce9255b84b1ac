"""Times and durations."""

import pytest

from replay.clock import SECOND, duration, parse_at, rfc3339, time_of_day
from replay.errors import WrongUsage

START = 1_767_323_045 * SECOND  # 2026-01-02T03:04:05Z


def test_a_time_has_nine_digits_and_is_utc() -> None:
    assert rfc3339(START + 6) == "2026-01-02T03:04:05.000000006Z"


def test_a_time_before_1970_and_one_far_off_are_still_times() -> None:
    assert rfc3339(-1) == "1969-12-31T23:59:59.999999999Z"
    assert rfc3339(1 << 65).startswith("3139-")


def test_a_time_of_another_day_has_its_date() -> None:
    assert time_of_day(START + 678 * 1_000_000, START) == "03:04:05.678"
    assert time_of_day(START + 86400 * SECOND, START) == "2026-01-03 03:04:05.000"


@pytest.mark.parametrize(
    ("ns", "shown"),
    [
        (-5, "0ms"),
        (17000000, "17ms"),
        (4250000000, "4.2s"),
        (12 * SECOND, "12s"),
        (192 * SECOND, "3m12s"),
        (120 * SECOND, "2m"),
        (7500 * SECOND, "2h5m"),
        (90000 * SECOND, "1d1h"),
    ],
)
def test_a_duration_has_at_most_two_units(ns: int, shown: str) -> None:
    assert duration(ns) == shown


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("90", 90),
        ("12.5", 12.5),
        ("1m30s", 90),
        ("1h", 3600),
        ("01:30", 90),
        ("00:01:30.25", 90.25),
        ("0", 0),
        ("2026-01-02T03:04:06Z", 1),
        ("2026-01-02T04:04:06.5+01:00", 1.5),
        ("2026-01-02T03:04:04Z", -1),
    ],
)
def test_at_takes_offsets_and_rfc3339(value: str, seconds: float) -> None:
    assert parse_at(value, START) == START + int(seconds * SECOND)


@pytest.mark.parametrize("value", ["", "soon", "-5", "1x", "2026-13-01T00:00:00Z", "2026-01-02", ":", "1:2:3:4", "½"])
def test_at_refuses_what_is_no_time(value: str) -> None:
    with pytest.raises(WrongUsage, match="is no time"):
        parse_at(value, START)
