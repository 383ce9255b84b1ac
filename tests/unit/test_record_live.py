"""The lines that `record` prints while it records: everything in them may be an attacker's choice."""

import dataclasses
import errno
import io
from typing import Any

import pytest

from kubectl_ebpfaudit.live import Live
from recorder.log.format import Block
from recorder.log.stream import Stream
from tests.support.carried import SECOND, event, exec_of, header, log_objects


def _lines(events: list[list[Any]], **header_changes: Any) -> list[str]:
    out = io.StringIO()
    view = Live(out).view()
    for _, parsed in Stream().feed(b"".join(log_objects(events, **header_changes))):
        view.object(parsed)
    return out.getvalue().splitlines()


@pytest.mark.parametrize(
    ("argv", "shown"),
    [
        ([b"echo", b"two words", b"$HOME"], "echo 'two words' '$HOME'"),
        ([b"sh", b"-c", b"a\nb"], r"sh -c $'a\nb'"),
        ([b"x\x1b]0;owned\x07"], r"$'x\e]0;owned\a'"),
        ([b"\xff"], r"$'\377'"),
        (["x\u202egnp.exe".encode()], r"$'x\u202egnp.exe'"),
        ([b"", b"-n"], "'' -n"),
        (["übung".encode()], "'übung'"),
    ],
)
def test_command_is_shown_as_a_shell_would_need_it_and_never_acts_on_the_terminal(
    argv: list[bytes], shown: str
) -> None:
    [_, line] = _lines([exec_of(*argv)])
    assert line == f"22:13:22Z  session 1  {shown}"


def test_long_command_is_cut_and_says_so() -> None:
    [_, line] = _lines([exec_of(b"x" * 100_000)])
    assert len(line) < 1100
    assert line.endswith("x …")


def test_names_in_the_header_are_escaped() -> None:
    target = {**header()["targets"][0], "pod": "p\x1b[2J\npod", "container": "c\u202e"}
    [line] = _lines([], targets=[target], node={"name": "n\x07"})
    assert line == r"Recording default/p\x1b[2J\npod/c\u202e on n\x07; stop with ctrl-C"


def test_header_without_a_node_or_names_is_told_by_what_there_is() -> None:
    target = {"container_id": "abc", "cgroup": "/x", "cgroup_id": 1}
    assert _lines([], targets=[target], node={}) == ["Recording abc; stop with ctrl-C"]


def test_loss_signals_and_the_end_of_the_container_are_told() -> None:
    lines = _lines(
        [
            event("gap", SECOND, session=0, events=2, bytes=30),
            event("session_end", SECOND, session=2, signal=9),
            event("target_end", SECOND, session=0, reason=1),
            event("fork", SECOND, child=5),
        ]
    )
    assert lines[1:] == [
        "22:13:21Z  lost 2 events and 30 bytes here",
        "22:13:21Z  session 2  ended by signal 9",
        "22:13:21Z  the container has ended",
    ]


def test_times_follow_the_wall_clock_when_it_is_set() -> None:
    lines = _lines([event("clock", SECOND, session=0, realtime=3601 * SECOND), event("session_start", 2 * SECOND)])
    assert lines[1:] == ["01:00:02Z  session 1  started"]


def test_time_that_no_clock_shows_does_not_end_the_recording() -> None:
    lines = _lines([event("clock", 1, session=0, realtime=2**64 - 1), event("session_start", 2**64 - 1)])
    assert lines[1].endswith("session 1  started")


def test_terminal_that_was_closed_does_not_end_the_recording() -> None:
    class Closed(io.StringIO):
        def flush(self) -> None:
            raise OSError(errno.EIO, "Input/output error")

    live = Live(Closed())
    live.note("never seen")
    live.note("nor this")


def test_block_that_cannot_be_decoded_is_told_and_passed_over() -> None:
    out = io.StringIO()
    view = Live(out).view()
    header, block, *_ = (parsed for _, parsed in Stream().feed(b"".join(log_objects())))
    assert isinstance(block, Block)
    view.object(header)
    view.object(dataclasses.replace(block, codec="rot13"))
    assert "packed with 'rot13'" in out.getvalue()
