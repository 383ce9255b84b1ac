"""Other kernels, each booted once: the same sessions in, the same events out, by every way that the kernel takes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from recorder import events, ladder
from tests.guest.guest import Guest, Result
from tests.kernels import KERNELS, KINDS, WAYS, Kernel, Rows
from tests.support import same

ROOT = Path(__file__).parents[2]
_REASONS = events.enums()["gap_reason"]
_SKIPPED = _REASONS["GAP_PROBE_MISSED"]
_MAY_SKIP = "fexit", "syscall"
"""Where the kernel's code may be preempted, it skips such a program while a preempted run of it has not ended."""
_EXACT = {"exit code", "password", "numbers", "pieces", "piped"}
"""What a skipped program changes nothing of (tests/support/same.py)."""
_LOSSY = "may miss some, and tells of it: kprobe comes first here"
_SECONDS = 1200.0
"""Deadline for one recording: 40 s on an idle machine, of which the compiler takes most."""

_OF_PROCESSES = "exec", "fork", "exit"
_PIPES = {"fexit": ("fexit", "fexit-pipe"), "kprobe": ("kprobe", "kprobe-pipe")}
"""The names of one way, by the kernel's own names of the functions."""


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_sessions_give_the_same_events_by_every_way(
    kernel: Kernel, request: pytest.FixtureRequest, kernel_rows: Rows
) -> None:
    guest: Guest = request.getfixturevalue(kernel.guest)
    reasons = _reasons(guest, kernel)
    refused = [way for way in WAYS if all((kind, way) in kernel.refuses for kind in KINDS)]
    ways = [way for way in WAYS if way not in refused]
    best = "kprobe" if kernel.preempts else ways[0]
    for way in (best, *(way for way in ways if way != best)):
        taken = {kind: way for kind in (*_OF_PROCESSES, *KINDS) if (kind, way) not in kernel.refuses}
        # The best is what it takes if nothing is forced, but that programs are seen by kprobes in all rows of kprobes.
        # Warnings are not of this test, and much of what is compiled.
        forced = {kind: _names(kernel, kind, way) for kind in taken} | {"warnings": ("none",)}
        forced = {kind: forced[kind] for kind in _OF_PROCESSES} if way == best else forced
        told = _record(guest, forced)
        assert {kind: told["taken"][kind] for kind in taken} == {kind: _says(kernel, kind, way, told) for kind in taken}
        may_skip = kernel.preempts and way in _MAY_SKIP
        if may_skip and told["gaps"]:
            assert {gap["reason"] for gap in told["gaps"]} == {_SKIPPED}, told["gaps"]
            assert not _EXACT.intersection(told["wrong"]), told["wrong"]
        else:
            # Who is preempted while it changes a map keeps kprobes' programs from running on that CPU, too; what has
            # cost nothing is told as well.
            skipped = kernel.preempts and {gap["reason"] for gap in told["gaps"]} == {_SKIPPED}
            assert told["wrong"] == (["nothing lost"] if skipped else []), (kernel.name, forced, told["gaps"])
            assert told["events"] == same.EXPECTED, (kernel.name, forced)
        assert told["machine"] == kernel.machine
        assert told["kernel"].startswith(kernel.version)
        cells = [reasons.get((kind, way)) or (_LOSSY if may_skip else "same") for kind in KINDS]
        kernel_rows[kernel.version or "newest", kernel.machine, way] = (told["kernel"], *cells)
    for way in refused:
        kernel_rows[kernel.version, kernel.machine, way] = (told["kernel"], *(reasons[kind, way] for kind in KINDS))


def _names(kernel: Kernel, kind: str, way: str) -> tuple[str, ...]:
    """What a kind is forced to for a row of the table: a program that is not seen at all would hold a test up."""
    if kind in _OF_PROCESSES:
        return ("kprobe",) if way == "kprobe" or kernel.preempts else ("tracepoint",)
    return _PIPES.get(way, (way,)) if kind == "stream" else (way,)


def _says(kernel: Kernel, kind: str, way: str, told: dict[str, Any]) -> str:
    """What the header has to say of a way of a kind; the one that is there, if the way has several names."""
    (found,) = (each for each in ladder.KINDS if each.name == kind)
    says = [each.says for each in found.ways if each.name in _names(kernel, kind, way)]
    return told["taken"][kind] if told["taken"][kind] in says else says[0]


def _reasons(guest: Guest, kernel: Kernel) -> dict[tuple[str, str], str]:
    """What the table says of the ways that the kernel is known to refuse, which it still has to."""
    if not kernel.refuses:
        return {}
    kinds = sorted({kind for kind, _ in kernel.refuses})
    code = "import json, sys; from recorder import ladder, ways; print(json.dumps(ways.every_way("
    code += "kinds=[kind for kind in ladder.KINDS if kind.name in sys.argv[1:]])))"
    done = _python(guest, ["-c", code, *kinds])
    assert done.returncode == 0, done.output.decode()
    found = {(way["kind"], way["way"]): way for way in json.loads(done.output.splitlines()[-1])}
    refused = {key: way["reason"] for key, way in found.items() if way["state"] == "refused" and key in kernel.refuses}
    assert refused.keys() == kernel.refuses, found
    return {key: f"no: {(reason.splitlines() or [''])[0]}" for key, reason in refused.items()}


def _record(guest: Guest, forced: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    probes = ",".join(f"{kind}={'|'.join(names)}" for kind, names in forced.items())
    done = _python(guest, ["-m", "tests.support.same"], probes)
    assert done.returncode in (0, 1), done.output.decode()
    try:
        told: dict[str, Any] = json.loads(done.output.splitlines()[-1])
    except (ValueError, IndexError):
        pytest.fail(done.output.decode())
    return told


def _python(guest: Guest, arguments: list[str], probes: str = "") -> Result:
    return guest.run(
        ["/usr/bin/python3", *arguments], timeout=_SECONDS, cwd=guest.seen(ROOT), env={"EBPFAUDIT_PROBES": probes}
    )
