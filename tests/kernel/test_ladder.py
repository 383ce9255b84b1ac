"""What this kernel's own verifier refuses costs a rung of that kind of probe, and nothing else."""

import json
import subprocess
from pathlib import Path

from tests.support.recorder import ROOT

# Reads beyond what a tracepoint hands to its programs (kernel/trace/bpf_trace.c).
_BAD = "int raw_bad(u64 *ctx)\n{\n\treturn ctx[1000];\n}\n"

_LOAD = """
import dataclasses, json, sys
sys.path.append(sys.argv[1])
from recorder import ladder, loader
bad = ladder.Way("bad", "bad", (sys.argv[2],), (ladder.Hook(ladder.RAW_TRACEPOINT, "sched_process_exit", "raw_bad"),))
ladder.SOURCES += (sys.argv[2],)
ladder.KINDS = tuple(
    dataclasses.replace(kind, ways=(bad, *kind.ways)) if kind.name == sys.argv[3] else kind for kind in ladder.KINDS
)
found = loader.load()
print(json.dumps([found.taken, [(refusal.kind, refusal.way, refusal.reason) for refusal in found.refused]]))
"""


def test_a_program_that_the_verifier_refuses_costs_a_rung_of_its_kind_only(node: None, tmp_path: Path) -> None:
    (tmp_path / "bad.c").write_text(_BAD)

    def loaded(kind: str) -> tuple[dict[str, str], list[tuple[str, str, str]]]:
        command = ["/usr/bin/python3", "-I", "-c", _LOAD, str(ROOT), str(tmp_path / "bad.c"), kind]
        taken, refused = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=100).stdout)
        return taken, [(kind, way, reason) for kind, way, reason in refused]

    usual, _ = loaded("nothing")
    for kind in ("exec_failed", "exit"):
        taken, refused = loaded(kind)
        assert taken == usual
        assert [(of, "raw_bad" in reason) for of, way, reason in refused if way == "bad"] == [(kind, True)]
