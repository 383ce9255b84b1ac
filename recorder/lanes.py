"""Both lanes of events on their way from the rings to the log: in order, and with all that is missing told."""

from collections.abc import Iterable, Iterator, Sized

from recorder.events import Event
from recorder.loss import Lane, Streams
from recorder.scope import BYTES, MAX_TARGETS, PROCESS, Scope

Open = tuple[tuple[int, int], tuple[int, int], int]
"""A terminal or a pipe that is open: its target and session, its number and direction, and its bytes so far."""


class Lanes:
    """`targets` are as many as there were so far."""

    def __init__(self, scope: Scope, targets: Sized) -> None:
        self._scope, self._targets = scope, targets
        self.process = Lane(lambda target: scope.lost(target, PROCESS))
        self.bytes = Lane(lambda target: scope.lost(target, BYTES))
        self._offsets = Streams()

    @property
    def waiting(self) -> bool:
        """Whether events are held back."""
        return self.process.waiting or self.bytes.waiting

    def release(self, until: int, final: bool = False) -> tuple[list[Event], list[Event]]:
        """The events up to `until` (ns) of the lane of processes, and of that of bytes. As Lane.release."""
        return self.process.release(until, final), self._offsets.check(self.bytes.release(until, final))

    def tell_overdue(self, now: int) -> None:
        """Tells what has been missing for so long that no later event may show it. Only once the rings are empty."""
        for target, process, byte in self._next():
            self.process.take(self.process.overdue(target, process, now))
            self.bytes.take(self.bytes.overdue(target, byte, now))

    def cut_short(self, now: int, still_open: Iterable[Open]) -> list[Event]:
        """The gaps at the end of terminals and pipes that are open as the recording ends."""
        return [gap for whose, stream, total in still_open for gap in self._offsets.tail(now, whose, stream, total)]

    def tails(self, now: int) -> tuple[list[Event], list[Event]]:
        """The gaps after the last events of each lane, as the recording ends."""
        process: list[Event] = []
        byte: list[Event] = []
        for target, next_process, next_byte in self._next():
            process += self.process.tail(target, next_process, now)
            byte += self.bytes.tail(target, next_byte, now)
        return process, byte

    def _next(self) -> Iterator[tuple[int, int, int]]:
        """Of each target that there was: its number, and the next number that an event of it gets in each lane."""
        for target in range(1, min(len(self._targets) + 1, MAX_TARGETS)):
            state = self._scope.state(target)
            yield target, state[PROCESS], state[BYTES]
