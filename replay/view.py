"""Which part of a recording is shown, and in which form."""

from collections.abc import Iterable
from dataclasses import dataclass

from replay.model import Gap, Session
from replay.programs import Exec, FailedExec


@dataclass(frozen=True)
class View:
    """`since` and `until` are ns since 1970-01-01 UTC; `only` the commands to show, all if it is None."""

    since: int | None = None
    until: int | None = None
    flat: bool = False
    wide: bool = False
    colours: bool = False
    every: bool = False
    """Also each run of a pod's probe or hook, which else take a line in all."""
    only: frozenset[int] | None = None
    """IDs of Exec objects (`id(ran)`)."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self.since is None and self.until is None and self.only is None

    def sessions(self, of: Iterable[Session]) -> list[Session]:
        """Those that went on within that time, and have something to show."""
        return [session for session in of if self._overlaps(session) and (self.only is None or self.execs(session))]

    def _overlaps(self, of: Session) -> bool:
        ended_before = self.since is not None and (over := of.all_over) is not None and over < self.since
        return not ended_before and (self.until is None or of.started < self.until)

    def execs(self, of: Session) -> list[Exec]:
        """The commands that ran within that time."""
        if self.is_whole:
            return of.execs
        return [ran for ran in of.execs if self._shows(ran)]

    def _shows(self, ran: Exec) -> bool:
        if self.only is not None and id(ran) not in self.only:
            return False
        ended_before = self.since is not None and ran.ended is not None and ran.ended < self.since
        return not ended_before and (self.until is None or ran.time < self.until)

    def failed(self, of: Session) -> list[FailedExec]:
        """What could not be run within it."""
        return [one for one in of.failed if self.only is None and self._takes(one.time)]

    def gaps(self, of: Session) -> list[Gap]:
        """What is missing within it."""
        return [one for one in of.gaps if self._takes(one.time)]

    def _takes(self, time: int) -> bool:
        return (self.since is None or time >= self.since) and (self.until is None or time < self.until)


WHOLE = View()
