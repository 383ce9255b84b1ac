"""A TCP proxy that can break what goes through it: by a reset, at a chosen byte, or by silence."""

import ctypes
import os
import selectors
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

_CLONE_NEWNET = 0x40000000
_PIECE = 1 << 18
_MAX_PENDING = 1 << 20
_LINGER_RESET = struct.pack("ii", 1, 0)


class _Way:
    """One direction of a connection: what was read from `source` and `sink` has not taken yet."""

    def __init__(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        self.source, self.sink, self.counted = source, sink, counted
        self.pending = b""
        self.ended = self.shut = False


class _Connection:
    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.sockets = (client, server)
        self.ways = (_Way(client, server, False), _Way(server, client, True))


class Proxy:
    """Listens on a port of 127.0.0.1 and connects on to `server`, both in the network namespace `netns` or in ours.

    Bytes go through untouched, so TLS does. Use it in a `with`. All methods may be called from any thread and
    have taken effect when they return.
    """

    def __init__(self, server: tuple[str, int], netns: Path | None = None) -> None:
        self._server, self._netns = server, netns
        self._lock = threading.Condition()
        self._connections: list[_Connection] = []
        self._paused = self._refusing = self._closing = False
        self._bytes_left: int | None = None
        self._accepted = self._forwarded = 0
        self._failure: BaseException | None = None
        self._wake, self._woken = socket.socketpair()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy")

    def __enter__(self) -> "Proxy":
        self._thread.start()
        self._listening.wait()
        if self._failure:
            self.__exit__(None, None, None)
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._wake.send(b"\0")
        self._thread.join()
        self._wake.close()
        self._woken.close()

    @property
    def port(self) -> int:
        return self._port

    @property
    def connections(self) -> int:
        """How many connections there are now."""
        with self._lock:
            return len(self._connections)

    @property
    def accepted(self) -> int:
        """How many connections there ever were."""
        with self._lock:
            return self._accepted

    @property
    def forwarded(self) -> int:
        """Bytes that have gone from the server to clients."""
        with self._lock:
            return self._forwarded

    def reset(self) -> None:
        """Cuts all connections with a RST to both sides."""
        with self._lock:
            self._reset()

    def reset_after(self, count: int) -> None:
        """Cuts all connections once `count` more bytes have gone from the server to clients, and not one more."""
        with self._lock:
            self._bytes_left = count
            if count == 0:
                self._reset()

    def wait_reset(self, seconds: float) -> bool:
        """Whether what `reset_after` asked for happens within this time."""
        with self._lock:
            return self._lock.wait_for(lambda: self._bytes_left is None, seconds)

    def wait_accepted(self, count: int, seconds: float) -> bool:
        """Whether there were ever `count` connections within this time."""
        with self._lock:
            return self._lock.wait_for(lambda: self._accepted >= count, seconds)

    def pause(self) -> None:
        """From here on nothing goes through, nor does a side learn of the other's end: a connection that died.

        Connections are still accepted, as a router that drops packets would not do; they get no answer either.
        """
        with self._lock:
            self._paused = True
        self._wake.send(b"\0")

    def refuse(self) -> None:
        """Cuts all connections, and from here on every new one at once: a server that is away."""
        with self._lock:
            self._refusing = True
            self._reset()

    def resume(self) -> None:
        """What was held back goes through, and connections are made again."""
        with self._lock:
            self._paused = self._refusing = False
        self._wake.send(b"\0")

    def _run(self) -> None:
        try:
            if self._netns:
                _enter(self._netns)  # for this thread alone, and for the sockets that it makes
            with socket.create_server(("127.0.0.1", 0)) as listener:
                self._port: int = listener.getsockname()[1]
                self._listening.set()
                self._serve(listener)
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for it
            self._failure = error
            self._listening.set()

    def _serve(self, listener: socket.socket) -> None:
        while not self._closing:
            with selectors.DefaultSelector() as selector, self._lock:
                selector.register(self._woken, selectors.EVENT_READ)
                selector.register(listener, selectors.EVENT_READ)
                if not self._paused:
                    self._register(selector)
                self._lock.release()
                try:
                    ready = selector.select(1.0)
                finally:
                    self._lock.acquire()
                for key, _ in ready:
                    if key.fileobj is self._woken:
                        self._woken.recv(1 << 10)
                    elif key.fileobj is listener:
                        self._accept(listener)
                if not self._paused:
                    self._forward()
        with self._lock:
            self._reset()

    def _register(self, selector: selectors.BaseSelector) -> None:
        wanted: dict[socket.socket, int] = {}
        for connection in self._connections:
            for way in connection.ways:
                if way.pending:
                    wanted[way.sink] = wanted.get(way.sink, 0) | selectors.EVENT_WRITE
                if not way.ended and len(way.pending) < _MAX_PENDING:
                    wanted[way.source] = wanted.get(way.source, 0) | selectors.EVENT_READ
        for sock, events in wanted.items():
            selector.register(sock, events)

    def _accept(self, listener: socket.socket) -> None:
        client, _ = listener.accept()
        self._accepted += 1
        self._lock.notify_all()
        if self._refusing:
            _reset(client)
            return
        try:
            server = socket.create_connection(self._server)
        except OSError:  # as the client would have found, had it come without us
            _reset(client)
            return
        for sock in (client, server):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections.append(_Connection(client, server))

    def _forward(self) -> None:
        for connection in list(self._connections):
            try:
                for way in connection.ways:
                    self._move(way)
            except OSError:  # one side is gone: so is the other
                self._drop(connection)
                continue
            if all(way.shut for way in connection.ways):
                self._drop(connection, socket.socket.close)
            if self._bytes_left == 0:
                self._reset()
                return

    def _move(self, way: _Way) -> None:
        """Takes in and hands on what can be without waiting. Raises OSError if a side is gone."""
        if not way.ended and len(way.pending) < _MAX_PENDING and (data := _received(way.source)) is not None:
            way.ended = not data
            way.pending += data
        if way.pending:
            allowed = self._bytes_left if way.counted and self._bytes_left is not None else len(way.pending)
            sent = _sent(way.sink, way.pending[:allowed])
            way.pending = way.pending[sent:]
            if way.counted:
                self._forwarded += sent
                if self._bytes_left is not None:
                    self._bytes_left -= sent
        elif way.ended and not way.shut:
            way.sink.shutdown(socket.SHUT_WR)
            way.shut = True

    def _drop(self, connection: _Connection, close: Callable[[socket.socket], None] | None = None) -> None:
        self._connections.remove(connection)
        for sock in connection.sockets:
            (close or _reset)(sock)

    def _reset(self) -> None:
        for connection in list(self._connections):
            self._drop(connection)
        self._bytes_left = None
        self._lock.notify_all()


def _enter(netns: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(netns, os.O_RDONLY)
    try:
        if libc.setns(fd, _CLONE_NEWNET):  # os.setns is there from Python 3.12 on
            raise OSError(ctypes.get_errno(), f"cannot enter {netns}")
    finally:
        os.close(fd)


def _received(sock: socket.socket) -> bytes | None:
    """What has come, b"" at the end, None if there is nothing now."""
    try:
        return sock.recv(_PIECE)
    except BlockingIOError:
        return None


def _sent(sock: socket.socket, data: bytes) -> int:
    try:
        return sock.send(data)
    except BlockingIOError:
        return 0


def _reset(sock: socket.socket) -> None:
    """Closes with a RST, whatever is still on its way."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
    sock.close()
