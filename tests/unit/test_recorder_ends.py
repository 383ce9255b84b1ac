"""The ends of terminals and pipes that the probes could not tell of."""

from collections.abc import Iterable

import pytest

from recorder import events
from recorder.events import Event
from recorder.pipes import Pipe
from recorder.scope import Terminal
from recorder.sessions import Sessions
from recorder.stream_ends import StreamEnds
from recorder.terminals import Terminals

TYPES = {layout.name: number for number, layout in events.layouts().items()}
ROOT = 50


class Kernel:
    """Terminals and pipes that the probes know, and of which of them somebody holds the other end."""

    def __init__(
        self, terminals: Iterable[Terminal] = (), pipes: Iterable[Pipe] = (), held: Iterable[int] = ()
    ) -> None:
        self._terminals = {of.number: of for of in terminals}
        self._pipes = {of.number: of for of in pipes}
        self.held, self.asked = set(held), list[int]()

    def terminals(self) -> list[Terminal]:
        return list(self._terminals.values())

    def open(self) -> list[Pipe]:
        return list(self._pipes.values())

    def is_held(self, of: Terminal) -> bool:
        self.asked.append(of.number)
        return of.number in self.held

    def has_reader(self, of: Pipe) -> bool:
        self.asked.append(of.number)
        return of.number in self.held

    def forget(self, of: Terminal | Pipe) -> bool:
        known = self._terminals if isinstance(of, Terminal) else self._pipes
        return known.pop(of.number, None) is not None


def terminal(number: int, owner: int = 9) -> Terminal:
    return Terminal(bytes(8), 5, 2, 1, 1, number, ROOT, owner, False)


def pipe(number: int, fd: int, session: int = 1, owner: int = 9) -> Pipe:
    return Pipe(1000 + number, 5, 1, session, number, fd, owner, False)


def sessions(*opened: Event, ended: bool = False) -> Sessions:
    found = Sessions()
    found.see([[TYPES["session_start"], 1, 0, 1, 1, ROOT, 0, 3, 0], *opened])
    if ended:
        found.see([[TYPES["exit"], 2, 0, 1, 1, ROOT, 0, 4, 0]])
    return found


def tty_open(number: int, pid: int) -> Event:
    return [TYPES["tty_open"], 1, 0, 1, 1, pid, number, 0, 24, 80]


def stream_open(number: int, fd: int) -> Event:
    return [TYPES["stream_open"], 1, 0, 1, 1, ROOT, 4711, number, fd, 0]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What time.monotonic() says is its last."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[-1])
    return now


def test_terminals_that_a_session_has_opened_end_when_nobody_holds_them_any_more(clock: list[float]) -> None:
    kernel = Kernel([terminal(1), terminal(2), terminal(3), terminal(4, owner=0)], held=[2])
    ends = Terminals(kernel, sessions(tty_open(1, ROOT), *(tty_open(n, 60) for n in (2, 3, 4))))  # type: ignore[arg-type]
    assert [event[8] for event in ends.close()] == [3, 4]
    assert [of.number for of in kernel.terminals()] == [1, 2]


def test_many_terminals_in_a_session_are_one_question_each_once_a_second(clock: list[float]) -> None:
    numbers = range(2, 1002)
    kernel = Kernel(map(terminal, numbers), held=numbers)
    ends = Terminals(kernel, sessions(*(tty_open(n, 60) for n in numbers)))  # type: ignore[arg-type]
    for second in (100.0, 100.1, 100.9):
        clock.append(second)
        assert ends.close() == []
    assert kernel.asked == list(numbers)


def test_the_terminal_of_a_session_that_has_ended_is_over_when_nobody_holds_it_or_nobody_comes(
    clock: list[float],
) -> None:
    of = sessions(tty_open(1, ROOT), tty_open(2, ROOT), tty_open(3, ROOT), ended=True)
    ends = Terminals(Kernel([terminal(1), terminal(2), terminal(3, owner=0)], held=[2, 3]), of)  # type: ignore[arg-type]
    assert [event[8] for event in ends.close()] == [1]
    clock.append(105.0)
    assert [event[8] for event in ends.close()] == [3]


def test_the_output_of_a_session_that_has_ended_is_over_when_nobody_reads_it_and_its_input_with_that(
    clock: list[float],
) -> None:
    of = sessions(*(stream_open(number, number - 1) for number in (1, 2, 3)), ended=True)
    kernel = Kernel(pipes=[pipe(1, 0), pipe(2, 1), pipe(3, 2)], held=[2])
    ends = StreamEnds(kernel, of)  # type: ignore[arg-type]
    assert [event[7] for event in ends.close()] == [3]
    kernel.held.clear()
    assert [event[7] for event in ends.close()] == [2]
    assert [event[7] for event in ends.close()] == [1]


def test_the_output_of_a_session_that_goes_on_is_not_asked_about(clock: list[float]) -> None:
    kernel = Kernel(pipes=[pipe(2, 1), pipe(3, 2)])
    assert StreamEnds(kernel, sessions(stream_open(2, 1), stream_open(3, 2))).close() == []  # type: ignore[arg-type]
    assert kernel.asked == []


def test_output_that_nobody_has_read_waits_for_who_may_come(clock: list[float]) -> None:
    kernel = Kernel(pipes=[pipe(2, 1, owner=0)])
    ends = StreamEnds(kernel, sessions(stream_open(2, 1), ended=True))  # type: ignore[arg-type]
    assert ends.close() == []
    clock.append(160.0)
    assert [event[7] for event in ends.close()] == [2]
