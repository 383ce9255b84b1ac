"""A session during which somebody turns ftrace off and on, and one that is recorded while it is off.

Run as a program it records them on this machine, whose ftrace it turns off meanwhile, and prints one JSON object:
{"taken", "reasons", "kinds", "seen", "taken_off", "seen_off"}: the ways that were taken, the reasons of gaps and the
kinds of warnings in order of time, and what was seen of what was printed; ways and prints of the second session.
"""

import json
from pathlib import Path
from typing import Any

from tests.support.container import Container, container
from tests.support.recorder import Recording, recording
from tests.support.terminal import Terminal

_SWITCH = Path("/proc/sys/kernel/ftrace_enabled")
_SAID = ("on", "off", "again")
_BOTH = b"mount -o remount,rw /proc/sys; for i in 0 1; do echo $i >/proc/sys/kernel/ftrace_enabled; done"


def record() -> dict[str, Any]:
    """Records the sessions; what the program prints."""
    with container(privileged=True) as victim:
        with recording({"container_id": victim.id}, sessions=1) as live, _shell(victim) as terminal:
            _type(terminal, b"echo said''-on")
            _SWITCH.write_text("0")
            live.wait_until(lambda: len(live.of("gap")) == 1)
            _type(terminal, b"echo said''-off")
            _SWITCH.write_text("1")
            live.wait_until(lambda: len(live.of("gap")) == 2)
            _type(terminal, b"echo said''-again")
            _type(terminal, _BOTH)
            terminal.send(b"exit\r")
            terminal.wait()
            live.end()
        told = {
            "taken": live.header.raw["probes"],
            "reasons": [e.fields["reason"] for e in live.of("gap")],
            "kinds": [e.fields["kind"] for e in live.of("warning")],
            "seen": _seen(live),
        }
        _SWITCH.write_text("0")
        try:
            with recording({"container_id": victim.id}, sessions=1) as live, _shell(victim) as terminal:
                _type(terminal, b"echo said''-off")
                terminal.send(b"exit\r")
                terminal.wait()
                live.end()
        finally:
            _SWITCH.write_text("1")
    return {**told, "taken_off": live.header.raw["probes"], "seen_off": _seen(live)}


def _shell(victim: Container) -> Terminal:
    terminal = Terminal(victim.exec_argv("/bin/bash", "--norc", "-i"))
    terminal.expect(b"# ")
    return terminal


def _type(terminal: Terminal, line: bytes) -> None:
    terminal.send(line + b"\r")
    terminal.expect(b"# ")


def _seen(live: Recording) -> list[str]:
    return [said for said in _SAID if f"said-{said}".encode() in live.output()]


if __name__ == "__main__":
    print(json.dumps(record()))
