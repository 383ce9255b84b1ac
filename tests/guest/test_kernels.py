"""Other kernels, each booted once: the same session in, the same events out, by every way that the kernel takes."""

import json
from pathlib import Path
from typing import Any

import pytest

from recorder import events
from tests.guest.guest import Guest, Result
from tests.kernels import KERNELS, WAYS, Kernel, Rows
from tests.support import same

ROOT = Path(__file__).parents[2]
_FORCED = ("tty", "exec_failed")
_REASONS = events.enums()["gap_reason"]
_SKIPPED, _RING_FULL = _REASONS["GAP_PROBE_MISSED"], _REASONS["GAP_RING_FULL"]
_LOSSY = "may miss some, and tells of it: kprobe comes first here"
_SECONDS = 600.0
"""Deadline for one recording: 20 s on an idle machine."""


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_one_session_gives_the_same_events_by_every_way(
    kernel: Kernel, request: pytest.FixtureRequest, kernel_rows: Rows
) -> None:
    guest: Guest = request.getfixturevalue(kernel.guest)
    found = {(way["kind"], way["way"]): way for way in _ways(guest)}
    refused = {key for key, way in found.items() if way["state"] == "refused" and key[0] in _FORCED}
    assert refused == kernel.refuses, found
    best = next(way for way in ("kprobe" if kernel.preempts else "fexit", *WAYS) if ("tty", way) not in refused)
    assert found["tty", best]["state"] == "taken"
    for way in WAYS:
        forced = {kind: way for kind in _FORCED if (kind, way) not in refused}
        told = _record(guest, forced)
        skipped = kernel.preempts and way == "fexit" and told["gaps"]
        if skipped:
            assert {gap["reason"] for gap in told["gaps"]} <= {_SKIPPED, _RING_FULL}, told
        else:
            assert told["wrong"] == [], (kernel.name, forced, told["gaps"])
            assert told["events"] == same.EXPECTED, (kernel.name, forced)
        assert told["machine"] == kernel.machine
        assert told["kernel"].startswith(kernel.version)
        for kind in forced:
            assert told["taken"][kind] == found[kind, way]["says"]
        told_of_loss = kernel.preempts and way == "fexit"
        cells = [_LOSSY if told_of_loss else _cell(found[kind, way]) for kind in _FORCED]
        kernel_rows[kernel.version or "newest", kernel.machine, way] = (told["kernel"], *cells)


def _cell(way: dict[str, str]) -> str:
    reason = (way["reason"].splitlines() or [""])[0]
    return f"no: {reason}" if way["state"] == "refused" else "same"


def _ways(guest: Guest) -> list[dict[str, str]]:
    imports = "import json; from recorder import ladder, ways"
    done = _python(guest, ["-c", f"{imports}; print(json.dumps(ways.every_way((ladder.TTY, ladder.EXEC_FAILED))))"])
    assert done.returncode == 0, done.output.decode()
    ways: list[dict[str, str]] = json.loads(done.output.splitlines()[-1])
    return ways


def _record(guest: Guest, forced: dict[str, str]) -> dict[str, Any]:
    done = _python(guest, ["-m", "tests.support.same"], ",".join(f"{kind}={way}" for kind, way in forced.items()))
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
