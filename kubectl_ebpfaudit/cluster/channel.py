"""From several threads that produce to one that consumes: bounded, and closed at once by anybody."""

from collections import deque
from collections.abc import Iterator
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class Channel(Generic[T]):
    """Ends when every one of its `producers` has called `done`, or with `close`."""

    def __init__(self, producers: int, room: int = 256) -> None:
        self._producers, self._room = producers, room
        self._items: deque[T] = deque()
        self._changed = Condition()
        self._closed = False

    def put(self, item: T) -> bool:
        """Waits for room. False if nobody wants it any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._room)
            if not self._closed:
                self._items.append(item)
                self._changed.notify_all()
            return not self._closed

    def done(self) -> None:
        with self._changed:
            self._producers -= 1
            self._changed.notify_all()

    def close(self) -> None:
        """What was not consumed yet is dropped."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._items or not self._producers)
                if self._closed or not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
