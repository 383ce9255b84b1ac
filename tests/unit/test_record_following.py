"""Making a recording, whatever carries it: what is kept, what is said, and what is removed."""

import io
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_ebpfaudit import recording
from kubectl_ebpfaudit.carrier import STOP
from kubectl_ebpfaudit.interrupt import Interrupted, Signals
from kubectl_ebpfaudit.live import Live
from kubectl_ebpfaudit.outcome import summary
from kubectl_ebpfaudit.output import LogFile
from kubectl_ebpfaudit.parts import Part
from kubectl_ebpfaudit.recording import Outcome
from kubectl_ebpfaudit.run import Run
from recorder.log.errors import AuditError, BadLog, CannotWrite
from recorder.log.reader import open_log
from tests.support.carried import FakeCarrier, log_objects

WHOLE = log_objects()


def _run(carrier: FakeCarrier, path: Path, live: Live) -> Part:
    with Signals() as signals:
        part = Part("node1", carrier, LogFile(path), live.view("node1"))
        Run([part], live, signals).record()
    if part.error:
        raise part.error
    return part


def _make(carrier: FakeCarrier, path: Path, quiet: bool = False) -> tuple[Outcome, str]:
    said = io.StringIO()
    live = Live(said, quiet)
    part = _run(carrier, path, live)
    live.note(summary([part], live))
    assert part.outcome
    return part.outcome, said.getvalue()


def _interrupt() -> bool:
    os.kill(os.getpid(), signal.SIGINT)
    return True


def test_whole_log_is_kept_byte_for_byte_and_told_as_it_happens(tmp_path: Path) -> None:
    carrier = FakeCarrier([b"".join(WHOLE)])
    outcome, said = _make(carrier, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"".join(WHOLE)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o600
    assert outcome.end is not None
    assert carrier.closed == [True]
    assert said.splitlines() == [
        "Recording default/victim/app on node1; stop with ctrl-C",
        "22:13:21Z  session 1  started (exec)",
        "22:13:22Z  session 1  ls -la",
        "22:13:23Z  session 1  ended, exit code 3",
        "Recorded 1 session, 1 command, 7 bytes of output, 0 of input; nothing was lost",
    ]


def test_quiet_says_nothing_and_keeps_the_same(tmp_path: Path) -> None:
    _, said = _make(FakeCarrier([b"".join(WHOLE)]), tmp_path / "x", quiet=True)
    assert said == ""
    assert (tmp_path / "x").read_bytes() == b"".join(WHOLE)


def test_recording_line_comes_with_the_header_and_not_before(tmp_path: Path) -> None:
    said = io.StringIO()
    seen: list[str] = []

    def look() -> None:
        seen.append(said.getvalue())

    carrier = FakeCarrier([WHOLE[0][:-1], look, WHOLE[0][-1:], look, b"".join(WHOLE[1:])])
    _run(carrier, tmp_path / "x", Live(said))
    assert seen[0] == ""
    assert seen[1].startswith("Recording default/victim/app")


@given(st.data())
def test_log_that_stops_anywhere_is_kept_up_to_its_last_whole_object(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = b"".join(WHOLE)
    cut = data.draw(st.integers(len(WHOLE[0]), len(whole) - 1))
    at = data.draw(st.integers(0, cut))
    path = tmp_path_factory.mktemp("cut") / "x"
    outcome, said = _make(FakeCarrier([whole[:at], whole[at:cut]] if 0 < at < cut else [whole[:cut]]), path)
    kept = path.read_bytes()
    sizes = [sum(map(len, WHOLE[:n])) for n in range(1, len(WHOLE))]
    assert len(kept) == max(size for size in sizes if size <= cut)
    assert whole.startswith(kept)
    assert outcome.cut == "the recorder died"
    assert said.splitlines()[-1].endswith("the log has no end")
    with open_log(path) as log:
        assert log.damage is not None
        assert log.damage.cut


def test_recorder_that_dies_before_its_header_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    carrier = FakeCarrier([WHOLE[0][:20]], error=AuditError("no such cgroup"))
    with pytest.raises(AuditError, match="no such cgroup"):
        _make(carrier, tmp_path / "x")
    assert not list(tmp_path.iterdir())
    assert carrier.closed == [False]


def test_bytes_that_are_no_log_are_refused(tmp_path: Path) -> None:
    carrier = FakeCarrier([b"\x81\xa1a\xa1b", b"\xc1"])
    with pytest.raises(BadLog):
        _make(carrier, tmp_path / "x")
    assert not list(tmp_path.iterdir())
    assert carrier.closed == [False]


def test_recorder_that_never_begins_is_not_waited_for_in_vain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "LIVE_SECONDS", 0.0)
    carrier = FakeCarrier([None, None])
    with pytest.raises(AuditError, match=r"was not live within 0 s: is its image a recorder's\?"):
        _make(carrier, tmp_path / "x")
    assert carrier.closed == [False]


def test_damage_on_the_way_ends_the_recording_with_what_came_before(tmp_path: Path) -> None:
    bad = bytearray(WHOLE[1])
    bad[-1] ^= 1
    carrier = FakeCarrier([WHOLE[0], bytes(bad), *WHOLE[2:]])
    outcome, _ = _make(carrier, tmp_path / "x")
    assert "damaged" in outcome.cut
    assert (tmp_path / "x").read_bytes() == WHOLE[0]
    assert carrier.closed == [False]


def test_ctrl_c_ends_the_recording_with_a_whole_log(tmp_path: Path) -> None:
    carrier = FakeCarrier([*WHOLE[:2], _interrupt, b"never"], after_stop=[None, *WHOLE[2:]])
    outcome, _ = _make(carrier, tmp_path / "x")
    assert outcome.end is not None
    assert carrier.told == [STOP]
    assert (tmp_path / "x").read_bytes() == b"".join(WHOLE)


def test_second_ctrl_c_gives_up_the_rest_but_still_cleans_up(tmp_path: Path) -> None:
    carrier = FakeCarrier([*WHOLE[:2], _interrupt], after_stop=[_interrupt, *WHOLE[2:]])
    outcome, _ = _make(carrier, tmp_path / "x")
    assert outcome.end is None
    assert "interrupted" in outcome.cut
    assert carrier.closed == [False]
    assert (tmp_path / "x").read_bytes() == b"".join(WHOLE[:2])


def test_ctrl_c_before_the_header_records_nothing(tmp_path: Path) -> None:
    carrier = FakeCarrier([_interrupt, *WHOLE])
    with pytest.raises(Interrupted):
        _make(carrier, tmp_path / "x")
    assert not list(tmp_path.iterdir())
    assert carrier.closed == [False]


def test_recorder_that_does_not_answer_a_stop_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubectl_ebpfaudit.recording.STOP_SECONDS", -1.0)
    carrier = FakeCarrier([*WHOLE[:2], _interrupt], after_stop=[None, None])
    outcome, _ = _make(carrier, tmp_path / "x")
    assert "did not end" in outcome.cut


@contextmanager
def _signal_is(number: signal.Signals, action: signal.Handlers) -> Iterator[None]:
    """As who has started this program has left it: tests may run under nohup."""
    before = signal.signal(number, action)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_program_that_is_interrupted_ends_with_the_number_of_the_signal(number: signal.Signals, code: int) -> None:
    with _signal_is(number, signal.SIG_DFL), Signals() as signals:
        with pytest.raises(Interrupted) as caught, signals.interruptible():
            os.kill(os.getpid(), number)
        assert caught.value.exit_code == code
        with pytest.raises(Interrupted) as caught, signals.interruptible():
            pytest.fail("entered")
        assert caught.value.exit_code == code


def test_terminal_that_is_closed_ends_nothing_under_nohup() -> None:
    with _signal_is(signal.SIGHUP, signal.SIG_IGN), Signals() as signals:
        with signals.interruptible():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signals.count == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_wait_outside_of_interruptible_and_raise_within(number: signal.Signals) -> None:
    with _signal_is(number, signal.SIG_DFL):
        _assert_waits_and_raises(number)


def _assert_waits_and_raises(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Signals() as signals:
        os.kill(os.getpid(), number)
        assert signals.count == 1
        with pytest.raises(Interrupted), signals.interruptible():
            pytest.fail("entered")
        signals.count = 0
        with pytest.raises(Interrupted), signals.interruptible():
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before


def test_what_a_recorder_leaves_behind_is_told(tmp_path: Path) -> None:
    part = _run(FakeCarrier([b"".join(WHOLE)], left="pod x is still there"), tmp_path / "x", Live(io.StringIO()))
    assert part.left == "pod x is still there"
    said = io.StringIO()
    with pytest.raises(AuditError):
        _run(FakeCarrier([], left="pod y is still there"), tmp_path / "y", Live(said, quiet=True))
    assert said.getvalue() == "warning: pod y is still there\n"


@contextmanager
def _files_of_at_most(size: int) -> Iterator[None]:
    """As on a full disk: writing beyond fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("room", [1, 50])
def test_full_disk_keeps_what_was_written_as_a_readable_log(tmp_path: Path, room: int) -> None:
    carrier = FakeCarrier([b"".join(WHOLE)])
    size = len(WHOLE[0]) + len(WHOLE[1])
    with (
        _files_of_at_most(size + room),
        pytest.raises(CannotWrite, match=f"the {size} bytes before are kept"),
    ):
        _make(carrier, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"".join(WHOLE[:2])
    assert carrier.closed == [False]
    with open_log(tmp_path / "x") as log:
        assert log.damage is not None
        assert log.damage.cut


def test_disk_full_from_the_first_byte_leaves_no_file(tmp_path: Path) -> None:
    with _files_of_at_most(10), pytest.raises(CannotWrite, match="nothing was kept"):
        _make(FakeCarrier([b"".join(WHOLE)]), tmp_path / "x")
    assert not list(tmp_path.iterdir())
