"""The bytes of a session while its recording is being made."""

from collections.abc import Callable, Iterator

from recorder.log.events import Event
from recorder.log.format import BYTE_LANE
from recorder.log.reader import Log


class Following:
    """The events of a session's bytes: those that are there, and those that come until the log has an end.

    `wait` returns when it is worth another look. Raises BadLog as `Log.events` and `Log.refresh` do.
    """

    def __init__(self, log: Log, session: int, wait: Callable[[], object]) -> None:
        self._log, self._session, self._wait = log, session, wait
        self.live = False
        """Whether what was there when it began has been given."""

    def __iter__(self) -> Iterator[Event]:
        log, first = self._log, 0
        while True:
            for block in log.blocks(BYTE_LANE, self._session, first):
                first = block.number + 1
                yield from (event for event in block.events if event.session == self._session)
            self.live = True
            if not self._grown():
                return

    def _grown(self) -> bool:
        """Waits until there is more; false if there never will be."""
        while self._log.damage and self._log.damage.cut:
            if self._log.refresh():
                return True
            self._wait()
        return False
