"""The node that the other tests here stand on is a real one: real exec, real terminal, real audit log."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.conftest import Victim
from tests.cluster.node import Node
from tests.cluster.node.leftovers import clear
from tests.cluster.node.place import places, registry_lock
from tests.cluster.node.wait import until
from tests.support.terminal import Terminal


def _exec(node: Node, victim: Victim, *command: str, user: str = "admin") -> Terminal:
    argv = ["kubectl", "--namespace", victim.namespace, "exec", "-it", victim.pod, "--", *command]
    started = node.command(argv, user=user)
    return Terminal(started.argv, env=started.env, rows=40, cols=100)


def test_shell_in_a_pod_has_a_terminal_and_hands_on_its_exit_code(node: Node, victim: Victim) -> None:
    with _exec(node, victim, "bash", "--norc") as terminal:
        terminal.expect(b"# ")
        terminal.send(b"tty; readlink /proc/self/exe\r")
        terminal.expect(b"/dev/pts/0\r\n/usr/bin/readlink\r\n")
        terminal.send(b"exit 7\r")
        assert terminal.wait() == 7


def test_output_of_a_program_arrives_byte_for_byte(node: Node, victim: Victim) -> None:
    with _exec(node, victim, "seq", "20000") as terminal:
        assert terminal.wait() == 0
    assert terminal.output == b"".join(b"%d\r\n" % number for number in range(1, 20001))


def test_resized_terminal_is_resized_in_the_pod(node: Node, victim: Victim) -> None:
    # A session begins without a size; kubectl sends its own a moment later.
    script = """
        becomes() { until [ "$(stty size)" = "$1" ]; do sleep 0.02; done; echo "is $1"; }
        becomes "40 100"; becomes "33 77"
    """
    with _exec(node, victim, "bash", "-c", script) as terminal:
        terminal.expect(b"is 40 100\r\n")
        terminal.resize(33, 77)
        terminal.expect(b"is 33 77\r\n")
        assert terminal.wait() == 0


def test_audit_log_names_who_ran_what(node: Node, victim: Victim) -> None:
    node.kubectl("--namespace", victim.namespace, "exec", victim.pod, "--", "echo", "audited")

    def uris() -> set[str]:
        return {
            event["requestURI"]
            for event in node.audit_events()
            if event["user"]["username"] == "admin"
            and event["objectRef"]["namespace"] == victim.namespace
            and event["stage"] == "ResponseComplete"
        }

    # The API server writes it a little later than kubectl has its answer.
    until(lambda: bool(uris()), 60, lambda: f"only {node.audit_events()}")
    [uri] = uris()
    assert re.search(r"command=echo&command=audited&container=app", uri)


def test_user_without_rights_gets_no_shell(node: Node, victim: Victim) -> None:
    done = node.kubectl("--namespace", victim.namespace, "exec", victim.pod, "--", "true", user="alice", check=False)
    assert done.returncode == 1
    assert b'"alice" cannot' in done.stderr


@pytest.mark.slow
def test_killed_run_is_cleared_away_and_a_live_one_is_not(node: Node, victim: Victim) -> None:
    starts = "from tests.cluster.node import Node; Node.start().add_node(); print('up', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", starts],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"up\n"
        [place] = [place for place in places() if place.name.startswith(f"ebpfaudit-{run.pid}-")]
        run.kill()
    with registry_lock():
        clear()
    assert place not in places()
    assert not [path for path in (place.folder, place.netns, *place.cgroups) if path.exists()]
    assert str(place.folder) not in Path("/proc/self/mountinfo").read_text()
    node.kubectl("--namespace", victim.namespace, "exec", victim.pod, "--", "true")
