"""Follows one scope: what runs now, then what changes, across reconnects, expired versions and relists."""

from collections.abc import Iterator
from threading import Event

from kubectl_ebpfaudit.cluster.changes import GONE, OUT_OF_SIGHT, Change, Ledger, Over, Started
from kubectl_ebpfaudit.cluster.errors import ApiError, NotFound, Unreachable
from kubectl_ebpfaudit.cluster.feed import PAGE, Expired
from kubectl_ebpfaudit.cluster.line import Line
from kubectl_ebpfaudit.cluster.objects import Object
from kubectl_ebpfaudit.cluster.owners import Owners
from kubectl_ebpfaudit.cluster.scopes import LONG_SECONDS, Scope
from kubectl_ebpfaudit.cluster.targets import FINISHED, Container, phase, running
from kubectl_ebpfaudit.cluster.watch import Watch

_SAMPLES = 5
"""Pods kept to say why none runs."""


class Part:
    """One scope with the ledger of its pods. Used by one thread, but for `interrupt`."""

    def __init__(self, scope: Scope, only: str | None, owners: Owners, closing: Event) -> None:
        self._scope, self._only, self._owners, self._closing = scope, only, owners, closing
        self._ledger = Ledger(only, lambda pod: str(owners.of(pod)))
        self._looked = False
        self._pending: list[Change] = []
        self._last: Object = {}
        self._samples: list[Object] = []
        self._watch: Watch | None = None
        self._over = ""

    def look(self) -> list[Container]:
        """What runs now, at least one. Raises NotFound, TargetNotRunning, or what Api.get does."""
        self._scope.resolve()
        pod = self._scope.quick()
        if pod is None:
            self._relist()
        elif self._scope.owns(pod):
            self._observe(pod)
        self._looked = True
        found = [change.container for change in self._flush() if isinstance(change, Started)]
        if not found:
            raise self._scope.nothing(self._samples)
        return found

    def await_news(self, seconds: int) -> None:
        """Returns when `look` might find what it did not, at the latest after so many seconds."""
        try:
            self._scope.resolve()
        except NotFound:
            # To watch workloads takes a permission that nothing else here needs.
            self._closing.wait(min(seconds, 2))
            return
        try:
            for page in self._scope.feed.pages(PAGE):
                if any(self._scope.owns(pod) and running(pod, self._only) for pod in page):
                    return
            with self._open(seconds) as watch:
                next(self._scope.feed.events(watch), None)
        except Expired:
            pass  # nobody knows what has happened: looking does

    def changes(self) -> Iterator[Change]:
        """All that happens from the last `look` on, up to Over. Raises nothing that can be foreseen."""
        line = Line(self._closing)
        while not self._closing.is_set():
            line.begin()
            self._watch = None
            try:
                yield from self._round(line)
            except Expired:
                pass  # the next round begins with a list
            except (Unreachable, ApiError) as error:
                if not self._watching() and not self._closing.is_set():
                    yield from line.failed(error)
            yield from self._flush()
            if self._over:
                yield from line.answered()
                yield Over(self._over)
                return
            line.pause()

    def _watching(self) -> bool:
        """Whether this round's watch was agreed to. One that breaks is made again; if that fails, the line is lost."""
        return self._watch is not None

    def interrupt(self) -> None:
        """Makes the thread that reads a watch stop; `closing` has been set before."""
        if watch := self._watch:
            watch.interrupt()

    def _round(self, line: Line) -> Iterator[Change]:
        """One watch, with a list before it if one is needed. Returns when the watch has ended, or `_over` is known."""
        try:
            self._scope.resolve()
        except NotFound as error:
            self._over = str(error)
            return
        if not self._scope.feed.version:
            self._relist()
            yield from line.answered()
            yield from self._flush()
        if self._is_over():
            return
        seconds = LONG_SECONDS if self._ledger.live else self._scope.recheck_seconds
        with self._open(seconds) as watch:
            yield from line.answered()
            for kind, pod in self._scope.feed.events(watch):
                line.works()
                if self._scope.owns(pod):
                    self._take(kind, pod)
                    yield from self._flush()
                    if self._is_over() or (not self._ledger.live and seconds > self._scope.recheck_seconds):
                        return

    def _open(self, seconds: int) -> Watch:
        watch = self._scope.feed.watch(seconds)
        self._watch = watch
        if self._closing.is_set():
            watch.interrupt()
        return watch

    def _take(self, kind: str, pod: Object) -> None:
        self._observe(pod)
        if kind == "DELETED":
            metadata = pod["metadata"]
            # Also a pod whose labels have changed leaves a watch so.
            really = metadata.get("deletionTimestamp") or phase(pod) in FINISHED
            self._pending += self._ledger.gone(str(metadata["uid"]), GONE if really else OUT_OF_SIGHT)

    def _relist(self) -> None:
        """Compares with all pods there are now. Raises Expired if even an unpaged list does."""
        try:
            self._compare(PAGE)
        except Expired:
            self._compare(0)

    def _compare(self, limit: int) -> None:
        self._samples, uids = [], set()
        for page in self._scope.feed.pages(limit):
            self._owners.learn(page)
            for pod in filter(self._scope.owns, page):
                uids.add(str(pod["metadata"]["uid"]))
                self._observe(pod)
        self._looked = True
        self._pending += self._ledger.keep(uids)

    def _observe(self, pod: Object) -> None:
        # What was found is kept until it is told, also if the next request fails.
        self._pending += self._ledger.observe(pod, first=not self._looked)
        self._last = pod
        if len(self._samples) < _SAMPLES:
            self._samples.append(pod)

    def _is_over(self) -> bool:
        self._over = self._scope.over(self._ledger.live, self._last)
        return bool(self._over)

    def _flush(self) -> list[Change]:
        pending, self._pending = self._pending, []
        return pending
