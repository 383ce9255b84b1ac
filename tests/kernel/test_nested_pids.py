"""A node that is itself a container (kind, k3d): process IDs in its /proc are others than the kernel's."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SAME = {
    "a terminal": "test_capture.py::test_a_whole_session_is_recorded_byte_for_byte",
    "pipes": "test_streams.py::test_output_and_errors_are_recorded_byte_for_byte_and_apart",
    "pipes that are left behind": "test_streams.py::test_a_session_ends_though_what_it_left_behind_holds_its_output",
    "terminals in a session": "test_second_terminals.py",
    "a session under way": "test_processes.py::test_a_session_that_is_under_way_is_recorded_from_then_on",
    "pipes under way": "test_streams.py::test_the_pipes_of_a_session_that_is_under_way_are_recorded_from_then_on",
    "kubectl attach": "test_attach.py",
}
"""Tests that hold there as on any node."""

SIGNALS = """
from tests.kernel.test_warnings import told
from tests.support.container import container
from tests.support.recorder import recording
with container(own_pids=False) as victim, recording({"container_id": victim.id}, sessions=1) as live:
    victim.exec("/bin/bash", "-c", f"kill -CONT {live.agent.pid}")
    live.end()
assert told(live) == [("SIGNAL", 18, b"bash")], told(live)
"""


def nested(*argv: str) -> "subprocess.CompletedProcess[str]":
    """Runs Python in a PID namespace of its own, with its /proc and, as containers' owners are known by PIDs, /run."""
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    command += ["sh", "-c", 'mount -t tmpfs run /run && exec "$@"', "sh", sys.executable, *argv]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("what", SAME)
def test_it_is_recorded_as_elsewhere(node: None, what: str) -> None:
    done = nested("-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/kernel/{SAME[what]}")
    assert done.returncode == 0, done.stdout


def test_a_signal_to_the_recorder_is_told(node: None) -> None:
    done = nested("-c", SIGNALS)
    assert done.returncode == 0, done.stderr
