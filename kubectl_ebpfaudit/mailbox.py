"""What one thread has to say to another one, which may be waiting for a descriptor meanwhile."""

import contextlib
import os
import queue
import threading
from typing import Generic, TypeVar

Message = TypeVar("Message")


class Mailbox(Generic[Message]):
    """`fd` is readable while something is in it. `put` may be called by any thread; the rest is for who reads it."""

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._open = True
        self.fd, self._write = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self._write, False)

    def put(self, message: Message) -> bool:
        """Adds a message; False once it is closed, and nobody will read it."""
        with self._lock:
            if not self._open:
                return False
            self._messages.put(message)
            with contextlib.suppress(BlockingIOError):  # it is readable already
                os.write(self._write, b"\0")
            return True

    def take(self) -> list[Message]:
        """All that is in it."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.fd, 1 << 16)
        return self._rest()

    def close(self) -> list[Message]:
        """Takes no more, and lets go of its descriptors, whose numbers may soon be those of others.

        Returns what nobody has read.
        """
        with self._lock:
            if self._open:
                self._open = False
                os.close(self.fd)
                os.close(self._write)
        return self._rest()

    def _rest(self) -> list[Message]:
        found = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._messages.get_nowait())
        return found
