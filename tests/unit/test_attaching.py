"""Which file of this machine the log of a recorder goes on in: its own, and no other of the same recording."""

import contextlib
import io
from pathlib import Path

import pytest

from kubectl_ebpfaudit import attaching
from kubectl_ebpfaudit.cluster.recorders import Recorder
from kubectl_ebpfaudit.commands import attach
from kubectl_ebpfaudit.connection import Connection
from kubectl_ebpfaudit.interrupt import Interrupted
from kubectl_ebpfaudit.live import Live
from recorder.log.stream import Stream
from tests.support.carried import log_objects

RECORDING = "11111111-2222-3333-4444-555555555555"


def _recorder(name: str, node: str = "node1") -> Recorder:
    return Recorder({"metadata": {"name": name}, "spec": {"nodeName": node}}, {})


def _log(path: Path, recorder: str, node: str = "node1", objects: int = 99) -> Path:
    path.write_bytes(b"".join(log_objects(node={"name": node, "recorder": recorder})[:objects]))
    return path


def _found(found: list[Path], recorder: Recorder, count: int) -> Path | None:
    file = attaching._file_of(found, recorder, Live(io.StringIO()).view(), count)
    if file is None:
        return None
    with contextlib.closing(file):
        return file.path


@pytest.mark.parametrize("count", [1, 2])
def test_a_log_goes_on_in_the_file_of_its_recorder_alone(tmp_path: Path, count: int) -> None:
    whole = _log(tmp_path / "node1.ebpfaudit", "ebpfaudit-11111111-aaaa")
    cut = _log(tmp_path / "node1_2.ebpfaudit", "ebpfaudit-11111111-bbbb", objects=2)
    found = attaching._files_of(RECORDING, f"{tmp_path}/")
    assert found == [whole, cut]
    assert _found(found, _recorder("ebpfaudit-11111111-bbbb"), count) == cut
    assert _found(found, _recorder("ebpfaudit-11111111-cccc", "node2"), count) is None
    assert [attaching._is_whole(path) for path in found] == [True, False]


def test_an_empty_file_is_for_the_only_recorder_or_that_of_its_node(tmp_path: Path) -> None:
    empty = tmp_path / "node2.ebpfaudit"
    empty.touch()
    found = attaching._files_of(RECORDING, str(empty))
    assert _found(found, _recorder("a", "node1"), 2) is None
    assert _found(found, _recorder("a", "node2"), 2) == empty
    empty.touch()  # it was closed, and nothing had come
    assert _found(found, _recorder("a", "node1"), 1) == empty


def test_logs_that_a_run_has_put_beside_the_named_file_are_its_own(tmp_path: Path) -> None:
    named = _log(tmp_path / "run.ebpfaudit", "a")
    beside = _log(tmp_path / "run.node2.ebpfaudit", "b", "node2")
    _log(tmp_path / "runner.ebpfaudit", "c")
    assert attaching._files_of(RECORDING, str(named)) == [named, beside]


def test_ctrl_c_before_a_recorder_is_reached_does_not_say_that_nothing_was_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def attach_to(*_: object, **__: object) -> None:
        raise Interrupted

    monkeypatch.setattr(attach, "attach_to", attach_to)
    with pytest.raises(Interrupted, match="what is not here yet waits there for attach"):
        attach.collect(Connection(), None, None, quiet=False, stop=False)


@pytest.mark.parametrize(("stop", "says"), [(True, "Ending the recording of "), (False, "Recording ")])
def test_stop_says_what_it_does_and_attach_that_it_records(
    stop: bool, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun: list[Live] = []

    def attach_to(_connection: object, _name: object, _write: object, live: Live, *_: object, **__: object) -> None:
        begun.append(live)
        raise Interrupted

    monkeypatch.setattr(attach, "attach_to", attach_to)
    with pytest.raises(Interrupted):
        attach.collect(Connection(), None, None, quiet=False, stop=stop)
    _, header = next(Stream().feed(log_objects()[0]))
    begun[0].view().object(header)
    assert capsys.readouterr().err.startswith(says)
