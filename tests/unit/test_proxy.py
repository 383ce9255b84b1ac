"""The proxy that tests of faults put between a client and its server."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.support.proxy import Proxy


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server that sends back what it gets, on every connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve(connection: socket.socket) -> None:
            with connection:
                try:
                    while data := connection.recv(1 << 16):
                        connection.sendall(data)
                except ConnectionResetError:
                    return

        def accept() -> None:
            while True:
                connection, _ = listener.accept()
                if stopping.is_set():
                    connection.close()
                    return
                threading.Thread(target=serve, args=(connection,)).start()

        stopping = threading.Event()
        thread = threading.Thread(target=accept)
        thread.start()
        yield listener.getsockname()
        stopping.set()
        socket.create_connection(listener.getsockname()).close()
        thread.join()


def _client(proxy: Proxy) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", proxy.port))
    client.settimeout(60)
    return client


def _all(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (more := client.recv(count - len(data))):
        data += more
    return data


def test_bytes_go_through_untouched_and_so_does_the_end(echo: tuple[str, int]) -> None:
    sent = bytes(range(256)) * 20_000
    with Proxy(echo) as proxy, _client(proxy) as client:

        def write() -> None:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)

        writer = threading.Thread(target=write)
        writer.start()
        assert _all(client, len(sent)) == sent
        assert client.recv(1) == b""
        writer.join()
        assert proxy.forwarded == len(sent)


def test_reset_cuts_all_connections(echo: tuple[str, int]) -> None:
    with Proxy(echo) as proxy, _client(proxy) as first, _client(proxy) as second:
        for client in (first, second):
            client.sendall(b"x")
            assert client.recv(1) == b"x"
        assert proxy.connections == proxy.accepted == 2
        proxy.reset()
        assert proxy.connections == 0
        for client in (first, second):
            with pytest.raises(ConnectionResetError):
                client.recv(1)


def test_reset_comes_after_as_many_bytes_as_asked_for(echo: tuple[str, int]) -> None:
    with Proxy(echo) as proxy, _client(proxy) as client:
        proxy.reset_after(1000)
        client.sendall(b"x" * 5000)
        assert proxy.wait_reset(60)
        assert proxy.forwarded == 1000
        assert _all(client, 1000) == b"x" * 1000
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        with _client(proxy) as again:
            again.sendall(b"y")
            assert again.recv(1) == b"y"


def test_paused_proxy_takes_connections_and_is_silent_until_it_goes_on(echo: tuple[str, int]) -> None:
    with Proxy(echo) as proxy, _client(proxy) as client:
        client.sendall(b"a")
        assert client.recv(1) == b"a"
        proxy.pause()
        client.sendall(b"b")
        with _client(proxy) as other:
            assert proxy.wait_accepted(2, 60)
            other.sendall(b"c")
            for waiting in (client, other):
                waiting.settimeout(0.1)
                with pytest.raises(TimeoutError):
                    waiting.recv(1)
            proxy.resume()
            client.settimeout(60)
            other.settimeout(60)
            assert client.recv(1) == b"b"
            assert other.recv(1) == b"c"


def test_server_that_is_not_there_is_a_reset() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()
    with Proxy(address) as proxy, _client(proxy) as client:
        with pytest.raises(ConnectionResetError):
            client.recv(1)
