"""Whether a crowd is too much: many sessions at once, and many processes that are there already."""

import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.bench.row import Row
from tests.support.container import Container, container
from tests.support.recorder import Recording, recording
from tests.support.terminal import Terminal

_AT_A_TIME = 8
_SECONDS, _LOOK_SECONDS = 300.0, 0.1
_PAIRS = 3
_BEGAN = re.compile(rb"began\r?\n")


def sessions(containers: int = 64, each: int = 8) -> list[Row]:
    """So many containers, with so many sessions each, all at once; each says what nobody else says."""
    with ExitStack() as stack:
        victims = [stack.enter_context(container()) for _ in range(containers)]
        with recording(*({"container_id": victim.id} for victim in victims)) as live:
            told = _enter(victims, each)
            live.stop()
            live.end()
        lost = len(live.of("gap"))
    apart = _told_apart(live, victims, told)
    name = f"{containers} containers with {each} sessions each at once"
    return [Row(f"{name}: told apart", f"{apart}", f"{len(told)}", apart == len(told) and not lost)]


Told = dict[tuple[int, int], bytes]
"""What a session has printed, by its container and its place there."""


def _enter(victims: list[Container], each: int) -> Told:
    places = [(at, nth) for at in range(len(victims)) for nth in range(each)]

    def enter(place: tuple[int, int]) -> Terminal:
        at, nth = place
        terminal = Terminal(victims[at].exec_argv("/bin/sh", "-c", _script(at, nth)))
        terminal.expect(_BEGAN, timeout=_SECONDS)
        return terminal

    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        entered = list(pool.map(enter, places))
        for terminal in entered:  # all are there by now
            terminal.send(b"\r")

        def leave(terminal: Terminal) -> bytes:
            terminal.wait(_SECONDS)
            output = terminal.output
            terminal.close()
            return output

        return dict(zip(places, pool.map(leave, entered), strict=True))


def _script(at: int, nth: int) -> str:
    return f"echo container {at} session {nth} began; read line; /bin/seq {at} {at + nth}; exit {nth}"


def _told_apart(live: Recording, victims: list[Container], told: Told) -> int:
    """How many sessions are in the log with their own commands, bytes and exit code, in their own container."""
    numbers = {target.container_id.rpartition("/")[2]: target.number for target in live.header.targets}
    found = {}
    for start in live.of("session_start"):
        [first, *_] = live.commands(start.session)
        found[start.target, first[-1]] = start.session
    codes = {end.session: end.fields["exit_code"] for end in live.of("session_end")}
    whole = 0
    for (at, nth), output in told.items():
        number = found.get((numbers[victims[at].id], _script(at, nth)))
        if number is None:
            continue
        ran = live.commands(number)[1:]
        whole += (
            live.output(number) == output and codes.get(number) == nth and ran == [["/bin/seq", str(at), str(at + nth)]]
        )
    return whole


def ringing_up(count: int = 20_000) -> list[Row]:
    """What a recorder takes longer to be live when its target has so many processes."""
    script = f"i=0; while [ $i -lt {count} ]; do sleep 1000000 & i=$((i+1)); done; echo all; wait"
    longer = []
    with container() as few, container(["/bin/sh", "-c", script]) as many:
        _wait_processes(many, count)
        for _ in range(_PAIRS):
            seconds = []
            for victim in (few, many):
                with recording({"container_id": victim.id}) as live:
                    seconds.append(live.seconds_to_live)
            longer.append(seconds[1] - seconds[0])
    more = statistics.median(longer)
    return [Row(f"{count:,} processes there already: live later by", f"{more:.2f} s", "<= 1 s", more <= 1)]


def _wait_processes(victim: Container, count: int) -> None:
    """Returns when so many processes are in the container."""
    init = victim.init
    children = Path(f"/proc/{init}/task/{init}/children")
    until = time.monotonic() + _SECONDS
    while len(children.read_bytes().split()) < count:
        if time.monotonic() > until:
            raise TimeoutError(f"{count} processes did not start")
        time.sleep(_LOOK_SECONDS)
