"""The lines that tell of a recorder's events while it records. All that was recorded may be hostile, and is escaped."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

from recorder.log.argv import split
from recorder.log.events import Event
from recorder.log.format import Header
from recorder.log.objects import parse_about
from replay.escape import printable, shell_line
from replay.fields import Enums
from replay.model import SESSION_ATTACHED, SESSION_END_UNSEEN
from replay.targets import NOT_FOUND, TOO_MANY
from replay.warning_report import words
from replay.warnings import told_by
from replay.words import BEFORE_RECORDING, PROBES, RECORDER_DIED

_MAX_COMMAND = 1000
"""Characters of one command line; `show` has them all."""


class Telling:
    """Of one recorder, that of `node`, which is safe to print. Events are to come in the order of the log."""

    def __init__(self, header: Header, node: str) -> None:
        self._node = node
        self._enums = Enums(header)
        self._realtime = header.realtime - header.monotonic
        self._targets = {target.number: printable(target.name) for target in header.targets}
        self._recorded = {target.number for target in header.targets if target.cgroup_id}
        self._ended: set[int] = set()
        self._on_terminal: dict[int, bool] = {}

    def look_ahead(self, events: Iterable[Event]) -> None:
        """Finds out from commands that will be told of whether the sessions before them are on terminals."""
        for event in events:
            if event.type == "exec" and event.session not in self._on_terminal:
                self._on_terminal[event.session] = bool(_number(event.fields, "tty"))

    def lines(self, event: Event, several: bool) -> Iterator[str]:
        """Those that tell of an event; `several`: there are other recorders."""
        fields = event.fields
        if event.type == "clock":
            self._realtime = _number(fields, "realtime", event.time + self._realtime) - event.time
            return
        if event.type == "target_start":
            yield from self._target_started(event)
            return
        if event.type == "target_end":
            yield self._target_ended(event)
            return
        about = self._describe(event)
        if about is None:
            return
        if event.session:
            yield f"{self._clock(event.time)}  {self._session(event, several)}  {about}"
        elif event.type != "exec":
            yield f"{self._clock(event.time)}  {about}"

    def aside(self, event: Event, text: str, several: bool) -> str:
        """The line that says something else at an event."""
        return f"{self._clock(event.time)}  {self._name(event.target, several)}{text}"

    def _session(self, event: Event, several: bool) -> str:
        number = f"{self._node}/{event.session}" if several else str(event.session)
        return f"{self._name(event.target, several)}session {number}"

    def _name(self, target: int, several: bool) -> str:
        """What a line begins with where there is more than one target."""
        return f"{self._targets[target]}  " if (len(self._targets) > 1 or several) and target in self._targets else ""

    def _target_started(self, event: Event) -> Iterator[str]:
        about = event.fields.get("about")
        target = parse_about(event.target, about, 0) if isinstance(about, bytes) else None
        if target is None:
            return
        before, name = self._targets.get(event.target), printable(target.name)
        self._targets[event.target] = name
        if not _number(event.fields, "cgroup"):
            return  # it is not there: its end follows, and says why
        is_news = name != before or event.target not in self._recorded
        self._recorded.add(event.target)
        if target.container and is_news:
            # Before its pod says what it is called, one is recorded by its ID.
            about = "was recorded, and has ended" if event.target in self._ended else "is recorded from here on"
            yield f"{self._clock(event.time)}  {name}  {about}"

    def _target_ended(self, event: Event) -> str:
        clock, name = self._clock(event.time), self._targets.get(event.target, "")
        reason = self._enums.name("target_end_reason", _number(event.fields, "reason"))
        if reason == NOT_FOUND:  # and may come
            return f"{clock}  {name}  is not recorded: it did not run when the recorder looked for it"
        self._ended.add(event.target)
        if reason == TOO_MANY:
            return f"{clock}  {name}  is not recorded: one recorder has had as many containers as it can watch"
        several = f"  {name}" if len(self._targets) > 1 else ""
        return f"{clock}{several}  the container has ended"

    def _describe(self, event: Event) -> str | None:
        kind, fields = event.type, event.fields
        if kind == "session_start":
            on_terminal = self._on_terminal.get(event.session)
            way = "" if on_terminal is None else " (exec -it)" if on_terminal else " (exec)"
            if _number(fields, "flags") & SESSION_ATTACHED:
                way = " (attach)"
            return "started, already under way" if _number(fields, "flags") & 1 else f"started{way}"
        if kind == "session_end":
            self._on_terminal.pop(event.session, None)
            if _number(fields, "flags") & SESSION_END_UNSEEN:
                return "ended, nobody saw how"
            signal = _number(fields, "signal")
            return f"ended by signal {signal}" if signal else f"ended, exit code {_number(fields, 'exit_code')}"
        if kind == "exec":
            return _command(fields)
        if kind == "gap":
            return self._gap(fields)
        if kind == "warning":
            return f"warning: {words(told_by(event, self._enums))}"
        return None

    def _gap(self, fields: dict[str, Any]) -> str | None:
        reason = self._enums.name("gap_reason", _number(fields, "reason"))
        if reason == BEFORE_RECORDING:
            return None  # that the session is under way was said
        if reason == RECORDER_DIED:
            return "the recorder died: what happens from here on is not recorded"
        lost = f"lost {_number(fields, 'events')} events and {_number(fields, 'bytes')} bytes here"
        return PROBES.get(reason, lost)

    def _clock(self, monotonic: int) -> str:
        seconds = (monotonic + self._realtime) // 10**9
        try:
            return time.strftime("%H:%M:%SZ", time.gmtime(seconds))
        except (ValueError, OverflowError, OSError):  # a clock that no log of ours can have
            return "--:--:--Z"


def _command(fields: dict[str, Any]) -> str:
    argv = fields.get("argv")
    if not isinstance(argv, bytes):
        return "?"
    line = shell_line(split(argv) or (b"",))
    if len(line) > _MAX_COMMAND or _number(fields, "argv_total") > len(argv):
        return line[:_MAX_COMMAND] + " …"
    return line


def _number(fields: dict[str, Any], name: str, default: int = 0) -> int:
    value = fields.get(name)
    return value if isinstance(value, int) else default
