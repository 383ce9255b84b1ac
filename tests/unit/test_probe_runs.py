"""Runs of a pod's probes, as the recorder counts them and `list` tells of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from recorder.probe_runs import ProbeRuns
from replay.listing.columns import COLUMNS
from replay.listing.entry import Entry
from replay.listing.summary import summarise
from replay.listing.table import as_document
from tests.support.carried import SECOND, event
from tests.support.logs import MS, TARGET, LogBuilder, argv, start_shell

LIVENESS = ["cat", "/tmp/healthy"]
PROBES = [{"kind": "liveness probe", "argv": LIVENESS}]


def of_session(session: int, *words: str, tty: int = 0, flags: int = 0) -> list[list[Any]]:
    return [
        event("session_start", SECOND, session, flags=flags),
        event("exec", SECOND, session, argv=argv(*words), tty=tty),
        event("exec", SECOND, session, pid=101, argv=argv(*LIVENESS)),
        event("session_end", SECOND, session),
    ]


@pytest.mark.parametrize(
    ("events", "runs", "others"),
    [
        (of_session(1, *LIVENESS), 1, 0),
        (of_session(1, *LIVENESS) + of_session(2, *LIVENESS), 2, 0),
        (of_session(1, *LIVENESS, "x"), 0, 1),
        (of_session(1, *LIVENESS, tty=1), 0, 1),
        (of_session(1, *LIVENESS, flags=1), 0, 1),
        (of_session(1, "sh"), 0, 1),
    ],
)
def test_a_session_is_a_run_if_its_first_command_is_that_of_a_probe(
    events: list[list[Any]], runs: int, others: int
) -> None:
    counted = ProbeRuns(lambda target: {"probes": PROBES})
    for one in events:  # however they come
        counted.see([one])
    assert (counted.begun, counted.others_ended) == (runs, others)
    unknown = ProbeRuns(lambda target: {})
    unknown.see(events)
    assert (unknown.begun, unknown.others_ended) == (0, runs + others)


@pytest.mark.parametrize("end", ["target gone", None])
def test_list_tells_runs_of_probes_from_sessions(end: str | None, tmp_path: Path) -> None:
    log = start_shell(LogBuilder(targets=[{**TARGET, "probes": PROBES}]))
    for session in (2, 3):
        log.add("session_start", session * SECOND, session, 100 + session)
        log.add("exec", session * SECOND + MS, session, 100 + session, argv=argv(*LIVENESS))
    if end:
        log.totals["probe_runs"] = 2
    log.save(tmp_path / "s.ebpfaudit", end)
    entry = Entry(tmp_path, "s.ebpfaudit", (summarise(tmp_path / "s.ebpfaudit"),))
    assert COLUMNS["sessions"].cell(entry) == "1 +2 probes"
    (shown,) = json.loads(json.dumps(as_document([entry])))
    assert (shown["sessions"], shown["probe_runs"]) == (3, 2)
