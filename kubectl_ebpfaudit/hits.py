"""Ways to print what a search finds, recording by recording. Each tells whether there was anything."""

import sys
from collections.abc import Iterator
from typing import Protocol

from kubectl_ebpfaudit.colours import wanted
from kubectl_ebpfaudit.printing import as_json, emit
from kubectl_ebpfaudit.searching import Place
from replay.escape import printable
from replay.search.hit import Hit
from replay.search.report import as_document, as_text


class Printer(Protocol):
    """Prints the hits of one recording after another."""

    def recording(self, place: Place, hits: Iterator[Hit]) -> bool:
        """Prints those of a recording, and tells whether there are any."""

    def end(self) -> None:
        """Prints what comes after all."""


class AsText:
    """Some lines for each hit."""

    def __init__(self) -> None:
        self._colours = wanted(sys.stdout)

    def recording(self, place: Place, hits: Iterator[Hit]) -> bool:
        found = False
        for hit in hits:
            found = True
            emit(as_text(hit, place.name, self._colours))
        return found

    def end(self) -> None:
        pass


class AsNames:
    """The names of the recordings that have one."""

    def recording(self, place: Place, hits: Iterator[Hit]) -> bool:
        for _ in hits:
            emit(f"{printable(place.name)}\n")
            return True
        return False

    def end(self) -> None:
        pass


class AsCounts:
    """How many each has."""

    def recording(self, place: Place, hits: Iterator[Hit]) -> bool:
        if number := sum(1 for _ in hits):
            emit(f"{number}\t{printable(place.name)}\n")
        return bool(number)

    def end(self) -> None:
        pass


class AsData:
    """One JSON array of all, written as they are found."""

    def __init__(self) -> None:
        self._any = False

    def recording(self, place: Place, hits: Iterator[Hit]) -> bool:
        found = False
        for hit in hits:
            found = True
            shown = as_json(as_document(hit, place.name, str(place.path))).rstrip("\n").replace("\n", "\n  ")
            emit(f"{',' if self._any else '['}\n  {shown}")
            self._any = True
        return found

    def end(self) -> None:
        emit("\n]\n" if self._any else "[]\n")
