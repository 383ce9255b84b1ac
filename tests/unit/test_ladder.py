"""Which way is taken of each kind of probe, and what a refusal costs."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recorder import ladder, preemption
from recorder.btf import Btf
from recorder.climb import NoWay, Refusal, Refused, climb, ranked
from recorder.ladder import FENTRY, FEXIT, RAW_TRACEPOINT, Choice, Hook, Kind, Way


def names(choice: Choice) -> dict[str, str | None]:
    return {kind: way.name if way else None for kind, way in choice.items()}


class Kernel(Btf):
    """A kernel with these functions in its BTF, which refuses these programs."""

    def __init__(self, functions: str = "", tracing: bool = True, refuses: str = "", attaches: bool = True) -> None:
        self.functions, self.tracing, self.refuses = functions.split(), tracing, refuses.split()
        self.attaches = attaches
        self.tried: list[dict[str, str | None]] = []

    def has_function(self, name: str) -> bool:
        return name in self.functions

    def allows_tracing(self) -> bool:
        return self.tracing

    def attaches_tracing(self, function: str) -> bool:
        return self.attaches

    def attempt(self, choice: Choice) -> str:
        self.tried.append(names(choice))
        for way in choice.values():
            for hook in way.hooks if way else ():
                if hook.program in self.refuses:
                    raise Refused(hook, f"{hook.program} is refused")
        return "attached"


SHARED = Hook(RAW_TRACEPOINT, "sys_exit", "shared")
ONE = Kind(
    "one",
    (
        Way("fexit", "fexit f", (), (Hook(FEXIT, "f", "one_fexit"),)),
        Way("syscall", "sys_exit", (), (SHARED,)),
    ),
)
TWO = Kind(
    "two",
    (
        Way("fexit", "fexit g", (), (Hook(FEXIT, "g", "two_fexit"),)),
        Way("syscall", "sys_exit", (), (SHARED,)),
    ),
    required=False,
)


def climbed(kernel: Kernel, **wanted: list[str]) -> tuple[dict[str, str | None], list[Refusal]]:
    choice, gave, refused = climb(kernel, wanted, kernel.attempt, (ONE, TWO))
    assert gave == "attached"
    return names(choice), refused


def test_the_best_way_that_is_offered_is_taken_of_each_kind() -> None:
    assert climbed(Kernel("f g")) == ({"one": "fexit", "two": "fexit"}, [])
    choice, refused = climbed(Kernel("g"))
    assert choice == {"one": "syscall", "two": "fexit"}
    assert [(r.kind, r.way) for r in refused] == [("one", "fexit")]
    assert "no function f" in refused[0].reason


def test_a_kernel_that_takes_no_programs_of_type_tracing_has_no_fexit() -> None:
    kernel = Kernel("f g", tracing=False)
    assert climbed(kernel)[0] == {"one": "syscall", "two": "syscall"}
    assert len(kernel.tried) == 1


def test_a_kernel_that_attaches_no_fexit_to_its_functions_costs_no_compilation() -> None:
    kernel = Kernel("f g", attaches=False)
    choice, refused = climbed(kernel)
    assert choice == {"one": "syscall", "two": "syscall"}
    assert len(kernel.tried) == 1
    assert {refusal.reason for refusal in refused} == {
        "the kernel attaches no programs of type tracing to its functions"
    }


def test_a_way_whose_programs_are_not_run_is_not_taken_and_says_why() -> None:
    kernel = Kernel("f g")
    choice, _, refused = climb(kernel, {}, kernel.attempt, (ONE, TWO), off={FEXIT: "ftrace is off"})
    assert names(choice) == {"one": "syscall", "two": "syscall"}
    assert len(kernel.tried) == 1
    assert refused[0] == Refusal("one", "fexit", "fexit f", "ftrace is off")
    with pytest.raises(NoWay):
        climb(kernel, {"one": ["fexit"]}, kernel.attempt, (ONE, TWO), off={FEXIT: "ftrace is off"})


def test_a_program_that_is_refused_costs_a_rung_of_its_kind_only() -> None:
    kernel = Kernel("f g", refuses="one_fexit")
    choice, refused = climbed(kernel)
    assert choice == {"one": "syscall", "two": "fexit"}
    assert refused == [Refusal("one", "fexit", "fexit f", "one_fexit is refused")]


def test_a_shared_program_that_is_refused_costs_what_can_be_spared_before_what_cannot() -> None:
    kernel = Kernel(refuses="shared")
    with pytest.raises(NoWay) as caught:
        climbed(kernel)
    assert kernel.tried == [{"one": "syscall", "two": "syscall"}, {"one": "syscall", "two": None}]
    assert caught.value.kind == "one"
    assert [(r.kind, r.way) for r in caught.value.refused][-2:] == [("two", "syscall"), ("one", "syscall")]


def test_what_can_be_spared_is_not_watched_when_every_way_is_refused() -> None:
    assert climbed(Kernel("f g", refuses="two_fexit shared"))[0] == {"one": "fexit", "two": None}


def test_a_way_that_is_wanted_is_taken_or_nothing_is() -> None:
    assert climbed(Kernel("f g"), one=["syscall"])[0] == {"one": "syscall", "two": "fexit"}
    assert climbed(Kernel("f g"), two=["none"])[0] == {"one": "fexit", "two": None}
    for wanted in ({"one": ["fexit"]}, {"two": ["fexit"]}):
        with pytest.raises(NoWay):
            climbed(Kernel(), **wanted)


def test_a_header_names_the_way_of_each_kind() -> None:
    assert ladder.says({"one": ONE.ways[0], "two": None}) == {"one": "fexit f", "two": "none"}


def every_choice() -> list[Choice]:
    deepest = max(len(kind.ways) for kind in ladder.KINDS)
    return [{kind.name: kind.ways[min(i, len(kind.ways) - 1)] for kind in ladder.KINDS} for i in range(deepest)]


def test_every_file_of_every_way_is_compiled_in_its_place() -> None:
    for choice in every_choice():
        wanted = {name for way in choice.values() if way for name in way.sources}
        assert wanted <= set(ladder.sources(choice))
    assert ladder.sources({})[0] == "common.c"
    last = ladder.sources(every_choice()[-1])
    assert last.index("sys_exit.c") > max(last.index("tty_syscall.c"), last.index("exec_failed.c"))


def test_names_of_programs_are_no_others() -> None:
    for choice in every_choice():
        hooks = {hook for way in choice.values() if way for hook in way.hooks}
        assert len({hook.program for hook in hooks}) == len(hooks)


def test_the_kinds_of_hooks_of_a_choice() -> None:
    assert ladder.hooks({"one": ONE.ways[0], "two": None}) == {FEXIT}
    assert ladder.hooks({"one": ONE.ways[1], "two": TWO.ways[0]}) == {RAW_TRACEPOINT, FEXIT}


@pytest.mark.parametrize(
    ("look", "says"),
    [
        (lambda: ladder.checked("nosuch", ["fexit"]), "there is no probe 'nosuch': there are exec, "),
        (lambda: ladder.checked("tty", ["magic"]), "cannot be 'magic': it can be fexit, kprobe, syscall"),
        (lambda: ladder.checked("tty", ["none"]), "cannot be 'none'"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(look: Callable[[], Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        look()


def test_a_kind_that_can_be_spared_may_be_none() -> None:
    assert ladder.checked("exec_failed", ["kprobe", "none"]) == ("kprobe", "none")


TRACING = frozenset((FENTRY, FEXIT))
ALL_BUT_KPROBES = TRACING | {RAW_TRACEPOINT}


@pytest.mark.parametrize(
    ("release", "version", "mode", "preempted"),
    [
        ("5.10.0-32-cloud-amd64", "#1 SMP Debian 5.10.257-1", "", frozenset()),
        ("6.12.1-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.12.1-1", "none (voluntary) full\n", frozenset()),
        ("6.12.1-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.12.1-1", "none voluntary (full)\n", TRACING),
        ("6.12.1-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.12.1-1", "", TRACING),
        ("6.12.1-rt-amd64", "#1 SMP PREEMPT_RT Debian 6.12.1-1", "", TRACING),
        ("6.19.0", "#1 SMP PREEMPT Ubuntu", "", TRACING),
        ("7.0.0-rc1", "#1 SMP PREEMPT_DYNAMIC", "full (lazy)\n", ALL_BUT_KPROBES),
        ("10.1.0", "#1 SMP PREEMPT_RT", "", ALL_BUT_KPROBES),
        ("7.0.0", "#1 SMP PREEMPT_DYNAMIC", "(none) voluntary full\n", frozenset()),
    ],
)
def test_which_programs_may_be_preempted(release: str, version: str, mode: str, preempted: frozenset[str]) -> None:
    assert preemption.hooks(release, version, mode) == preempted


def test_the_mode_of_the_kernel_is_read_below_the_sysfs_of_the_node(tmp_path: Path) -> None:
    mode = tmp_path / "kernel" / "debug" / "sched" / "preempt"
    mode.parent.mkdir(parents=True)
    mode.write_text("(none) voluntary full\n")
    uname = os.uname()
    assert preemption.preempted(tmp_path) == preemption.hooks(uname.release, uname.version, mode.read_text())


@pytest.mark.parametrize(
    ("kind", "preempted", "ways"),
    [
        (ladder.TTY, (), ["fexit", "kprobe", "syscall"]),
        (ladder.TTY, TRACING, ["kprobe", "fexit", "syscall"]),
        (ladder.TTY, ALL_BUT_KPROBES, ["kprobe", "fexit", "syscall"]),
        (ladder.EXEC, TRACING, ["tracepoint", "kprobe"]),
        (ladder.EXEC, ALL_BUT_KPROBES, ["kprobe", "tracepoint"]),
        (ladder.WARNINGS, (), ["fentry", "kprobe", "kprobes", "tracepoint"]),
        (ladder.WARNINGS, TRACING, ["kprobe", "kprobes", "fentry", "tracepoint"]),
        (ladder.WARNINGS, ALL_BUT_KPROBES, ["kprobes", "fentry", "kprobe", "tracepoint"]),
    ],
)
def test_kprobes_lead_where_programs_of_the_best_way_may_be_preempted(
    kind: Kind, preempted: frozenset[str], ways: list[str]
) -> None:
    assert [way.name for way in ranked(kind, preempted)] == ways


def test_a_way_that_is_wanted_is_taken_even_if_its_programs_may_be_preempted() -> None:
    choice, _, _ = climb(Kernel("f g"), {"one": ["fexit"]}, Kernel("f g").attempt, (ONE, TWO), {FEXIT})
    assert names(choice) == {"one": "fexit", "two": "fexit"}
