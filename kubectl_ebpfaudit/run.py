"""One run of `record` or `attach`: a recorder on each node, each followed by a thread of its own.

The main thread alone hears the user's signals and what changes in the cluster, and tells the others.
"""

import select
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from kubectl_ebpfaudit.carrier import GONE, STOP, Slow, target_line
from kubectl_ebpfaudit.interrupt import Signals
from kubectl_ebpfaudit.live import Live
from kubectl_ebpfaudit.mailbox import Mailbox
from kubectl_ebpfaudit.output import LogFile
from kubectl_ebpfaudit.parts import Part, follow
from kubectl_ebpfaudit.recording import GiveUp, Leave, Say, Word
from recorder.log.errors import AuditError
from replay.escape import printable
from replay.open_files import make_room

_PULSE_MS = 500
_FILES_OF_A_PART = 8  # its log, its lock, its connections, its mailbox


@dataclass(frozen=True)
class NewTarget:
    """A container is to be recorded, too. `target` is for the recorder of that node.

    `is_over`: it has ended already, so that it is worth no recorder of its own.
    """

    node: str
    target: dict[str, Any]
    is_over: bool = False


@dataclass(frozen=True)
class News:
    """Something about what is recorded that the user is told, also one who wants to hear nothing else."""

    text: str


@dataclass(frozen=True)
class Over:
    """Nothing more will ever come."""


Change = NewTarget | News | Over

Maker = Callable[[str, list[dict[str, Any]], Live], Part]
"""Makes the part for one more node, with its first targets. Raises AuditError."""


class Run:
    """`make` is needed only if there are `changes`, which is an iterator that blocks and ends by itself.

    `is_over`: whether the time of the recording is over, though no recorder is left that would say so.
    `are_ours`: the first recorders were not there before, so that they may be ended if one of them fails.
    """

    def __init__(
        self,
        parts: list[Part],
        live: Live,
        signals: Signals,
        make: Maker | None = None,
        changes: Iterator[Change] | None = None,
        sessions: int | None = None,
        detach: bool = False,
        is_over: Callable[[], bool] | None = None,
        are_ours: bool = True,
    ) -> None:
        self.parts = parts
        self._live, self._signals = live, signals
        self._make, self._changes = make, changes
        self._sessions, self._detach, self._is_over, self._are_ours = sessions, detach, is_over, are_ours
        self._inbox: Mailbox[Part | Change] = Mailbox()
        self._ending = False
        self._takes_in = True
        self._more_may_come = changes is not None
        self._all_gone = False
        self._signals_seen = 0
        self._failure: BaseException | None = None
        """Why the recording does not begin, while what some recorders have recorded already is fetched."""

    def record(self, stop_at_once: bool = False) -> None:
        """Returns when all logs have ended; what became of each is in its part.

        Raises AuditError if the recording did not begin; nothing is left of any recorder then, or it is told. What some
        have recorded by then stays in the files of their parts, and is told.
        """
        make_room(_FILES_OF_A_PART * len(self.parts))
        try:
            self._live.progress(f"Waiting for {_recorders(self.parts)} …")
            for part in self.parts:
                part.carrier.create(self._signals.interruptible)
                # Each connects as soon as it can: a recorder does not wait for a client until all others run.
                self._start(part, self._live.slow)
            if self._changes is not None:
                self._launch(self._listen, self._changes, self._inbox)
            if stop_at_once:
                self._say(Say(STOP, ends=True))
            self._loop()
            if self._failure:
                self._tell_kept()
                raise self._failure
        except BaseException:
            self._abort()
            raise
        finally:
            self._live.close()
            self._inbox.close()

    def _start(self, part: Part, slow: Slow | None) -> None:
        part.thread = self._launch(follow, part, slow, self._inbox.put)

    @staticmethod
    def _launch(body: Callable[..., None], *arguments: Any) -> threading.Thread:
        # Daemons: what hangs in a connection must not keep the program from ending.
        thread = threading.Thread(target=body, args=arguments, daemon=True)
        thread.start()
        return thread

    @staticmethod
    def _listen(changes: Iterator[Change], inbox: "Mailbox[Part | Change]") -> None:
        for change in changes:
            inbox.put(change)

    def _loop(self) -> None:
        poll = select.poll()
        for fd in (self._signals.fd, self._inbox.fd):
            poll.register(fd, select.POLLIN)
        while not self._all_done() or self._waits():
            poll.poll(_PULSE_MS)
            self._signals.drain()
            for message in self._inbox.take():
                if isinstance(message, Part):
                    self._ended(message)
                else:
                    self._changed(message)
            self._heed_signals()
            if self._sessions is not None and self._live.ended >= self._sessions:
                self._end()
            if self._detach and self._live.is_live:
                self._detach = self._takes_in = False
                self._say(Leave())
            self._live.pulse()

    def _all_done(self) -> bool:
        return all(part.done for part in self.parts)

    def _waits(self) -> bool:
        """Whether it goes on without a recorder: the last one has ended for want of containers, and others may come."""
        wanted = self._more_may_come and self._takes_in and not self._detach
        return self._all_gone and wanted and not (self._is_over and self._is_over())

    def _ended(self, part: Part) -> None:
        part.done = True
        if part.is_dropped:
            self._forget(part)
            return
        reason = part.outcome.end.reason if part.outcome and part.outcome.end else ""
        self._all_gone = reason == "target gone"
        if reason == "duration":
            self._takes_in = False  # the others end by themselves, too
        if part.error and part.view.awaited and not (self._live.is_live or self._failure):
            self._fail(part, part.error)
        elif part.error and not self._all_done():  # else it is the last word anyway
            self._live.warn(f"error: node {printable(part.node)}: {printable(str(part.error))}")
        for word in part.unheard:
            if isinstance(word, Say) and isinstance(word.about, NewTarget):
                self._changed(word.about)
        part.unheard.clear()
        if self._all_done() and self._waits():
            now = time.strftime("%H:%M:%SZ", time.gmtime())
            self._live.note(f"{now}  nothing of it is left at present: what comes is recorded; stop with ctrl-C")

    def _fail(self, part: Part, error: BaseException) -> None:
        """The recording does not begin, since a recorder has failed: raises why, at once if nothing is to be kept."""
        if self._detach or not (self._are_ours and self._live.has_begun):
            raise error
        self._failure = error
        self._live.slow(f"Node {printable(part.node)} cannot be recorded: what the others have recorded is fetched …")
        self._end()

    def _tell_kept(self) -> None:
        kept = [part.file.path for part in self.parts if isinstance(part.file, LogFile) and part.file.size]
        if kept:
            where = kept[0] if len(kept) == 1 else kept[0].parent
            self._live.warn(f"warning: what was recorded until one recorder failed is in {printable(str(where))}")

    def _forget(self, part: Part) -> None:
        """Of one that was given up before it recorded anything, only what it has left behind is worth telling."""
        part.error = None
        if not part.left:
            self.parts.remove(part)

    def _heed_signals(self) -> None:
        if self._signals.count == self._signals_seen:
            return
        self._signals_seen = self._signals.count
        if not (self._live.has_begun or self._ending):
            raise self._signals.interrupted()
        if self._signals.count > 1:
            self._say(GiveUp("it was interrupted a second time"))
        self._end()

    def _end(self) -> None:
        if not self._ending:
            self._ending, self._takes_in = True, False
            self._say(Say(STOP, ends=True))
            for part in self.parts:
                if not part.done and part.drop():  # it has recorded nothing, and hears nothing yet
                    part.carrier.cancel()

    def _say(self, word: Word) -> None:
        for part in self.parts:
            if not part.done:
                part.words.put(word)

    def _changed(self, change: Change) -> None:
        if isinstance(change, News):
            self._live.warn(change.text)
        elif isinstance(change, Over):
            self._more_may_come = False
            # Its recorder waits for the end of what may still run there, however long that takes.
            self._say(Say(GONE))
        elif self._takes_in:
            self._take_in(change)

    def _take_in(self, new: NewTarget) -> None:
        for part in self.parts:
            if part.node == new.node and part.words.put(Say(target_line(new.target), about=new)):
                return
        if new.is_over:
            self._live.warn(f"{_name(new)} has ended before it could be recorded")
            return
        if self._make is None:
            self._live.note(f"{_name(new)} is not recorded: its node {printable(new.node)} has no recorder any more")
            return
        try:
            part = self._make(new.node, [new.target], self._live)
        except (AuditError, OSError) as error:
            self._live.warn(f"warning: node {printable(new.node)} is not recorded: {printable(str(error))}")
            return
        self.parts.append(part)
        make_room(_FILES_OF_A_PART * len(self.parts))
        self._start(part, None)

    def _abort(self) -> None:
        """Ends all that was begun."""
        self._say(GiveUp("it did not begin"))
        ending = [part for part in self.parts if not part.drop() or part.carrier.cancel()]
        for part in ending:
            if part.thread:
                part.thread.join()
        for part in self.parts:
            part.left = part.left or part.carrier.close(whole=False)
            part.file.close()
            if part.left:
                self._live.warn(f"warning: {part.left}")


def _name(new: NewTarget) -> str:
    return printable("/".join(str(new.target.get(key, "")) for key in ("namespace", "pod", "container")))


def _recorders(parts: list[Part]) -> str:
    return f"the recorder on {printable(parts[0].node)}" if len(parts) == 1 else f"recorders on {len(parts)} nodes"
