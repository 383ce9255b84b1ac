"""A session that is busy throughout: a real `kubectl exec -it` that prints numbered lines and runs commands."""

import threading
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType

from tests.cluster.node import Node
from tests.cluster.node.wait import until
from tests.support.terminal import Terminal

_numbers = count(1)
_MAX_LINES = 20_000
_END_SECONDS = 120

# $RANDOM: what a recorder compresses to nothing gives a proxy no bytes to count. `read` paces it, is how it is told to
# stop, and needs no process. A session whose kubectl has lost it goes on alone.
_SCRIPT = """
for ((n = 1; n <= {lines}; n++)); do
    words=; for ((w = 0; w < {words}; w++)); do words+=$RANDOM; done
    echo "line $n $words"
    /bin/true $n
    read -r -t {pause} line && break
done
echo "over $n"
"""


class Busy:
    """A session in a container that goes on until `stop`; `name` is the last word of its command line.

    A thread reads what it prints. Use it in a `with`: once inside, its first line has come.
    """

    def __init__(
        self,
        node: Node,
        namespace: str,
        pod: str,
        *,
        folder: Path,
        container: str = "app",
        pause: float = 0.05,
        words: int = 4,
    ) -> None:
        self.name = f"busy-{next(_numbers)}"
        self._errors = folder / f"{self.name}.err"
        script = _SCRIPT.format(lines=_MAX_LINES, words=words, pause=pause)
        self._node, self._pod = node, ("-n", namespace, "exec", pod, "-c", container, "--")
        argv = ["kubectl", "-n", namespace, "exec", "-it", pod, "-c", container, "--", "bash", "-c", script, self.name]
        # kubectl's own words are not the session's.
        command = node.command(["sh", "-c", 'exec 2>"$0" "$@"', str(self._errors), *argv])
        self._terminal = Terminal(command.argv, env=command.env)
        self._stopping = threading.Event()
        self._live = threading.Event()
        self._code: int | None = None
        self._complete = False
        self._lines, self._last = 0, b""
        self._thread = threading.Thread(target=self._run, name=self.name)

    def __enter__(self) -> "Busy":
        self._thread.start()
        if not self._live.wait(_END_SECONDS) or not self._lines:
            self.__exit__(None, None, None)
            raise TimeoutError(f"{self.name} did not start: {self.output!r} {self.errors}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._terminal.close()
        if not self._complete:
            # Not a word of the session's own: it is found by its last one. Nothing is left of a pod that is gone.
            leftover = f"[{self.name[0]}]{self.name[1:]}$"
            self._node.kubectl(*self._pod, "pkill", "-KILL", "-f", leftover, check=False)

    @property
    def output(self) -> bytes:
        """What the session has shown on kubectl's terminal, to the byte."""
        return self._terminal.output

    @property
    def typed(self) -> bytes:
        return self._terminal.sent

    @property
    def errors(self) -> str:
        """What kubectl itself said."""
        return self._errors.read_text() if self._errors.exists() else ""

    @property
    def lines(self) -> int:
        """How many numbered lines have been shown in full."""
        return self._lines

    def commands(self) -> list[list[str]]:
        """The argv of every command that it must have run: the last line's may not have been."""
        return [["/bin/true", str(n)] for n in range(1, self.lines)]

    def wait_lines(self, more: int, seconds: float = _END_SECONDS) -> None:
        """Returns when so many more lines have been shown. Raises TimeoutError, also when the session is over."""
        wanted = self.lines + more

        def why() -> str:
            return f"{self.name} shows no more lines after {self.output[-200:]!r}: {self.errors}"

        until(lambda: self.lines >= wanted or not self._thread.is_alive(), seconds, why)
        if self.lines < wanted:
            raise TimeoutError(why())

    def stop(self) -> int:
        """Ends the session in good order and returns kubectl's exit code. Raises AssertionError if it was cut."""
        self._stopping.set()
        self._thread.join(2 * _END_SECONDS)
        assert self._complete, f"{self.name} was cut after {self.output[-200:]!r}: {self.errors}"
        assert self._code is not None, f"{self.name} does not end: {self.output[-200:]!r} {self.errors}"
        return self._code

    def cut(self) -> int:
        """Waits until kubectl has lost its session; returns its exit code, which may be 0 even so."""
        self._thread.join(_END_SECONDS)
        assert self._code is not None, f"{self.name} goes on"
        assert not self._complete, f"{self.name} has ended in good order"
        return self._code

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._read()
            self._terminal.send(b"stop\r")
            deadline = time.monotonic() + _END_SECONDS
            while not self._complete and time.monotonic() < deadline:
                self._read()
        except EOFError:
            pass
        finally:
            self._live.set()
            with suppress(TimeoutError):  # then `_code` stays None
                self._code = self._terminal.wait(_END_SECONDS)

    def _read(self) -> None:
        """Takes what comes within a moment. Raises EOFError at the end of kubectl."""
        news = self._last + self._terminal.read(0.1)
        *whole, self._last = news.split(b"\n")
        self._lines += sum(line.startswith(b"line ") for line in whole)
        self._complete |= any(line.startswith(b"over ") for line in whole)
        if self._lines:
            self._live.set()
