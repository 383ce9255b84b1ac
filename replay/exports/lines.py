"""Lines, put together into pieces that are worth a write."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from replay.escape import json_line

_LINES = 1000


def joined(lines: Iterable[str]) -> Iterator[bytes]:
    """The same text as UTF-8, a thousand lines at a time."""
    rest = iter(lines)
    while batch := list(islice(rest, _LINES)):
        yield "".join(batch).encode()


def compact(value: Any) -> str:
    """`value` as one line of JSON, without spaces, that is safe on a terminal."""
    return json_line(json.dumps(value, ensure_ascii=False, separators=(",", ":"))) + "\n"


def string(value: str) -> str:
    """`value` as a JSON string that is safe on a terminal."""
    return json_line(json.dumps(value, ensure_ascii=False))
