"""A watch of the Kubernetes API: one answer that goes on, with an event in each line."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

import urllib3

from kubectl_ebpfaudit.cluster.errors import Unreachable
from kubectl_ebpfaudit.cluster.objects import Object, parse

_MAX_EVENT_BYTES = 1 << 25
"""Far above what etcd stores for one object."""


class Watch:
    """The events of one watch, to be read by one thread. Raises Unreachable when the connection breaks."""

    def __init__(self, answer: Any, silence: float, unreachable: Callable[[BaseException], Unreachable]) -> None:
        """`answer` is of urllib3. Hearing nothing for `silence` seconds is an error; `unreachable` says which."""
        self._answer, self._unreachable = answer, unreachable
        self._socket = getattr(answer.connection, "sock", None)
        if self._socket:
            self._socket.settimeout(silence)

    def __iter__(self) -> Iterator[Object]:
        rest = b""
        try:
            for piece in self._answer.stream(1 << 16):
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    yield parse(line)
                if len(rest) > _MAX_EVENT_BYTES:
                    raise Unreachable("what answers is no Kubernetes API server: its watch event has no end")
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error

    def interrupt(self) -> None:
        """Ends the reading, at once; called by another thread."""
        if isinstance(self._socket, socket.socket):
            # The method of an SSLSocket would take the TLS state away from the thread that is reading.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def __enter__(self) -> "Watch":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._answer.close()
