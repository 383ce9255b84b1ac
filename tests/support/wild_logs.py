"""Strategies of Hypothesis for whole logs: sealed as they should be, with events that no kernel ever made.

What fuzzing the bytes cannot reach lies behind the seals: times that run backwards, trees that go deep, sizes that
nothing has, events of sessions, processes and terminals that never began.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from recorder import events
from tests.attacks import OUTPUT
from tests.support.logs import MONOTONIC, MS, SECOND, LogBuilder, argv, start_shell

_LAYOUTS = {layout.name: layout for layout in events.layouts().values()}
_SMALL = st.integers(0, 4)
_AMOUNTS = {
    "__u8": st.sampled_from([0, 1, 255]),
    "__u16": _SMALL | st.sampled_from([24, 80, 1 << 15, (1 << 16) - 1]),
    "__u32": _SMALL | st.sampled_from([80, 1 << 31, (1 << 32) - 1]),
    "__u64": _SMALL | st.sampled_from([MONOTONIC, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]),
}
_BYTES = st.sampled_from(
    [b"", b"x", b"\0\0\0", argv("sh", "-c", "id"), b"\xff\xfe\0", b"a" * 4000, b"\x1b[9999;9999H\x1b[2Jx", b"{}"]
    + [
        b'{"probes": [{"kind": "x", "argv": ["x"]}], "pod": "p", "kind": "ephemeral"}',
        b"line\r\n",
        b"\x1b[?1049h",
        b"\n",
    ]
    + [value for value in OUTPUT.values() if len(value) < 100]
)
_TIMES = st.integers(0, 10).map(lambda n: n * SECOND) | st.sampled_from(
    [-MONOTONIC, -SECOND, MS, 86400 * SECOND, (1 << 63) - 1 - MONOTONIC, (1 << 64) - 1 - MONOTONIC]
)
_PIDS = st.sampled_from([0, 100, 101, 102, (1 << 32) - 1])
_SESSIONS = st.sampled_from([0, 1, 1, 1, 2, 3, (1 << 32) - 1])

Part = Callable[[LogBuilder], object]
"""Adds something to a log."""


@st.composite
def _event(draw: st.DrawFn) -> Part:
    layout = _LAYOUTS[draw(st.sampled_from(sorted(_LAYOUTS)))]
    fields: dict[str, Any] = {of.name: draw(_AMOUNTS[of.type]) for of in layout.own if of.name != "reserved"}
    fields |= {of.name: draw(_BYTES) for of in layout.tails}
    fields |= {"seq": draw(st.sampled_from([None, 0, 1, 7, (1 << 64) - 1])), "target": draw(st.sampled_from([0, 1, 2]))}
    at, session, pid = draw(_TIMES), draw(_SESSIONS), draw(_PIDS)
    return lambda log: log.add(layout.name, at, session, pid, **fields)


def _deep(count: int) -> Part:
    """Each process starts the next."""

    def add(log: LogBuilder) -> None:
        for pid in range(100, 100 + count):
            log.add("fork", SECOND, 1, pid, child=pid + 1, child_ns_pid=pid + 1)
            log.add("exec", SECOND, 1, pid + 1, ppid=pid, ns_pid=pid + 1, argv=b"deep\0")

    return add


def _many_sessions(count: int) -> Part:
    def add(log: LogBuilder) -> None:
        for session in range(10, 10 + count):
            log.add("session_start", SECOND, session, session)

    return add


def _back_in_time(count: int) -> Part:
    """Output whose clock runs backwards, on three terminals."""

    def add(log: LogBuilder) -> None:
        for step in range(count):
            log.add("tty_out", (count - step) * SECOND, tty=1 + step % 3, data=b"\x1b[A%d" % step)

    return add


def _clocks(count: int) -> Part:
    def add(log: LogBuilder) -> None:
        for step in range(count):
            log.add("clock", step * MS, 0, 0, realtime=(1 << 64) - 1 - step if step % 2 else step)

    return add


def _holes(count: int) -> Part:
    """Every second piece of output is missing."""

    def add(log: LogBuilder) -> None:
        for step in range(count):
            log.add("tty_out", step * MS, tty=1, offset=step * 20, data=b"ten bytes.")

    return add


_PARTS = st.one_of(
    _event(),
    st.builds(
        lambda kind, count: kind(count),
        st.sampled_from([_deep, _many_sessions, _back_in_time, _clocks, _holes]),
        st.sampled_from([3, 50, 1000]),
    ),
)


@st.composite
def wild_logs(draw: st.DrawFn) -> bytes:
    """A log, with a shell in it or not, cut or whole."""
    target = draw(
        st.sampled_from([[], [{}], [{"pod": "p", "probes": [{"kind": "k", "argv": ["x"]}]}], [{"cgroup_id": 1}]])
    )
    clock = draw(st.sampled_from([{}, {"clock": {"monotonic": (1 << 63) - 1, "realtime": 0}}]))
    log = LogBuilder(targets=target, **clock)
    if draw(st.booleans()):
        start_shell(log)
    for part in draw(st.lists(_PARTS, max_size=12)):
        part(log)
    log.last = min(log.last, 1 << 62)
    log.totals = {name: min(count, (1 << 64) - 1) for name, count in log.totals.items()}
    return log.build(draw(st.sampled_from([None, "target gone", "stopped"])), draw(st.sampled_from([1, 7, 10_000])))
