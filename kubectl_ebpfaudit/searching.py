"""Searches recordings one after another: says how far it is, and what could not be read."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from kubectl_ebpfaudit import store
from kubectl_ebpfaudit.printing import note
from kubectl_ebpfaudit.status_line import StatusLine
from kubectl_ebpfaudit.terminals import no_session
from recorder.log.errors import AuditError
from replay.errors import Incomplete, NoSuchRecording, WrongUsage, fault_of
from replay.escape import printable
from replay.listing.entry import Entry
from replay.recording import Recording, opened
from replay.search.hit import Hit
from replay.search.recording import Query, search
from replay.search.watch import TooSlow, watched

_PATIENCE_SECONDS = 1.0
_MOST_SAID = 10


class Place(NamedTuple):
    """A recording to search, or one session of it, under the name that leads to it."""

    name: str
    path: Path
    session: int | None = None


def places(names: list[str], query: Query) -> list[Place]:
    """What the command line names, or all recordings of the store in which there may be a hit, oldest first."""
    if names:
        found = [store.resolve(name) for name in names]
        return [Place(store.name_of(of.path), of.path, of.session) for of in found]
    entries = sorted(store.overview(), key=lambda e: (e.started or 0, e.stem))
    return [Place(e.stem, e.path) for e in entries if _may_have(e, query)]


def _may_have(of: Entry, query: Query) -> bool:
    if query.since is not None and of.ended is not None and of.ended < query.since:
        return False
    if query.until is not None and of.started is not None and of.started >= query.until:
        return False
    # Where targets may be missing, what it is about is not known before it is read.
    return query.namespace is None or query.namespace in of.namespaces or of.state != "complete"


class Searcher:
    """Gives the hits of many recordings. What could not be read is kept in `faults`."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self.faults: list[AuditError] = []
        self._began = time.monotonic()
        self._line = StatusLine(sys.stderr) if sys.stderr.isatty() else None

    def run(self, wanted: list[Place]) -> Iterator[tuple[Place, Iterator[Hit]]]:
        """Each recording with its hits, to be taken one after the other."""
        with ExitStack() as closing:
            if self._line:
                closing.callback(self._line.clear)
            closing.enter_context(watched(self._query.pattern))
            for count, place in enumerate(wanted, 1):
                if self._line and time.monotonic() - self._began > _PATIENCE_SECONDS:
                    self._line.show(f"searching {count} of {len(wanted)}: {printable(place.name)}")
                yield place, self._hits(place)

    def _hits(self, place: Place) -> Iterator[Hit]:
        try:
            with opened(place.path) as found:
                for hit in search(found, self._query, place.session):
                    if self._line:
                        self._line.clear()
                    yield hit
                if place.session is not None and place.session not in (known := found.sessions()):
                    self.faults.append(no_session(found, place.session, known))
                self._complain(place, found)
        except TooSlow as error:
            raise WrongUsage(str(error)) from error  # 1 would mean that nothing was found
        except AuditError as error:
            self._fault(error)

    def _complain(self, place: Place, found: Recording) -> None:
        for part in found.parts:
            if part.damage:
                kind = fault_of(part.damage)
                where = printable(f"{place.name}/{part.name}" if found.is_folder else place.name)
                self._fault(kind(f"{where}: {part.damage.reason}; what comes before was searched"))
        for log in found.broken:
            self._fault(
                type(log.problem)(f"{printable(f'{place.name}/{log.name}')}: {log.reason}; it was not searched")
            )

    def _fault(self, error: AuditError) -> None:
        if not isinstance(error, NoSuchRecording):  # that was deleted since it was listed
            self.faults.append(error)

    def complain(self) -> None:
        """Says what was not searched, and raises the worst of it unless it was only the end that was missing."""
        faults = sorted(self.faults, key=lambda fault: isinstance(fault, Incomplete))
        worst = next((fault for fault in faults if not isinstance(fault, Incomplete)), None)
        said = [fault for fault in faults if fault is not worst]
        for fault in said[:_MOST_SAID]:
            note(f"warning: {printable(fault)}")
        if len(said) > _MOST_SAID:
            note(f"warning: and {len(said) - _MOST_SAID:,} more that were not searched to their end")
        if worst:
            raise worst
