"""Ways into a container other than the runtime's exec."""

import os
import subprocess
import time

from recorder.processes import mount_namespace
from tests.kernel.test_targets import BUSY, POD, started, tell, until
from tests.support.container import Container, container
from tests.support.recorder import recording

FROM_NODE, UNDER_WAY = 2, 1
EXEC_UNDER_WAY = 8


def test_nsenter_on_the_node_is_a_session(victim: Container) -> None:
    with recording({"container_id": victim.id}, sessions=1) as live:
        seen = subprocess.run(
            ["nsenter", "--target", str(victim.init), "--all", "/bin/sh", "-c", "/bin/hostname; /bin/true"],
            stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60,
        )  # fmt: skip
        live.end()
    assert seen.stdout == b"victim\n"
    (start,) = live.of("session_start")
    assert start.fields["flags"] == FROM_NODE
    assert live.commands()[0] == ["/bin/sh", "-c", "/bin/hostname; /bin/true"]
    out = next(e for e in live.of("stream_open") if e.fields["fd"] == 1)
    assert b"".join(e.fields["data"] for e in live.of("stream_data") if e.fields["stream"] == out.fields["stream"]) == (
        b"victim\n"
    )


def test_nsenter_is_a_session_though_the_containers_program_has_gone_to_another_mount_namespace(node: None) -> None:
    moves = "until [ -e /tmp/go ]; do /bin/sleep 0.01; done; exec /bin/unshare -m /bin/sleep 1000000"
    with container(("/bin/bash", "-c", moves), privileged=True) as moved:
        with recording({"container_id": moved.id}, sessions=1) as live:
            before = mount_namespace(moved.init)
            (moved.root / "tmp/go").touch()
            enter = ["nsenter", "--target", str(moved.init), "--mount", "--pid", "/bin/echo"]
            deadline = time.monotonic() + 60
            # The recorder looks ten times a second.
            while live.agent.poll() is None:
                assert time.monotonic() < deadline
                if mount_namespace(moved.init) != before:
                    subprocess.run(enter, check=True, timeout=60)
            live.end()
    start = live.of("session_start")[0]
    assert start.fields["flags"] == FROM_NODE
    assert live.commands()[0] == ["/bin/echo"]


def test_an_exec_into_a_container_that_came_up_in_the_nodes_mount_namespace_is_a_session(victim: Container) -> None:
    goes_home = ("/bin/nsenter", "-t", str(os.getpid()), "-m", "/bin/sleep", "1000000")
    with recording({"container_id": victim.id, **POD}, follow=True, sessions=1) as live:
        with container(goes_home, beside=victim, own_pids=False, privileged=True) as home:
            until(live, lambda: started(live, home) is not None)
            deadline = time.monotonic() + 60
            while live.agent.poll() is None:
                assert time.monotonic() < deadline
                home.exec("/bin/echo", "at home")
            live.end()
    assert live.of("session_start")[0].target == 2
    assert live.commands()[0] == ["/bin/echo", "at home"]


def test_nsenter_into_another_container_is_none(victim: Container) -> None:
    with container() as other, recording({"container_id": victim.id}, sessions=1) as live:
        subprocess.run(
            ["nsenter", "--target", str(other.init), "--mount", "--pid", "/bin/true"], check=True, timeout=60
        )
        victim.exec("/bin/echo")
        live.end()
    assert live.commands() == [["/bin/echo"]]


def test_the_first_process_of_an_ephemeral_container_is_a_session(victim: Container) -> None:
    init = victim.init
    with recording({"container_id": victim.id, "kind": "ephemeral"}, sessions=2) as live:
        victim.exec("/bin/echo")
        victim.kill()
        live.end()
    main, entry = live.of("session_start")
    assert (main.pid, main.fields["flags"]) == (init, UNDER_WAY)
    assert live.commands(main.session) == [["/bin/sleep", "1000000"]]
    assert live.commands(entry.session) == [["/bin/echo"]]


def test_a_container_that_turns_out_to_be_an_ephemeral_one_is_a_session_from_then_on(node: None) -> None:
    with container(BUSY) as busy, recording({"container_id": busy.id}) as live:
        init = busy.init
        busy.exec("/bin/echo")
        tell(live, container_id=busy.id, kind="ephemeral")
        until(live, lambda: len([words for words in live.commands() if words == ["/bin/true"]]) > 2)
        busy.kill()
        live.end()
    entry, main = live.of("session_start")
    assert live.commands(entry.session) == [["/bin/echo"]]
    assert (main.pid, main.fields["flags"]) == (init, UNDER_WAY)
    first = live.of("exec", session=main.session)[0]
    assert (first.pid, first.fields["flags"] & EXEC_UNDER_WAY) == (init, EXEC_UNDER_WAY)
    assert [e.session for e in live.of("gap")] == [main.session]
