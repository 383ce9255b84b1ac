"""How `doctor` shows what it found, and what it makes of what a recorder in a pod claims."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from kubectl_ebpfaudit import __version__
from kubectl_ebpfaudit.cluster import checks, deep, pod
from kubectl_ebpfaudit.cluster.checks import FAILED, OK, SKIPPED, WARNING, Check
from kubectl_ebpfaudit.cluster.errors import Forbidden, PodDidNotStart
from kubectl_ebpfaudit.names import pod_or_node
from kubectl_ebpfaudit.probes import COSTLY
from replay.errors import WrongUsage

PLACE = pod.Place("n1")
GOOD: dict[str, Any] = {
    "doctor": 1,
    "recorder": __version__,
    "kernel": "6.1.0",
    "arch": "x86_64",
    "root": True,
    "btf": "",
    "cgroup": "",
    "lockdown": "none",
    "probes": {"taken": {"exec": "raw tracepoint sched_process_exec", "tty": "fexit pty_write"}, "refused": []},
    "spool_bytes": 2 << 30,
    "memory_bytes": 4 << 30,
}


def _found(**changes: Any) -> dict[str, Check]:
    answer = deep._parse(json.dumps({**GOOD, **changes}))
    return {check.name: check for check in deep._checks(answer, PLACE, {})}


def test_good_node_is_fine() -> None:
    found = _found()
    assert {check.status for check in found.values()} == {OK}
    assert "probe tty" in found


@pytest.mark.parametrize(
    ("changes", "check", "status", "says", "code"),
    [
        ({"root": False}, "root", FAILED, "not root", 10),
        ({"btf": "no BTF here"}, "type information (BTF)", FAILED, "no BTF here", 12),
        ({"cgroup": "v1 alone"}, "cgroups", FAILED, "v1 alone", 4),
        ({"lockdown": "confidentiality"}, "lockdown", FAILED, "lockdown=integrity or none", 13),
        ({"lockdown": ""}, "lockdown", SKIPPED, "does not tell", 0),
        (
            {"probes": {"taken": {}, "refused": [{"way": "kprobe", "reason": "EPERM\nlong"}]}},
            "probes",
            FAILED,
            "(kprobe: EPERM)",
            13,
        ),
        ({"probes": {"taken": {"tty": COSTLY}}}, "probe tty", WARNING, "all system calls", 0),
        ({"spool_bytes": 1 << 20}, "space for the log", FAILED, "only 1 MiB are free", 9),
        ({"spool_bytes": 512 << 20}, "space for the log", WARNING, "512 MiB are free", 0),
        ({"memory_bytes": 100 << 20}, "memory", WARNING, "only 100 MiB", 0),
        ({"recorder": "0.0.1"}, "image", WARNING, "recorder 0.0.1", 0),
    ],
)
def test_what_is_wrong_with_a_node_has_its_own_exit_code(
    changes: dict[str, Any], check: str, status: str, says: str, code: int
) -> None:
    found = _found(**changes)
    assert (found[check].status, found[check].code) == (status, code)
    assert says in checks.table([found[check]])
    assert checks.exit_code(list(found.values())) == code


HOSTILE: list[Callable[[], Any]] = [
    lambda: None,
    lambda: 5,
    lambda: "\x1b]0;x\a",
    lambda: ["\x1b[31m"],
    lambda: {"\x1b[31m": "\u202e"},
    lambda: [{"way": "\x1b", "reason": {}}],
]


@pytest.mark.parametrize("field", [name for name in GOOD if name != "doctor"])
@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_answer_of_a_recorder_is_only_text(field: str, value: Callable[[], Any]) -> None:
    for changed in (value(), {"taken": value(), "refused": value()}):
        shown = checks.table(list(_found(**{field: changed}).values()))
        assert shown.replace("\n", "").isprintable()


@pytest.mark.parametrize("text", ["", "\n", "no", "[]", '{"doctor": 2}', "{" * 100000, "\x1b[31m"])
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(PodDidNotStart, match="no answer of its doctor"):
        deep._parse(text)


def test_table_has_the_remedy_and_the_code_is_that_of_the_first_failure() -> None:
    found = [
        checks.passed("a", "fine\x1b[31m"),
        checks.doubtful("b", "hm", "look"),
        checks.failed("c", "not allowed", "ask", Forbidden),
        checks.failed("d", PodDidNotStart("no")),
    ]
    assert checks.exit_code(found) == 5
    assert checks.exit_code(found[:2]) == 0
    assert checks.table(found) == (
        "CHECK   STATUS    DETAIL\n"
        "a       ok        fine\\x1b[31m\n"
        "b       warning   hm: look\n"
        "c       failed    not allowed: ask\n"
        "d       failed    no\n"
    )


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("web", ("pod", "web")),
        ("pod/web", ("pod", "web")),
        ("po/web", ("pod", "web")),
        ("node/n1.example", ("node", "n1.example")),
        ("NODES/n1", ("node", "n1")),
        ("no/n1", ("node", "n1")),
    ],
)
def test_pod_and_node_are_told_apart(text: str, meant: tuple[str, str]) -> None:
    assert pod_or_node(text) == meant


@pytest.mark.parametrize("text", ["", "/", "x/y", "pod/", "node/../x", "a/b/c", "node/A", "x\x1b[31m"])
def test_what_names_neither_is_wrong_usage(text: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        pod_or_node(text)
    assert str(caught.value).isprintable()
