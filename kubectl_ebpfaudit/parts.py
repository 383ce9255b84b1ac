"""One recorder of a run, and the thread that follows it from its start to its end."""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from kubectl_ebpfaudit.carrier import Carrier, Slow
from kubectl_ebpfaudit.live import View
from kubectl_ebpfaudit.mailbox import Mailbox
from kubectl_ebpfaudit.output import LogFile, NoFile
from kubectl_ebpfaudit.recording import Following, Outcome, Word
from replay.escape import printable


@dataclass
class Part:
    """One recorder of a run, and what became of it. `left` says what of it could not be removed."""

    node: str
    carrier: Carrier
    file: LogFile | NoFile
    view: View
    words: "Mailbox[Word]" = field(default_factory=Mailbox)
    outcome: Outcome | None = None
    error: BaseException | None = None
    left: str = ""
    done: bool = False
    unheard: "list[Word]" = field(default_factory=list)
    thread: threading.Thread | None = None
    is_dropped: bool = False
    _is_starting: bool = True
    _gate: threading.Lock = field(default_factory=threading.Lock)

    def drop(self) -> bool:
        """Gives it up if its recorder does not run yet; whether it has."""
        with self._gate:
            self.is_dropped |= self._is_starting
            return self.is_dropped

    def begin(self) -> bool:
        """Its recorder runs. Whether it is still wanted, and will not be dropped any more."""
        with self._gate:
            self._is_starting = False
            return not self.is_dropped


def follow(part: Part, slow: Slow | None, ended: Callable[[Part], object]) -> None:
    """Starts its recorder and follows it, in a thread of its own; `ended` is told once all is let go of.

    Raises nothing: what went wrong is in the part.
    """
    error: BaseException | None = None
    try:
        part.carrier.start(contextlib.nullcontext, slow)
        if part.begin():
            part.outcome = Following(part.carrier, part.file, part.view, part.words).follow()
            part.view.over()
    except BaseException as caught:  # noqa: BLE001 - the main thread tells or raises it
        error = caught
    part.begin()  # what it has ended with is not for `drop` to forget
    _close(part, error)
    ended(part)


def _close(part: Part, error: BaseException | None) -> None:
    """Lets go of all that a part has, whatever goes wrong meanwhile."""
    part.error = error
    # First: what is told from now on goes to another part.
    part.unheard = part.words.close()
    try:
        outcome = part.outcome
        if outcome and outcome.left:
            part.carrier.leave()
        elif outcome and not (outcome.end or outcome.given_up) and part.carrier.away and part.carrier.name:
            # It cannot be reached, and has what is not here yet.
            part.carrier.leave()
            name = printable(part.carrier.name)
            part.left = f"recorder {name} was left with the rest: fetch that with kubectl ebpfaudit attach {name}"
        else:
            part.left = part.carrier.close(whole=bool(outcome and outcome.end))
        part.file.close()
    except BaseException as caught:  # noqa: BLE001 - the main thread raises it
        part.error = part.error or caught
