"""Two scripted sessions, on a terminal and on pipes, and what has to be recorded of them everywhere and by every way.

Run as a program it records them on this machine, prints one JSON object and ends with 1 if bytes are not those
that went through: {"kernel", "machine", "taken", "events", "wrong", "gaps"}.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from recorder.log.events import Event
from tests.support.container import container
from tests.support.recorder import Recording, recording
from tests.support.terminal import Terminal

_PROMPT = b"@> "
_SECONDS = 300
"""Deadline for each thing that is waited for: an emulated machine may have a tenth of a processor."""
_SECRET = b"hunter22\r"
_LINES = (
    b"/bin/true 'a b' '' one",
    b"/nosuch",
    b"/etc/passwd",
    b"cd /tmp; /bin/sh -c 'kill -TERM $$'",
    "printf 'Grüße 日本\\n'".encode(),
    b"trap resized=1 WINCH",
    b"i=0; while [ $i -lt 500 ]; do echo line $i abcdefghijklmnop; i=$((i+1)); done",
)

_PIPED = ["/bin/bash", "-c", "echo ready; /bin/cat; echo bad >&2"]
_PIPED_BYTES = 70_000  # more than a pipe holds

EXPECTED: list[list[Any]] = [
    ["session_start", 1],
    ["exec", 1, "/bin/bash", "/", ["/bin/bash", "--norc", "-i"]],
    ["fork", 1, 2],
    ["exec", 2, "/bin/true", "/", ["/bin/true", "a b", "", "one"]],
    ["exit", 2, 0, 0],
    ["fork", 1, 3],
    ["exec_failed", 3, "/nosuch", 2],
    ["exit", 3, 127, 0],
    ["fork", 1, 4],
    ["exec_failed", 4, "/etc/passwd", 13],
    ["exit", 4, 126, 0],
    ["fork", 1, 5],
    ["exec", 5, "/bin/sh", "/tmp", ["/bin/sh", "-c", "kill -TERM $$"]],
    ["exit", 5, 0, 15],
    ["exit", 1, 3, 0],
    ["session_end", 3, 0],
    ["session_start", 6],
    ["exec", 6, "/bin/bash", "/", _PIPED],
    ["fork", 6, 7],
    ["exec", 7, "/bin/cat", "/", ["/bin/cat"]],
    ["exit", 7, 0, 0],
    ["exit", 6, 0, 0],
    ["session_end", 0, 0],
]
"""The events of their processes, in order: kind, process (numbered as they come), and what is the same everywhere."""


def record(**config: Any) -> dict[str, Any]:
    """Records the sessions; what the program prints."""
    with container() as victim, recording({"container_id": victim.id}, sessions=2, **config) as live:
        with Terminal(victim.exec_argv("/bin/bash", "--norc", "-i"), rows=30, cols=100) as terminal:
            _type(terminal)
            code = terminal.wait(_SECONDS)
        live.wait_for("session_end")
        sent = os.urandom(_PIPED_BYTES)
        received = _through_pipes(victim.exec_argv(*_PIPED, tty=False), sent)
        end = live.end()
    closed = live.of("tty_close")
    offsets = [sum(len(e.fields["data"]) for e in live.of("tty_out")), sum(e.fields["out_bytes"] for e in closed)]
    sizes = [(e.fields["rows"], e.fields["cols"]) for e in live.of("tty_open", "tty_resize")]
    seqs = {lane: sorted(e.seq for e in live.events if e.lane == lane and e.seq is not None) for lane in _LANES}
    checks = {
        "exit code": code == 3,
        "output": live.output() == terminal.output,
        "typed": live.typed() == terminal.sent.replace(_SECRET, b""),
        "password": _SECRET.strip() not in live.log,
        "offsets": offsets == [len(terminal.output)] * 2,
        "window": sizes[-1] == (50, 132),
        "numbers": all(found == list(range(len(found))) for found in seqs.values()),
        "pipes": _pipes(live) == dict(enumerate((sent, *received))),
        "pieces": _in_order(live.of("tty_out"), terminal.output)
        and _in_order(live.of("tty_in"), terminal.sent)
        and all(
            _in_order((e for e in live.of("stream_data") if e.fields["fd"] == fd), data)
            for fd, data in enumerate((sent, *received))
        ),
        "hashes": _hashes(live) == dict(enumerate(hashlib.sha256(data).digest() for data in (sent, *received))),
        "piped": received == (b"ready\n" + sent, b"bad\n"),
        "nothing lost": not end.lost,
    }
    return {
        "kernel": os.uname().release,
        "machine": os.uname().machine,
        "taken": live.header.raw["probes"],
        "events": _events(live),
        "wrong": [name for name, right in checks.items() if not right],
        "gaps": [e.fields for e in live.of("gap")],
    }


_LANES = ("process", "bytes")


def _type(terminal: Terminal) -> None:
    terminal.expect(b"# ", timeout=_SECONDS)
    terminal.send(b"PS1='@''> '\r")
    terminal.expect(_PROMPT, timeout=_SECONDS)
    for line in _LINES:
        terminal.send(line + b"\r")
        terminal.expect(_PROMPT, timeout=_SECONDS)
    terminal.resize(50, 132)
    terminal.send(b"until [ \"$resized\" ]; do :; done; echo resi''zed\r")
    terminal.expect(re.compile(rb"resized\r?\n" + _PROMPT), timeout=_SECONDS)
    terminal.send(b"read -rsp 'rea''dy ' x; echo got ${#x}\r")
    terminal.expect(b"ready ", timeout=_SECONDS)
    terminal.send(_SECRET)
    terminal.expect(re.compile(rb"got 8\r?\n" + _PROMPT), timeout=_SECONDS)
    terminal.send(b"exit 3\r")


def _through_pipes(argv: list[str], sent: bytes) -> tuple[bytes, bytes]:
    """Output and errors of a program that is sent this once it is ready."""
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout
        ready = program.stdout.readline()
        output, errors = program.communicate(sent, timeout=120)
    return ready + output, errors


def _pipes(live: Recording) -> dict[int, bytes]:
    found = dict.fromkeys(range(3), b"")
    for e in live.of("stream_data"):
        found[e.fields["fd"]] += e.fields["data"]
    return found


def _in_order(events: Iterable[Event], whole: bytes) -> bool:
    """Whether the bytes of each event are some of those that went through, after those of the event before."""
    at = 0
    for data in (e.fields["data"] for e in events):
        found = whole.find(data, at)
        if found < 0:
            return False
        at = found + len(data)
    return True


def _hashes(live: Recording) -> dict[int, bytes]:
    return {e.fields["fd"]: e.fields["sha256"] for e in live.of("stream_close")}


def _events(live: Recording) -> list[list[Any]]:
    numbers: dict[int, int] = {}

    def number(pid: int) -> int:
        return numbers.setdefault(pid, len(numbers) + 1)

    found: list[list[Any]] = []
    for e in live.of("session_start", "fork", "exec", "exec_failed", "exit", "session_end"):
        fields = e.fields
        if e.type == "exec":
            argv = fields["argv"].decode().removesuffix("\0").split("\0")
            found.append([e.type, number(e.pid), fields["filename"].decode(), fields["cwd"].decode(), argv])
        elif e.type == "fork":
            found.append([e.type, number(e.pid), number(fields["child"])])
        elif e.type == "exec_failed":
            found.append([e.type, number(e.pid), fields["filename"].decode(), fields["error"]])
        elif e.type == "exit":
            found.append([e.type, number(e.pid), fields["exit_code"], fields["signal"]])
        elif e.type == "session_start":
            found.append([e.type, number(e.pid)])
        else:
            found.append([e.type, fields["exit_code"], fields["signal"]])
    return found


def main() -> int:
    told = record()
    print(json.dumps(told))
    return 1 if told["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
