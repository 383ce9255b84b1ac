"""What is turned off for the whole node: which programs that stops, and that it is told when it begins and ends."""

import os
from collections.abc import Collection
from pathlib import Path

import pytest

from recorder import events, loss
from recorder.ladder import FENTRY, FEXIT, KPROBE, KRETPROBE, RAW_TRACEPOINT
from recorder.switches import Switches, off

X86 = os.uname().machine == "x86_64"
REASONS = {number: name for name, number in events.enums()["gap_reason"].items()}


class Node:
    """The files of a node: what they say, None for one that is not there."""

    def __init__(self, folder: Path, ftrace: str | None = "1\n", kprobes: str | None = "1\n") -> None:
        self.sysfs, self.ftrace = folder, folder / "ftrace_enabled"
        self.kprobes = folder / "kernel/debug/kprobes/enabled"
        self.kprobes.parent.mkdir(parents=True)
        for path, text in ((self.ftrace, ftrace), (self.kprobes, kprobes)):
            if text is not None:
                path.write_text(text)

    def off(self) -> dict[str, str]:
        return off(self.sysfs, self.ftrace)

    def switches(self, hooks: Collection[str]) -> Switches:
        return Switches(hooks, self.sysfs, self.ftrace)


def told(switches: Switches) -> list[str]:
    return [REASONS[event[12]] for event in switches.look(1)]


@pytest.mark.parametrize("says", ["1\n", None])
def test_nothing_is_off_where_files_say_so_or_are_not_there(tmp_path: Path, says: str | None) -> None:
    node = Node(tmp_path, says, says)
    assert node.off() == {}
    assert told(node.switches((FEXIT, KPROBE))) == []


def test_without_ftrace_no_program_at_the_beginning_of_a_function_is_run(tmp_path: Path) -> None:
    found = Node(tmp_path, ftrace="0\n").off()
    assert found.keys() == {FENTRY, FEXIT, *((KPROBE, KRETPROBE) if X86 else ())}
    assert "kernel.ftrace_enabled" in found[FEXIT]


def test_kprobes_can_be_off_by_themselves(tmp_path: Path) -> None:
    found = Node(tmp_path, kprobes="0\n").off()
    assert found.keys() == {KPROBE, KRETPROBE}
    assert "kprobes/enabled" in found[KPROBE]


def test_what_is_turned_off_and_on_again_is_told_once_each(tmp_path: Path) -> None:
    node = Node(tmp_path)
    switches = node.switches((RAW_TRACEPOINT, FEXIT))
    assert told(switches) == []
    node.ftrace.write_text("0\n")
    assert switches.look(5) == [loss.gap(5, 0, "GAP_PROBES_OFF", count=1)]
    assert told(switches) == []
    node.ftrace.write_text("1\n")
    assert switches.look(6) == [loss.gap(6, 0, "GAP_PROBES_ON")]
    assert told(switches) == []


def test_they_are_on_again_once_all_are(tmp_path: Path) -> None:
    node = Node(tmp_path, ftrace="0\n", kprobes="0\n")
    switches = node.switches((FEXIT, KPROBE))
    assert told(switches) == ["GAP_PROBES_OFF"]
    node.ftrace.write_text("1\n")
    assert told(switches) == []
    node.kprobes.write_text("1\n")
    assert told(switches) == ["GAP_PROBES_ON"]


def test_what_a_recording_does_not_depend_on_is_not_told(tmp_path: Path) -> None:
    node = Node(tmp_path, ftrace="0\n", kprobes="0\n")
    assert told(node.switches((RAW_TRACEPOINT,))) == []
    node.ftrace.write_text("1\n")
    assert told(node.switches((FEXIT,))) == []
