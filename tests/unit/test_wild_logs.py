"""Logs that are sealed as they should be, and hold what no kernel ever said: read by every verb that reads one."""

import json
import resource
import time
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.cli import Cli
from tests.support.wild_logs import wild_logs

VERBS = [
    "show LOG", "show LOG -o json", "show LOG -o wide --flat", "show LOG --hidden", "show LOG --since 1s --all",
    "list", "list -o json", "verify LOG", "verify LOG -o json", "replay LOG/1", "replay LOG/1 --at 3",
    "replay LOG/1 --raw", "search x", "search . LOG -C 1 -m 50", "search a LOG --in screen -o json",
    *(f"export LOG --format {name}" for name in ("jsonl", "ecs", "ocsf", "html")),
    *(f"export LOG/1 --format {name}" for name in ("asciicast", "asciicast-v3", "text", "raw")),
    "export LOG --format parquet -w OUT --force",
]  # fmt: skip
SECONDS = 10
"""Of CPU time, that a verb may take."""
MEMORY = 256 << 20


def most_memory() -> int:
    """Bytes that this process had at its largest."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


@given(log=wild_logs(), verbs=st.lists(st.sampled_from(VERBS), min_size=3, max_size=3, unique=True))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_log_makes_a_verb_fall_hang_or_take_much_memory(
    cli: Cli, tmp_path: Path, log: bytes, verbs: list[str]
) -> None:
    store = tmp_path / "home" / "recordings"
    store.mkdir(parents=True, exist_ok=True)
    (store / "LOG.ebpfaudit").write_bytes(log)
    before = most_memory()
    for verb in verbs:
        started = time.process_time()
        ran = cli(*(str(tmp_path / "out") if word == "OUT" else word for word in verb.split()))
        assert time.process_time() - started < SECONDS, verb
        assert most_memory() - before < MEMORY, verb
        assert ran.err.count("error:") <= 1
        assert all(line.replace("\t", "").isprintable() for line in ran.err.splitlines())
        if "raw" not in verb and "html" not in verb:
            assert all(line.replace("\t", "").isprintable() for line in ran.text.split("\n")), verb
        if "json" in verb.split()[-1:] and ran.out:
            json.loads(ran.out)
