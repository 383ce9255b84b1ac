"""An HTTP proxy for CONNECT: `python -m tests.support.http_proxy PORT_OF_SERVER LOG [USER:PASSWORD]`.

Whatever host is asked for, it leads to that port of this machine. Its own port is the first line on stdout; each
CONNECT is a line in LOG.
"""

import base64
import contextlib
import socket
import sys
import threading
from pathlib import Path


def _pass_on(source: socket.socket, to: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            to.sendall(data)
    for end in (source, to):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _serve(client: socket.socket, port: int, log: Path, wanted: str) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        data = client.recv(1 << 12)
        if not data:
            return
        head += data
    line, *headers = head.decode().split("\r\n")
    if wanted and f"Proxy-Authorization: Basic {wanted}".lower() not in [header.lower() for header in headers]:
        client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        client.close()
        return
    with open(log, "a") as file:
        file.write(f"{line}\n")
    server = socket.create_connection(("127.0.0.1", port))
    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    threading.Thread(target=_pass_on, args=(client, server), daemon=True).start()
    _pass_on(server, client)


def main() -> None:
    port, log, *user = sys.argv[1:]
    wanted = base64.b64encode(user[0].encode()).decode() if user else ""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=_serve, args=(client, int(port), Path(log), wanted), daemon=True).start()


if __name__ == "__main__":
    main()
