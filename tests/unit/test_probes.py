"""`--probes`: what may be asked for, what a node answers, and what a way costs."""

import re
from pathlib import Path
from typing import Any

import pytest

from kubectl_ebpfaudit import probes
from recorder import ladder
from recorder.log.format import Header
from recorder.log.stream import Stream
from recorder.probes import BPF_DIR
from replay.errors import WrongUsage
from tests.support.carried import log_objects


def header(**changes: Any) -> Header:
    for _, parsed in Stream().feed(b"".join(log_objects([], **changes))):
        if isinstance(parsed, Header):
            return parsed
    raise AssertionError("no header")


def test_the_kinds_and_ways_that_can_be_asked_for_are_those_of_the_recorder() -> None:
    names = {kind.name: tuple(way.name for way in kind.ways) for kind in ladder.KINDS}
    spared = {kind.name: () if kind.required else (ladder.NONE,) for kind in ladder.KINDS}
    assert {kind: names[kind] + spared[kind] for kind in names} == probes.WAYS
    assert ladder.SYS_EXIT == probes.COSTLY
    for kind, ways in probes.WAYS.items():
        assert ladder.checked(kind, ways) == ways


def test_pairs_are_read() -> None:
    assert probes.parse(None) == {}
    assert probes.parse("tty=kprobe,exec_failed=none") == {"tty": ["kprobe"], "exec_failed": ["none"]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "'' is no KIND=WAY: KIND is one of exec, "),
        ("tty", "'tty' is no KIND=WAY"),
        ("tty=magic", "tty cannot be 'magic': it can be fexit, kprobe, syscall"),
        ("tty=none", "tty cannot be 'none'"),
        ("x\x1b[2J=fexit", r"'x\\x1b\[2J=fexit' is no KIND=WAY"),
        ("tty=fexit,tty=kprobe", "tty twice"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(text: str, says: str) -> None:
    with pytest.raises(WrongUsage, match=says):
        probes.parse(text)


def test_ways_of_a_node_are_a_table() -> None:
    ways = [
        {"kind": "tty", "way": "fexit", "says": "fexit pty_write", "state": "refused", "reason": "no\nverifier log"},
        {"kind": "tty", "way": "kprobe", "says": "kprobe pty_write", "state": "taken", "reason": ""},
    ]
    assert probes.table([("n1", ways)]) == (
        "NODE   PROBE   WAY      STATE     DETAIL\n"
        "n1     tty     fexit    refused   no\n"
        "n1     tty     kprobe   taken     kprobe pty_write\n"
    )


@pytest.mark.parametrize("hostile", [None, 5, "\x1b[2J", [None, {"kind": "\x1b[2J", "reason": ["\x1b[2J"]}], {}])
def test_a_hostile_answer_is_only_text(hostile: Any) -> None:
    assert "\x1b" not in probes.table([("n\x1b[2J", hostile)])


def test_a_way_that_costs_others_is_told_with_its_nodes_and_a_cheap_one_is_not() -> None:
    cheap = {"exec": "raw tracepoint sched_process_exec", "tty": "fexit pty_write"}
    costly = {**cheap, "exec_failed": probes.COSTLY, "tty": probes.COSTLY}
    headers = [header(probes=costly, node={"name": name}) for name in ("n1", "n\x1b2")]
    assert probes.cost([header(probes=cheap)]) == ""
    assert probes.cost([header(probes=5)]) == probes.cost([header(probes={"x": ["y"]})]) == ""
    assert probes.cost([header(probes=cheap), *headers]) == (
        r"note: every system call on n1, n\x1b2 takes about 71 ns longer meanwhile: exec_failed and tty "
        "can be watched only there; --probes list says why"
    )


@pytest.mark.parametrize("path", sorted(BPF_DIR.glob("*_kprobe.c")), ids=lambda path: path.name)
def test_calls_whose_return_the_kernel_misses_fill_no_map(path: Path) -> None:
    assert not re.search(r"\bBPF_HASH\b", path.read_text())
