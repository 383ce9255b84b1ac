"""Follows one recorder: its log goes into a file, whole object by whole object, and is acknowledged."""

import time
from dataclasses import dataclass, field

from kubectl_ebpfaudit.carrier import Carrier
from kubectl_ebpfaudit.keeping import Keeping
from kubectl_ebpfaudit.live import View
from kubectl_ebpfaudit.mailbox import Mailbox
from kubectl_ebpfaudit.output import LogFile, NoFile
from recorder.log.closing import close_log
from recorder.log.errors import AuditError, BadLog
from recorder.log.format import End
from replay.escape import printable

STOP_SECONDS = 30.0
"""How long the end record may take once the recorder was asked to end, from the last bytes of the log."""

LIVE_SECONDS = 120.0
"""How long a recorder that runs may take until its log begins: it compiles its probes, on a node that may be busy."""

_PULSE_SECONDS = 1.0


@dataclass(frozen=True)
class Say:
    """A line for the recorder, such as carrier.STOP; `ends`: the log is to end soon after it.

    `about` is for who says it: it comes back if nobody was there to hear it.
    """

    line: bytes
    ends: bool = False
    about: object = None


@dataclass(frozen=True)
class GiveUp:
    """What was not fetched yet is not worth waiting for; `why` is told."""

    why: str


@dataclass(frozen=True)
class Leave:
    """The recorder is to go on without this program."""


Word = Say | GiveUp | Leave


@dataclass
class Outcome:
    """How the log of one recorder has ended.

    `end` is its end record. `cut` says why the recorder has not written one, unless it was `left` to go on: then
    there is none, or, if nothing more of the log can come, one that the client wrote.
    """

    end: End | None = None
    cut: str = ""
    details: str = field(default="", repr=False)
    left: bool = False
    given_up: bool = False


class Following:
    """The log of one recorder on its way into a file. `words` says what is to be done meanwhile."""

    def __init__(self, carrier: Carrier, file: LogFile | NoFile, view: View, words: "Mailbox[Word]") -> None:
        self._carrier, self._file, self._view, self._words = carrier, file, view, words
        self._stream = file.stream
        self._deadline = float("inf")
        self._live_by = time.monotonic() + LIVE_SECONDS
        self._keeping = Keeping(file)

    def follow(self) -> Outcome:
        """Returns when the log has ended, or nothing more of it will come.

        Raises AuditError if there is no log at all, or CannotWrite if there is no room for more of it.
        """
        try:
            return self._follow()
        finally:
            self._keeping.close()

    def _follow(self) -> Outcome:
        while self._stream.end is None:
            for word in self._words.take():
                if outcome := self._hear(word):
                    return outcome
            data = self._carrier.read(self._words.fd, _PULSE_SECONDS)
            self._view.pulse(self._carrier)
            if data == b"":
                return self._ended_early()
            if data:
                self._push_deadline()
                try:
                    self._take(data)
                except BadLog as error:
                    if self._stream.header is None:
                        who = printable(self._carrier.name) or "here"
                        raise BadLog(f"the recorder {who} sends no log: {error}; is its image a recorder's?") from error
                    return Outcome(cut=str(error))
            elif self._stream.header is None and time.monotonic() > self._live_by:
                raise AuditError(
                    f"the recorder was not live within {LIVE_SECONDS:.0f} s{self._why()}: is its image a recorder's?"
                )
            elif time.monotonic() > self._deadline:
                return Outcome(cut=f"the recorder did not end within {STOP_SECONDS:.0f} s{self._why()}")
            self._acknowledge(self._keeping.look())
        self._acknowledge(self._keeping.finish())
        return Outcome(end=self._stream.end)

    def _hear(self, word: Word) -> Outcome | None:
        if isinstance(word, GiveUp):
            return Outcome(cut=word.why, given_up=True)
        if isinstance(word, Leave):
            return Outcome(left=True)
        self._carrier.tell(word.line)
        if word.ends:
            self._deadline = time.monotonic() + STOP_SECONDS
        return None

    def _why(self) -> str:
        return f": {self._carrier.trouble}" if self._carrier.trouble else ""

    def _push_deadline(self) -> None:
        if self._deadline != float("inf"):
            self._deadline = time.monotonic() + STOP_SECONDS

    def _take(self, data: bytes) -> None:
        for raw, parsed in self._stream.feed(data):
            self._file.append(raw)
            self._view.object(parsed)

    def _acknowledge(self, grew: bool) -> None:
        """Tells the recorder what it may forget: what is on the disk here."""
        if grew:
            self._carrier.acknowledge(self._keeping.kept)

    def _ended_early(self) -> Outcome:
        failure: AuditError = self._carrier.failure()
        if self._stream.header is None:
            raise failure
        closed = close_log(self._stream) if self._carrier.is_dead else []
        self._stream.forget_pending()
        for raw in closed:
            self._take(raw)
        return Outcome(self._stream.end, str(failure), failure.details)
