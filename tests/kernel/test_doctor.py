"""What the recorder says of this node."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from recorder import climb, ladder, preemption
from tests.support.recorder import recorder_argv


def _doctor(spool: Path, *arguments: str) -> dict[str, Any]:
    command = recorder_argv("doctor", "--spool", str(spool), *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_node_that_can_record_says_which_probes_it_takes(node: None, tmp_path: Path) -> None:
    answer = _doctor(tmp_path)
    assert (answer["doctor"], answer["root"], answer["btf"], answer["cgroup"]) == (1, True, "", "")
    assert (answer["kernel"], answer["arch"]) == (os.uname().release, os.uname().machine)
    assert answer["lockdown"] in ("", "none", "integrity")
    taken = answer["probes"]["taken"]
    assert taken["exec"] == "raw tracepoint sched_process_exec"
    preempted = preemption.preempted(Path("/sys"))
    # Those before the one that it takes are refused, each with a reason.
    for kind in ladder.KINDS:
        refused = [r for r in answer["probes"]["refused"] if r["kind"] == kind.name]
        says = [way.says for way in climb.ranked(kind, preempted)]
        assert [r["way"] for r in refused] == says[: says.index(taken[kind.name])]
        assert all(r["reason"] for r in refused)
    assert answer["spool_bytes"] > 0
    assert answer["memory_bytes"] > 0


def test_every_way_is_tried_when_asked_for(node: None, tmp_path: Path) -> None:
    answer = _doctor(tmp_path, "--every-way")
    preempted = preemption.preempted(Path("/sys"))
    ranked = [(kind.name, way.name) for kind in ladder.KINDS for way in climb.ranked(kind, preempted)]
    assert [(way["kind"], way["way"]) for way in answer["ways"]] == ranked
    taken = {w["kind"]: w["says"] for w in answer["ways"] if w["state"] == "taken"}
    assert taken == answer["probes"]["taken"]
    refused = {(r["kind"], r["way"]) for r in answer["probes"]["refused"]}
    assert refused <= {(w["kind"], w["says"]) for w in answer["ways"] if w["state"] == "refused"}
    assert all(bool(w["reason"]) == (w["state"] == "refused") for w in answer["ways"])


def test_what_is_missing_is_said_and_does_not_end_it(node: None, tmp_path: Path) -> None:
    answer = _doctor(tmp_path / "nowhere", "--sysfs", str(tmp_path))
    assert answer["cgroup"].startswith("no unified cgroup hierarchy below ")
    assert answer["lockdown"] == ""
    assert answer["spool_bytes"] is None


def test_lockdown_is_read_from_the_nodes_sysfs(node: None, tmp_path: Path) -> None:
    (tmp_path / "kernel/security").mkdir(parents=True)
    (tmp_path / "kernel/security/lockdown").write_text("none integrity [confidentiality]\n")
    assert _doctor(tmp_path, "--sysfs", str(tmp_path))["lockdown"] == "confidentiality"
