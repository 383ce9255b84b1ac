"""The control socket: lines however they arrive, hostile ones, and who counts as a client."""

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder import config, control
from recorder.config import BadConfig
from recorder.control import Control
from recorder.log.errors import OtherProtocol

LINES = st.lists(
    st.sampled_from(
        [
            b"stop", b"gone", b"ack 5", b"ack 17", b"ack 99999999999999999999999999", b"ack -3", b"ack", b"ack x", b"",
            b'target {"container_id": "a b"}', b"target", b"target \xff", b"done", b"unknown", b"stopp", b"Stop",
        ]
    ),
    max_size=12,
)  # fmt: skip


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Control]:
    """The control socket of a recorder in `tmp_path`."""
    control_socket = Control(tmp_path, lambda: {"version": "1", "clients": control_socket.clients})
    yield control_socket
    control_socket._listener.close()
    for client in control_socket._clients.values():
        client.connection.close()


def connected(listening: Control, folder: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(str(folder / control.NAME))
    listening.wait(10)
    return client


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES, data=st.data())
def test_lines_are_heard_however_they_are_split(
    listening: Control, tmp_path: Path, lines: list[bytes], data: st.DataObject
) -> None:
    listening.stop_asked = listening.gone_asked = listening.served = False
    listening.acknowledged, listening.targets = 0, []
    said = b"".join(line + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=8)))
    with connected(listening, tmp_path) as client:
        for start, end in zip([0, *cuts], [*cuts, len(said)], strict=True):
            if start < end:
                client.sendall(said[start:end])
                listening.wait(10)
    while listening.clients:
        listening.wait(10)
    assert listening.stop_asked == (b"stop" in lines)
    assert listening.gone_asked == (b"gone" in lines)
    acks = [int(line[4:][:20]) for line in lines if line[:4] == b"ack " and line[4:].isdigit()]
    assert listening.acknowledged == max(acks, default=0)
    assert listening.targets == [
        line[7:].decode(errors="replace") for line in lines if line.partition(b" ")[0] == b"target"
    ]
    assert not listening.served


def test_a_line_that_is_too_long_harms_none_after_it(listening: Control, tmp_path: Path) -> None:
    with connected(listening, tmp_path) as client:
        client.setblocking(False)
        left = memoryview(b"target " + b"x" * (2 * control.MAX_LINE) + b"\nack 7\n")
        while left:
            try:
                left = left[client.send(left) :]
            except BlockingIOError:
                listening.wait(10)
        while not listening.acknowledged:
            listening.wait(10)
    assert listening.acknowledged == 7
    (target,) = listening.targets
    assert config.target(target) is None


def test_who_asks_how_it_goes_is_told_and_is_no_client(listening: Control, tmp_path: Path) -> None:
    with connected(listening, tmp_path) as client, connected(listening, tmp_path) as looker:
        assert listening.clients == 2
        looker.sendall(b"status\n")
        listening.wait(10)
        assert json.loads(looker.recv(1000).removeprefix(b"status ")) == {"version": "1", "clients": 1}
        client.close()
        while listening.clients:
            listening.wait(10)
        idle = listening.idle_seconds
        looker.close()
        while listening._clients:
            listening.wait(10)
        assert listening.idle_seconds >= idle


def test_a_recorder_that_nobody_has_come_to_yet_waits_longer_than_one_that_was_left(
    listening: Control, tmp_path: Path
) -> None:
    listening._last_client -= 60
    with connected(listening, tmp_path) as looker:
        looker.sendall(b"status\n")
        listening.wait(10)
    while listening._clients:
        listening.wait(10)
    assert listening.is_abandoned(3600, 60)
    assert not listening.is_abandoned(10, 3600)
    with connected(listening, tmp_path):
        assert not listening.is_abandoned(0.1, 0.1)
    while listening._clients:
        listening.wait(10)
    listening._last_client -= 60
    assert listening.is_abandoned(10, 3600)


def test_one_who_asks_without_end_and_never_reads_stops_nobody(listening: Control, tmp_path: Path) -> None:
    with connected(listening, tmp_path) as rude:
        rude.setblocking(False)
        for _ in range(20):
            with contextlib.suppress(BlockingIOError):
                rude.sendall(b"status\n" * 1000)
            listening.wait(0.01)
        with connected(listening, tmp_path) as polite:
            polite.sendall(b"stop\n")
            while not listening.stop_asked:
                listening.wait(10)


@pytest.mark.parametrize(
    "text",
    [
        "", "7", "[]", "{}", "null", '{"pid": null}', '{"pid": 0}', '{"pid": Infinity}', '{"pid": "x"}', "[" * 100_000,
        '{"container_id": ""}', '{"a": ' * 100_000, '{"pid": ' + "9" * 5000 + "}",
    ],
)  # fmt: skip
def test_a_text_that_is_no_target_is_none(text: str) -> None:
    assert config.target(text) is None


@pytest.mark.parametrize("text", ['{"container_id": "ab"}', '{"cgroup": "/x", "pod": "é"}', '{"pid": 3}'])
def test_a_target_is_a_target(text: str) -> None:
    assert config.target(text) == json.loads(text)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"protocol": 1}, OtherProtocol),
        ({"protocol": config.PROTOCOL + 1}, OtherProtocol),
        ({"protocol": "x"}, BadConfig),
        ({"spool_bytes": config.MIN_SPOOL_BYTES - 1}, BadConfig),
        ({"spool_bytes": float("inf")}, BadConfig),
        ({"sessions": float("inf")}, BadConfig),
        ({"linger_seconds": "x"}, BadConfig),
        ({"gone_seconds": []}, BadConfig),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        config.parse(json.dumps({"recording": "r", "targets": [{"pid": 1}], **changes}))


def test_how_a_recorder_ends_is_read() -> None:
    base = {"recording": "r", "targets": [{"pid": 1}]}
    read = config.parse(json.dumps(base))
    assert (read.linger_seconds, read.gone_seconds, read.follow, read.own_spool) == (60.0, 0.0, False, False)
    more = {"linger_seconds": None, "gone_seconds": None, "follow": True, "own_spool": True, "spool_bytes": 1 << 20}
    read = config.parse(json.dumps({**base, "protocol": config.PROTOCOL, **more}))
    assert (read.linger_seconds, read.gone_seconds, read.follow, read.own_spool) == (None, None, True, True)
    assert read.spool_bytes == 1 << 20
