"""The lines that `record` prints while it records: everything in them may be an attacker's choice."""

import dataclasses
import errno
import io
import json
from typing import Any

import pytest

from kubectl_ebpfaudit.commands.record import _told as told_as_json
from kubectl_ebpfaudit.live import Live
from recorder import events
from recorder.log.format import Block
from recorder.log.stream import Stream
from recorder.log.writer import LogWriter
from tests.support.carried import SECOND, FakeCarrier, event, exec_of, header, log_objects


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


def test_that_probes_are_off_and_on_again_is_told() -> None:
    reasons = events.enums()["gap_reason"]
    told = [event("gap", SECOND, session=0, reason=reasons[f"GAP_PROBES_{name}"]) for name in ("OFF", "ON")]
    off, on = _lines(told, enums=events.enums())[1:]
    assert off.startswith("22:13:21Z  ftrace or kprobes were turned off on the node")
    assert on.startswith("22:13:21Z  ftrace and kprobes are on again on the node")


def test_containers_that_come_are_told_and_those_that_are_not_recorded_are_not_told_as_recorded() -> None:
    def come(target: int, container: str, cgroup: int = 7, container_id: str = "c1") -> list[Any]:
        about = {"container_id": container_id, "pod": "p", "namespace": "n", "container": container}
        return event("target_start", SECOND, 0, target, 0, cgroup=cgroup, about=json.dumps(about).encode())

    def go(target: int, reason: str) -> list[Any]:
        return event("target_end", SECOND, 0, target, 0, reason=events.enums()["target_end_reason"][reason])

    told = [
        come(2, "late"),
        come(2, "late"),
        go(2, "TARGET_EXITED"),
        come(3, "missed", cgroup=0),
        go(3, "TARGET_NOT_FOUND"),
        come(4, "made", cgroup=0),
        go(4, "TARGET_NOT_FOUND"),
        come(4, "made"),
        come(5, "beyond", cgroup=0),
        go(5, "TARGET_TOO_MANY"),
        come(6, "", container_id="cafe"),
        go(6, "TARGET_EXITED"),
        come(6, "short"),
    ]
    assert [line.removeprefix("22:13:21Z  ") for line in _lines(told, enums=events.enums())[1:]] == [
        "n/p/late  is recorded from here on",
        "n/p/late  the container has ended",
        "n/p/missed  is not recorded: it did not run when the recorder looked for it",
        "n/p/made  is not recorded: it did not run when the recorder looked for it",
        "n/p/made  is recorded from here on",
        "n/p/beyond  is not recorded: one recorder has had as many containers as it can watch",
        "n/p  the container has ended",
        "n/p/short  was recorded, and has ended",
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


def test_recording_that_goes_on_is_announced_once_its_recorder_is_reached() -> None:
    out = io.StringIO()
    live = Live(out)
    view, carrier = live.view(), FakeCarrier([])
    header, *_ = (parsed for _, parsed in Stream().feed(b"".join(log_objects())))
    view.object(header, again=True)
    carrier.away = 1.0
    view.pulse(carrier)
    assert (out.getvalue(), live.is_live) == ("", False)
    carrier.away = 0.0
    view.pulse(carrier)
    view.pulse(carrier)
    assert out.getvalue() == "Recording default/victim/app on node1; stop with ctrl-C\n"
    assert live.is_live


def test_recorder_that_is_not_reached_any_more_does_not_keep_others_waiting() -> None:
    out = io.StringIO()
    live = Live(out, expected=2)
    dead, alive = live.view(), live.view()
    header, *_ = (parsed for _, parsed in Stream().feed(b"".join(log_objects())))
    dead.object(header, again=True)
    dead.over()
    assert not live.is_live
    alive.object(header)
    assert out.getvalue() == "Recording default/victim/app on node1; stop with ctrl-C\n"


def test_stop_says_that_it_ends_the_recording_and_not_that_it_records() -> None:
    out = io.StringIO()
    view = Live(out, stops=True).view()
    for _, parsed in Stream().feed(b"".join(log_objects([]))):
        view.object(parsed)
    assert out.getvalue() == "Ending the recording of default/victim/app on node1\n"


def test_events_as_json_are_a_line_each_and_no_lines_for_people() -> None:
    out, said = io.StringIO(), io.StringIO()
    view = Live(said, events=told_as_json(out)).view()
    for _, parsed in Stream().feed(b"".join(log_objects())):
        view.object(parsed)
    types = [json.loads(line)["type"] for line in out.getvalue().splitlines()]
    assert types == ["recording", "session_start", "exec", "session_end", "tty_out"]
    assert said.getvalue() == "Recording default/victim/app on node1; stop with ctrl-C\n"


LIVENESS = {"kind": "liveness probe", "argv": ["cat", "/tmp/\x1b[2J"]}
PROBED = [{**header()["targets"][0], "probes": [LIVENESS]}]


def run_of(session: int, at: int, *words: bytes, flags: int = 0) -> list[list[Any]]:
    return [
        event("session_start", at * SECOND, session, flags=flags),
        exec_of(*words, time=at * SECOND, session=session),
        event("session_end", at * SECOND, session),
    ]


def _live(*blocks: list[list[Any]], every: bool = False) -> tuple[Live, list[str]]:
    out = io.StringIO()
    live = Live(out, every=every)
    view = live.view()
    objects: list[bytes] = []
    writer = LogWriter(objects.append, header(targets=PROBED))
    for block in blocks:
        writer.add("process", block)
        writer.flush()
    for _, parsed in Stream().feed(b"".join(objects)):
        view.object(parsed)
    return live, out.getvalue().splitlines()[1:]


PROBE = (b"cat", b"/tmp/\x1b[2J")


def test_runs_of_a_probe_are_counted_and_told_of_once() -> None:
    live, lines = _live(run_of(1, 1, *PROBE) + run_of(2, 2, *PROBE) + run_of(3, 3, b"ls"))
    assert lines == [
        r"22:13:21Z  liveness probe `cat $'/tmp/\e[2J'`: its runs are counted, and not shown (--all shows each)",
        "22:13:23Z  session 3  started (exec)",
        "22:13:23Z  session 3  ls",
        "22:13:23Z  session 3  ended, exit code 0",
    ]
    assert (live.sessions, live.ended, live.commands, live.probe_runs) == (1, 1, 1, 2)


def test_with_all_each_run_is_told_of() -> None:
    live, lines = _live(run_of(1, 1, *PROBE), every=True)
    assert len(lines) == 3
    assert live.probe_runs == 0


@pytest.mark.parametrize("every", [False, True])
def test_runs_of_a_probe_do_not_count_as_sessions_that_have_ended(every: bool) -> None:
    live, _ = _live(run_of(1, 1, *PROBE) + run_of(2, 2, b"ls") + run_of(3, 3, *PROBE), every=every)
    assert (live.sessions, live.ended, live.commands) == (1, 1, 1)


def test_what_a_session_was_is_known_though_its_command_comes_in_another_block() -> None:
    start, ran, end = run_of(1, 1, *PROBE)
    other, did, ended = run_of(2, 2, b"ls")
    _, lines = _live([start, other], [ran, did], [end, ended])
    assert [line[11:] for line in lines] == [
        r"liveness probe `cat $'/tmp/\e[2J'`: its runs are counted, and not shown (--all shows each)",
        "session 2  started (exec)",
        "session 2  ls",
        "session 2  ended, exit code 0",
    ]


def test_a_warning_and_a_hole_in_a_run_of_a_probe_are_told() -> None:
    start, ran, end = run_of(1, 1, *PROBE)
    warning = event("warning", SECOND, kind=3, comm=b"x")
    _, lines = _live([start, ran, warning, event("gap", SECOND, events=2, reason=1), end])
    assert len(lines) == 3
    assert "warning" in lines[1]
    assert "lost 2 events" in lines[2]


def test_the_command_of_a_probe_in_a_session_under_way_or_on_a_terminal_is_somebodys() -> None:
    on_terminal = run_of(2, 2, *PROBE)
    on_terminal[1] = event("exec", 2 * SECOND, 2, argv=b"\0".join(PROBE) + b"\0", tty=1)
    live, _ = _live(run_of(1, 1, *PROBE, flags=1) + on_terminal + run_of(3, 3, *PROBE, flags=4))
    assert (live.sessions, live.probe_runs) == (3, 0)
