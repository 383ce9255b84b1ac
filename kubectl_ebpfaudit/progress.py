"""What is going on, in one line on a terminal's standard error, for verbs that wait for a cluster; else silence."""

import sys
from types import TracebackType

from kubectl_ebpfaudit.status_line import StatusLine
from replay.escape import printable


class Progress:
    """Use it in a `with`: at its end the line is gone."""

    def __init__(self, text: str) -> None:
        """Shows `text` at once."""
        self._line = StatusLine(sys.stderr) if sys.stderr.isatty() else None
        self.tell(text)

    def tell(self, text: str) -> None:
        """Shows `text` instead."""
        if self._line:
            self._line.show(printable(text))

    def clear(self) -> None:
        """Takes the line away, for what else is to be said."""
        if self._line:
            self._line.clear()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()
