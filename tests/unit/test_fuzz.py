"""The mutating fuzzer over the golden logs; `make fuzz` goes on for longer."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from recorder.log.errors import AuditError
from recorder.log.reader import open_log
from tests.fuzz import read as reading
from tests.fuzz.__main__ import work
from tests.fuzz.mutate import logs, mutated, seeds
from tests.support.cli import ROOT

COUNT = 100_000 if os.environ.get("CI") == "true" else 10_000


@pytest.mark.slow
def test_no_mutation_of_a_log_makes_a_fault_a_hang_or_a_flood_of_memory() -> None:
    seed = "1" if os.environ.get("CI") == "true" else str(random.randrange(1 << 30))
    command = [sys.executable, "-m", "tests.fuzz", "--count", str(COUNT), "--seed", seed]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_many_mutations_get_past_the_seals(tmp_path: Path) -> None:
    path, opened = tmp_path / "s.ebpfaudit", 0
    for data in logs(2, 300):
        path.write_bytes(data)
        try:
            with open_log(path) as log:
                opened += any(True for _ in log.events())
        except AuditError:
            pass
    assert 100 < opened < 300


def test_a_seed_makes_the_same_mutations_again() -> None:
    assert list(logs(3, 20)) == list(logs(3, 20))
    good = seeds()[0]
    assert mutated(random.Random(4), good) != mutated(random.Random(5), good)


def test_the_fuzzer_finds_a_fault(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(log: object, timeline: object) -> None:
        raise KeyError("a fault")

    monkeypatch.setattr(reading, "WAYS", [broken])
    monkeypatch.setattr("tests.fuzz.__main__._limit", lambda: None)
    assert work(1, 20) == 3
    said = capsys.readouterr().err
    assert "KeyError: 'a fault'" in said
    for word in said.split():
        if word.endswith(".ebpfaudit:"):
            Path(word[:-1]).unlink()
