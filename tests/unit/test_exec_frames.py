"""What a connection that breaks within a frame leaves of it, and one that falls silent."""

import select
import socket
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import websocket

from kubectl_ebpfaudit.cluster.exec import STDOUT, Dropped, ExecStream

_HEADER = b"\x82\x7e\x40\x00"  # a whole binary message of 16 KiB: RFC 6455, 5.2
_NOBODY = -1


@pytest.fixture
def ends() -> Iterator[tuple[ExecStream, socket.socket]]:
    """A stream whose handshake is done, and the server's side of it."""
    client, server = socket.socketpair()
    stream = ExecStream.__new__(ExecStream)
    stream._socket = websocket.WebSocket(enable_multithread=False, skip_utf8_validation=True)
    stream._socket.sock, stream._socket.connected = client, True
    stream._broken, stream._heard, stream._pinged = "", time.monotonic(), time.monotonic()
    yield stream, server
    client.close()
    server.close()


def test_what_came_of_a_frame_is_given_before_the_end(ends: tuple[ExecStream, socket.socket]) -> None:
    stream, server = ends
    server.sendall(_HEADER + bytes([STDOUT]) + b"begun")
    server.close()
    assert stream.wait(_NOBODY, 1)
    assert stream.receive() == (STDOUT, b"begun")
    with pytest.raises(Dropped):
        stream.wait(_NOBODY, 1)


@pytest.mark.parametrize("came", [b"", _HEADER[:1], _HEADER[:3], _HEADER])
def test_frame_of_which_no_byte_came_is_none(ends: tuple[ExecStream, socket.socket], came: bytes) -> None:
    stream, server = ends
    server.sendall(came)
    server.close()
    with pytest.raises(Dropped):
        stream.receive()


def test_half_a_control_frame_is_no_data(ends: tuple[ExecStream, socket.socket]) -> None:
    stream, server = ends
    server.sendall(b"\x89\x05abc")  # a ping
    server.close()
    with pytest.raises(Dropped):
        stream.receive()


class Silence:
    """A clock (s), and a poll that lets the time pass, as one does a little more than asked, and sees nothing come."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def register(self, fd: int, events: int) -> None:
        pass

    def poll(self, milliseconds: float) -> list[tuple[int, int]]:
        self.now += milliseconds / 1000 + 0.001
        return []


def test_dead_connection_is_noticed_within_15_seconds(
    ends: tuple[ExecStream, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, server = ends
    silence = Silence()
    stream._heard = stream._pinged = silence.now
    polls = SimpleNamespace(poll=lambda: silence, POLLIN=select.POLLIN)
    monkeypatch.setattr("kubectl_ebpfaudit.cluster.exec.time", silence)
    monkeypatch.setattr("kubectl_ebpfaudit.cluster.exec.select", polls)
    with pytest.raises(Dropped, match="the connection is dead"):
        stream.wait(_NOBODY, 3600)
    assert silence.now < 15
    assert server.recv(100).count(b"\x89\x80") == 2  # pings, which nobody answered: RFC 6455, 5.5.2
