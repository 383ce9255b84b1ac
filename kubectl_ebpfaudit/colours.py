"""Whether what is printed may have colours (https://no-color.org)."""

import os
from typing import TextIO


def wanted(stream: TextIO) -> bool:
    """Whether `stream` is a terminal that has them, and nobody has asked for none."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
