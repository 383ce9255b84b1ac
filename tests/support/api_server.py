"""A small API server with pods: lists in pages, and watches whose events the test sends."""

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Object = dict[str, Any]


class ApiServer(ThreadingHTTPServer):
    """`objects` answer GETs by path, all else is 404. A list of pods has them all, whatever is selected.

    `refusals` are (status, message) for the next requests, "list" or "watch" first: all else is answered.
    While `down`, every connection is closed without an answer.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, Object] = {}
        self.pods: list[Object] = []
        self.page = 500
        self.version = 100
        self.refusals: list[tuple[str, int]] = []
        self.down = False
        self.requests: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.streams: queue.SimpleQueue[queue.SimpleQueue[Any]] = queue.SimpleQueue()
        """One for each watch that was begun: events go in, None ends it well, b"" cuts it off."""

    def watch(self) -> "queue.SimpleQueue[Any]":
        """The stream of the next watch, once it has begun."""
        return self.streams.get(timeout=60)

    def seen(self) -> list[str]:
        """Requests since the last call: path?query, without what is random."""
        found = []
        while not self.requests.empty():
            found.append(self.requests.get())
        return found

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that leave in the middle are what is tested


class _Handler(BaseHTTPRequestHandler):
    server: ApiServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        query.pop("timeoutSeconds", None)
        self.server.requests.put("?".join([url.path, "&".join(f"{k}={v}" for k, v in sorted(query.items()))]))
        if self.server.down:
            self.close_connection = True
        elif not url.path.endswith("/pods"):
            self._object(url.path)
        elif not self._refused("watch" if "watch" in query else "list"):
            (self._watch if "watch" in query else self._list)(query)

    def _refused(self, what: str) -> bool:
        if not self.server.refusals or self.server.refusals[0][0] != what:
            return False
        status = self.server.refusals.pop(0)[1]
        if status != 200:
            self._send(status, {"kind": "Status", "code": status, "message": "no"})
        return status != 200

    def _object(self, path: str) -> None:
        found = self.server.objects.get(path)
        self._send(200 if found else 404, found or {"message": "not found"})

    def _list(self, query: dict[str, str]) -> None:
        begin = int(query.get("continue", 0))
        end = begin + min(self.server.page, int(query.get("limit") or len(self.server.pods)))
        more = {"continue": str(end)} if end < len(self.server.pods) else {}
        metadata = {"resourceVersion": str(self.server.version), **more}
        self._send(200, {"metadata": metadata, "items": self.server.pods[begin:end]})

    def _send(self, status: int, value: Object) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _watch(self, query: dict[str, str]) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        stream: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.server.streams.put(stream)
        while (event := stream.get()) is not None:
            if event == b"":
                self.close_connection = True
                return
            data = event if isinstance(event, bytes) else json.dumps(event).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def api_server() -> Iterator[ApiServer]:
    with ApiServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            server.block_on_close = False
