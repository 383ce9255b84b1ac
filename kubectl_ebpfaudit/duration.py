"""Durations as Go and kubectl write them: 90s, 30m, 1h30m, 1.5h."""

import re
from decimal import Decimal

_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)", re.ASCII)
_MAX_SECONDS = 10**9


def parse_duration(text: str) -> float:
    """Seconds. A number without a unit is seconds, as kubectl takes it. Raises ValueError."""
    if re.fullmatch(r"[0-9]{1,12}", text):
        return _bounded(Decimal(text), text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no duration: write it like 90s, 30m or 1h30m")
    return _bounded(sum((Decimal(number) * _SECONDS[unit] for number, unit in parts), Decimal(0)), text)


def _bounded(seconds: Decimal, text: str) -> float:
    if seconds > _MAX_SECONDS:
        raise ValueError(f"{text!r} is longer than any recording can be")
    return float(seconds)
