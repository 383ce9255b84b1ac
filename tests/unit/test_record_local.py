"""The carrier on this machine, with a program in the recorder's place: what is started is always removed."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubectl_ebpfaudit.carrier import STOP, Order
from kubectl_ebpfaudit.failures import of_recorder
from kubectl_ebpfaudit.interrupt import Signals
from kubectl_ebpfaudit.local import LocalCarrier
from recorder.log.errors import AuditError, KernelRefused
from recorder.log.reader import open_log
from tests.support.carried import log_objects

ROOT = Path(__file__).parents[2]

# An agent that writes what it is told to, and ends when `serve` has served that; `serve` as ours does.
FAKE = """
import os, pathlib, signal, sys, time
verb, spool = sys.argv[1], pathlib.Path(sys.argv[3])
log, stop, done = spool / "log", spool / "stop", spool / "done"
def wait(path):
    while not path.exists():
        time.sleep(0.01)
if verb == "agent":
    {agent}
else:
    wait(log)
    os.write(1, log.read_bytes())
    if sys.stdin.readline() == "stop\\n":
        stop.touch()
        wait(spool / "rest")
        os.write(1, (spool / "rest").read_bytes())
        done.touch()
"""


def _command(folder: Path, agent: str) -> list[str]:
    for number, data in enumerate(log_objects()):
        (folder / f"object{number}").write_bytes(data)
    program = folder / "fake.py"
    objects = f"objects = [pathlib.Path({str(folder)!r}, f'object{{n}}').read_bytes() for n in range(4)]"
    program.write_text(FAKE.format(agent="\n    ".join([objects, *agent.splitlines()])))
    return [sys.executable, str(program)]


WHOLE = """
part = spool / "part"
part.write_bytes(b"".join(objects[:2]))
part.rename(log)
wait(stop)
part.write_bytes(b"".join(objects[2:]))
part.rename(spool / "rest")
wait(done)
"""


@pytest.fixture
def spools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which carriers make theirs."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@contextlib.contextmanager
def _started(command: list[str]) -> Iterator[tuple[LocalCarrier, Signals]]:
    carrier = LocalCarrier(Order([{"pid": 1}]), command)
    with Signals() as signals:
        try:
            carrier.start(signals.interruptible)
            yield carrier, signals
        finally:
            assert carrier.close(whole=False) == ""


def _read_all(carrier: LocalCarrier, signals: Signals) -> bytes:
    data = b""
    while (piece := carrier.read(signals.fd, 10)) != b"":
        data += piece or b""
    return data


def test_log_arrives_whole_and_nothing_is_left(tmp_path: Path, spools: Path) -> None:
    carrier = LocalCarrier(Order([{"pid": 1}]), _command(tmp_path, WHOLE))
    with Signals() as signals:
        carrier.start(signals.interruptible)
        [folder] = spools.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        begun = carrier.read(signals.fd, 10)
        carrier.tell(STOP)
        whole = b"".join((tmp_path / f"object{n}").read_bytes() for n in range(4))
        assert (begun or b"") + _read_all(carrier, signals) == whole
        assert carrier.close(whole=True) == ""
        assert carrier.close(whole=True) == ""
    assert not list(spools.iterdir())


def test_read_ends_when_it_is_woken_or_nothing_comes(tmp_path: Path, spools: Path) -> None:
    with _started(_command(tmp_path, "time.sleep(60)")) as (carrier, signals):
        assert carrier.read(signals.fd, 0.01) is None
        os.kill(os.getpid(), signal.SIGTERM)
        assert carrier.read(signals.fd, 60) is None
    assert not list(spools.iterdir())


def test_agent_that_fails_at_once_is_reported_with_its_own_words_and_code(tmp_path: Path, spools: Path) -> None:
    agent = r"sys.stderr.write('noise\nerror: the kernel refused exec\nR1 \x1b[31m\nR2\n'); sys.exit(13)"
    with _started(_command(tmp_path, agent)) as (carrier, signals):
        assert carrier.read(signals.fd, 60) == b""
        failure = carrier.failure()
    assert isinstance(failure, KernelRefused)
    assert str(failure) == "the kernel refused exec"
    assert failure.details == "R1 \\x1b[31m\nR2"


def test_agent_that_is_killed_later_is_reported_after_all_that_it_wrote(tmp_path: Path, spools: Path) -> None:
    agent = WHOLE.replace("wait(stop)", "os.kill(os.getpid(), 9)")
    with _started(_command(tmp_path, agent)) as (carrier, signals):
        data = b""
        while len(data) < sum(map(len, log_objects()[:2])):
            data += carrier.read(signals.fd, 10) or b""
        for _ in range(3):  # that the agent has ended is no reason to read no more: `serve` may have the rest
            assert carrier.read(signals.fd, 0.2) is None
        assert "killed by signal 9" in str(carrier.failure())


def test_recorder_that_cannot_be_started_is_an_error_and_leaves_nothing(spools: Path) -> None:
    with pytest.raises(AuditError, match="/nowhere/python"), _started(["/nowhere/python"]):
        pass
    assert not list(spools.iterdir())


def test_recorder_without_words_is_an_error_of_its_own() -> None:
    assert "ended with exit code 1 and said no reason" in str(of_recorder(1, "Traceback …", "here"))
    assert "killed by signal 9" in str(of_recorder(-9, "", "here"))
    assert type(of_recorder(99, "error: odd", "here")) is AuditError


CLIENT = """
import sys
from pathlib import Path
from kubectl_ebpfaudit.carrier import Order
from kubectl_ebpfaudit.interrupt import Signals
from kubectl_ebpfaudit.live import Live
from kubectl_ebpfaudit.local import LocalCarrier
from kubectl_ebpfaudit.output import LogFile
from kubectl_ebpfaudit.parts import Part
from kubectl_ebpfaudit.run import Run
with Signals() as signals:
    live = Live(sys.stderr)
    part = Part("here", LocalCarrier(Order([]), sys.argv[2:]), LogFile(Path(sys.argv[1])), live.view())
    Run([part], live, signals).record()
sys.exit(0 if part.outcome and part.outcome.end else 3)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_to_the_process_group_leaves_a_whole_log_and_no_process(
    tmp_path: Path, spools: Path, number: signal.Signals
) -> None:
    command = _command(tmp_path, WHOLE)
    with subprocess.Popen(
        [sys.executable, "-c", CLIENT, str(tmp_path / "x"), *command],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(spools)},
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as client:
        assert client.stderr is not None
        assert client.stderr.readline().startswith(b"Recording ")
        os.killpg(client.pid, number)
        assert client.wait(60) == 0
    with open_log(tmp_path / "x") as log:
        assert log.damage is None
    assert not list(spools.iterdir())
    assert not _processes(str(tmp_path))


def _processes(word: str) -> list[bytes]:
    """Command lines that hold `word`, once those that are ending have ended."""
    deadline = time.monotonic() + 60
    while found := [line for line in _command_lines() if word.encode() in line]:
        if time.monotonic() > deadline:
            break
    return found


def _command_lines() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield path.read_bytes()
