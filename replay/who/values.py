"""Takes values out of JSON that anybody may have written: of the right type, bounded, and text that can be encoded."""

import re
from datetime import datetime, timezone
from typing import Any

MAX_TEXT = 1024
"""Characters of a name, an address or a user agent that are kept."""

_MAX_ITEMS = 64
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?\s*(Z|z|[+-]\d\d:?\d\d|UTC)?", re.ASCII)


def mapping(value: Any) -> dict[str, Any]:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def string(value: Any, limit: int = MAX_TEXT) -> str:
    """`value` if it is a string, cut to `limit` characters; lone surrogates, which no encoding has, as \\uNNNN."""
    if not isinstance(value, str):
        return ""
    return value[:limit].encode("utf-8", "backslashreplace").decode()


def strings(value: Any) -> tuple[str, ...]:
    """The strings of a list."""
    return tuple(string(one) for one in value[:_MAX_ITEMS] if isinstance(one, str)) if isinstance(value, list) else ()


def integer(value: Any) -> int:
    """`value` if it is a number from 0 to 2**31, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31 else 0


def moment(value: Any) -> int:
    """ns since 1970-01-01 UTC of a time as RFC 3339 has it; 0 if it is none. Without a zone it is UTC."""
    found = _MOMENT.fullmatch(value.strip()) if isinstance(value, str) and len(value) < 64 else None
    if not found:
        return 0
    zone = "+00:00" if found[4] in (None, "Z", "z", "UTC") else found[4]
    zone = zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"
    try:
        of = datetime.fromisoformat(f"{found[1]}T{found[2]}{zone}")
    except ValueError:
        return 0
    seconds = int((of - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds())
    return max(seconds * 1_000_000_000 + int((found[3] or "").ljust(9, "0")), 0)
