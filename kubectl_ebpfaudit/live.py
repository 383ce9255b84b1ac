"""What `record` says on stderr while it records: that it does, then each session and command."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any, TextIO

from recorder.log.errors import BadLog
from recorder.log.events import Event, decode_block
from recorder.log.format import PROCESS_LANE, Block, Header, Target
from replay.escape import printable, shell_line

_MAX_COMMAND = 1000
"""Characters of one command line; `show` has them all."""


class Live:
    """Writes to `out` unless `quiet`. Everything that was recorded may be hostile, and is escaped."""

    def __init__(self, out: TextIO, quiet: bool = False) -> None:
        self._out = out
        self.quiet = quiet
        self.sessions = self.commands = 0
        self._header: Header | None = None
        self._realtime = 0

    def object(self, parsed: object) -> None:
        """Shows what is to be shown of an object of the log."""
        if isinstance(parsed, Header):
            self._header = parsed
            self._realtime = parsed.realtime - parsed.monotonic
            self.note(f"Recording {_targets(parsed)}; stop with ctrl-C")
        elif isinstance(parsed, Block) and parsed.lane == PROCESS_LANE and self._header and not self.quiet:
            try:
                for event in decode_block(self._header, parsed):
                    for line in self._lines(event):
                        self.note(line)
            except BadLog as error:  # the log is kept as it is, and goes on
                self.warn(f"warning: {printable(error)}")

    def note(self, line: str) -> None:
        """One line, which must be safe to print; not with `quiet`."""
        if not self.quiet:
            self.warn(line)

    def warn(self, line: str) -> None:
        """One line, also with `quiet`."""
        with contextlib.suppress(OSError):  # a terminal that was closed must not end the recording
            print(line, file=self._out, flush=True)

    def _lines(self, event: Event) -> Iterator[str]:
        fields = event.fields
        if event.type == "clock":
            self._realtime = _number(fields, "realtime", event.time + self._realtime) - event.time
            return
        about = _describe(event.type, fields)
        if about is None:
            return
        self.sessions += event.type == "session_start"
        self.commands += event.type == "exec" and event.session > 0
        if event.session:
            yield f"{self._clock(event.time)}  session {event.session}  {about}"
        elif event.type != "exec":
            yield f"{self._clock(event.time)}  {about}"

    def _clock(self, monotonic: int) -> str:
        seconds = (monotonic + self._realtime) // 10**9
        try:
            return time.strftime("%H:%M:%SZ", time.gmtime(seconds))
        except (ValueError, OverflowError, OSError):  # a clock that no log of ours can have
            return "--:--:--Z"


def _describe(kind: str, fields: dict[str, Any]) -> str | None:
    if kind == "session_start":
        return "started, already under way" if _number(fields, "flags") & 1 else "started"
    if kind == "session_end":
        signal = _number(fields, "signal")
        return f"ended by signal {signal}" if signal else f"ended, exit code {_number(fields, 'exit_code')}"
    if kind == "exec":
        return _command(fields)
    if kind == "gap":
        return f"lost {_number(fields, 'events')} events and {_number(fields, 'bytes')} bytes here"
    if kind == "target_end":
        return "the container has ended"
    return None


def _command(fields: dict[str, Any]) -> str:
    argv = fields.get("argv")
    if not isinstance(argv, bytes):
        return "?"
    line = shell_line(tuple(argv.removesuffix(b"\0").split(b"\0")))
    if len(line) > _MAX_COMMAND or _number(fields, "argv_total") > len(argv):
        return line[:_MAX_COMMAND] + " …"
    return line


def _number(fields: dict[str, Any], name: str, default: int = 0) -> int:
    value = fields.get(name)
    return value if isinstance(value, int) else default


def _targets(header: Header) -> str:
    names = ", ".join(map(_name, header.targets))
    node = header.raw.get("node")
    name = node.get("name") if isinstance(node, dict) else None
    return f"{names} on {printable(name)}" if isinstance(name, str) and name else names


def _name(target: Target) -> str:
    return printable(target.name) or f"target {target.number}"
