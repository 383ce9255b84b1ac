"""The containers of a selection: those that run now, and all that changes while they are recorded."""

import threading
import time
from collections.abc import Iterator

from kubectl_ebpfaudit.cluster.api import Api
from kubectl_ebpfaudit.cluster.changes import Change, Over
from kubectl_ebpfaudit.cluster.channel import Channel
from kubectl_ebpfaudit.cluster.errors import ApiError, NotFound, TargetFinished, TargetNotRunning, Unreachable
from kubectl_ebpfaudit.cluster.merge import Merge
from kubectl_ebpfaudit.cluster.owners import Owners
from kubectl_ebpfaudit.cluster.part import Part
from kubectl_ebpfaudit.cluster.patience import passes
from kubectl_ebpfaudit.cluster.scopes import scopes
from kubectl_ebpfaudit.cluster.selection import Selection
from kubectl_ebpfaudit.cluster.targets import Container
from recorder.log.errors import AuditError

WAIT_SECONDS = 300.0


class Follower:
    """`first`, then `changes`, each once; `close` at any time from any thread.

    Without `first`, as when a recording is taken up again, `changes` begins with what runs then.
    """

    def __init__(self, api: Api, selection: Selection) -> None:
        self._api, self._selection = api, selection
        self._owners = Owners(api)
        self._closing = threading.Event()
        self._channel: Channel[tuple[int, Change]] | None = None
        self._parts = self._new_parts()
        self._first: list[Container] = []

    def first(self, wait: bool = False, seconds: float = WAIT_SECONDS) -> list[Container]:
        """What runs now, of everything that was named at least one container.

        With `wait`, what does not run yet, or does not even exist, is waited for at most so many seconds. One pod
        costs one GET, and another one if a ReplicaSet or a Job made it.
        Raises NotFound; NothingSelected if no pod has the labels; TargetNotRunning with the reason, TargetFinished
        if waiting is in vain; or what Api.get does.
        """
        deadline = time.monotonic() + seconds
        waited = False
        while True:
            self._parts = self._new_parts()  # what was seen while nothing ran does not count
            found: list[list[Container]] = []
            try:
                for part in self._parts:  # one by one: `found` tells which of them failed
                    found.append(part.look())
                self._first = list({container.container_id: container for part in found for container in part}.values())
                return self._first
            except (TargetNotRunning, Unreachable, ApiError) as error:
                left = deadline - time.monotonic()
                if not wait or _is_in_vain(error, waited) or left <= 0 or self._closing.is_set():
                    raise
            waited = True
            self._parts = self._new_parts()
            try:
                self._parts[len(found)].await_news(int(left) + 1)
            except (Unreachable, ApiError) as error:
                if not passes(error):
                    raise
                self._closing.wait(min(left, 1))  # an API server that restarts is waited for as well

    def changes(self) -> Iterator[Change]:
        """All that happens after `first`, as it happens; blocks between. Ends with Over, or by `close`.

        Lost does not end it. Raises nothing that can be foreseen.
        """
        channel = self._channel = Channel(len(self._parts))
        merge = Merge(len(self._parts), self._first)
        self._first = []
        for number, part in enumerate(self._parts):
            if not self._closing.is_set():
                # A thread that waits for a dead server must not keep the program from ending.
                threading.Thread(target=_run, args=(number, part, channel), daemon=True).start()
        try:
            if self._closing.is_set():
                return
            for number, change in channel:
                for told in merge.take(number, change):
                    yield told
                    if isinstance(told, Over):
                        return
        finally:
            self.close()

    def close(self) -> None:
        """Ends `changes` at once, and `first` if it waits."""
        self._closing.set()
        for part in self._parts:
            part.interrupt()
        if channel := self._channel:
            channel.close()

    def _new_parts(self) -> list[Part]:
        return [
            Part(scope, self._selection.container, self._owners, self._closing)
            for scope in scopes(self._api, self._selection, self._owners)
        ]


def _is_in_vain(error: AuditError, waited: bool) -> bool:
    """Whether no waiting helps. An API server that is away, or too busy, is waited for once it has answered."""
    if passes(error):
        return not waited
    return isinstance(error, TargetFinished) or not isinstance(error, NotFound | TargetNotRunning)


def _run(number: int, part: Part, channel: "Channel[tuple[int, Change]]") -> None:
    try:
        for change in part.changes():
            if not channel.put((number, change)):
                return
    finally:
        channel.done()
