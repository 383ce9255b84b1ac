"""Runs the real recorder on this machine and collects what it records."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from recorder.config import PROTOCOL
from recorder.log.events import Event, decode_block
from recorder.log.format import Block, End, Header
from recorder.log.stream import Stream

ROOT = Path(__file__).parents[2]
PROBES = dict(pair.split("=") for pair in os.environ.get("EBPFAUDIT_PROBES", "").split(",") if pair)
"""Ways that kinds of probes are to take in tests, as "tty=kprobe,stream=fexit|fexit-pipe"; else the best there are."""
CAPABILITIES = os.environ.get("EBPFAUDIT_CAPABILITIES", "")
"""Capabilities that tests are to leave the recorder, as "BPF,PERFMON"; empty: all that root has."""

_BOOT = f"import sys; sys.path.append({str(ROOT)!r}); from recorder.__main__ import main; sys.exit(main())"


def recorder_argv(*arguments: str) -> list[str]:
    """The command line of the recorder, under the system's Python, for which alone bcc is packaged."""
    drop = with_only(CAPABILITIES.split(",")) if CAPABILITIES else []
    return [*drop, "/usr/bin/python3", "-I", "-c", _BOOT, *arguments]


def with_only(capabilities: Iterable[str]) -> list[str]:
    """What to put before a command line so that root runs it with no more than these capabilities ("BPF", …)."""
    bounds = ",".join(["-all", *(f"+{name.lower()}" for name in capabilities)])
    return ["setpriv", "--bounding-set", bounds, "--inh-caps", "-all", "--"]


def serve_argv(spool: Path, offset: int = 0) -> list[str]:
    """The command line that serves what a recorder writes into a spool."""
    return recorder_argv("serve", "--spool", str(spool), "--from", str(offset), "--protocol", str(PROTOCOL))


class Recording:
    """A recorder at work. `log` is what it wrote so far, `events` what that holds."""

    def __init__(self, spool: Path, config: dict[str, Any]) -> None:
        self.log = bytearray()
        self.events: list[Event] = []
        self._stream = Stream()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        forced = {kind: ways.split("|") for kind, ways in PROBES.items()}
        text = json.dumps({"recording": "test", "probes": forced, **config})
        started = time.monotonic()
        self.agent = subprocess.Popen(
            recorder_argv("agent", "--spool", str(spool), "--config", text), stderr=self._errors
        )
        self._serve = subprocess.Popen(serve_argv(spool), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._started = started

    def __enter__(self) -> "Recording":
        try:
            while self._stream.header is None:
                assert self._read(), f"the recorder ended before it was live: {self.errors}"
        except BaseException:
            self.close()
            raise
        self.seconds_to_live = time.monotonic() - self._started
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for process in (self._serve, self.agent):
            process.kill()
            process.wait()
        assert self._serve.stdin
        assert self._serve.stdout
        self._serve.stdin.close()
        self._serve.stdout.close()
        self._errors.close()

    @property
    def errors(self) -> str:
        """What the recorder wrote to stderr."""
        self._errors.seek(0)
        return self._errors.read().decode()

    @property
    def header(self) -> Header:
        assert self._stream.header
        return self._stream.header

    def stop(self) -> None:
        """Asks for the end of the log."""
        assert self._serve.stdin
        self._serve.stdin.write(b"stop\n")
        self._serve.stdin.flush()

    def end(self) -> End:
        """The end record, once it is there; the recorder has ended then."""
        while self._read():
            pass
        assert self._stream.end, f"the log has no end record: {self.errors}"
        assert self.agent.wait(120) == 0, self.errors
        assert self._serve.wait(120) == 0
        return self._stream.end

    def wait_for(self, *types: str) -> Event:
        """The first event of one of these types that has not been waited for yet."""
        at = 0
        while True:
            for event in self.events[at:]:
                at += 1
                if event.type in types:
                    return event
            assert self._read(), f"the log ended without {types}"

    def wait_until(self, seen: Callable[[], bool]) -> None:
        """Reads on until `seen` says that what is waited for is there."""
        while not seen():
            assert self._read(), "the log ended before that"

    def of(self, *types: str, session: int | None = None) -> list[Event]:
        """The events of these types, in the order of time."""
        found = [e for e in self.events if e.type in types and session in (None, e.session)]
        return sorted(found, key=lambda e: e.time)

    def output(self, session: int | None = None) -> bytes:
        """What came out of the terminals of a session."""
        return b"".join(e.fields["data"] for e in self.of("tty_out", session=session))

    def typed(self, session: int | None = None) -> bytes:
        """What was typed, as far as it was kept."""
        return b"".join(e.fields["data"] for e in self.of("tty_in", session=session))

    def commands(self, session: int | None = None) -> list[list[str]]:
        """The argv of every exec, with all its pieces."""
        found: list[list[str]] = []
        for event in self.of("exec", "exec_argv", session=session):
            argv = event.fields["argv"]
            if event.type == "exec_argv":
                argv = "\0".join([*found.pop(), ""]).encode(errors="surrogateescape")[:-1] + argv
            found.append(argv.removesuffix(b"\0").decode(errors="surrogateescape").split("\0"))
        return found

    def _read(self) -> bool:
        assert self._serve.stdout
        data = os.read(self._serve.stdout.fileno(), 1 << 18)
        for raw, parsed in self._stream.feed(data):
            self.log += raw
            if isinstance(parsed, Block):
                self.events += decode_block(self.header, parsed)
        return bool(data)


@contextmanager
def recording(*targets: dict[str, Any], **config: Any) -> Iterator[Recording]:
    """A recorder that is live, with these targets and options of recorder/config.py."""
    with tempfile.TemporaryDirectory(prefix="ebpfaudit-test-") as spool:
        with Recording(Path(spool), {"targets": list(targets), **config}) as live:
            yield live
