"""Golden logs: what any version of the format ever wrote is read the same for ever."""

from pathlib import Path

import pytest

from tests.golden import make


@pytest.mark.parametrize(("name", "verb"), [(name, verb) for name in make.names() for verb in make.verbs(name)])
def test_a_verb_prints_what_it_always_printed(name: str, verb: str, tmp_path: Path) -> None:
    golden = make.HERE / f"{name}.{verb}"
    assert make.printed(name, verb, tmp_path) == golden.read_bytes(), "see tests/golden/make.py"


@pytest.mark.parametrize("name", list(make.LOGS))
def test_every_log_that_can_be_made_is_there(name: str) -> None:
    assert (make.HERE / f"{name}.ebpfaudit").exists()
