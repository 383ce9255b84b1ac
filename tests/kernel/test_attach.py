"""Who is at the terminal of a container's own program, as by kubectl attach."""

import re
from collections.abc import Iterator

import pytest

from tests.kernel.test_targets import until
from tests.support.container import Container, container
from tests.support.recorder import recording

ATTACHED, EXEC_UNDER_WAY, STREAM_UNDER_WAY = 4, 8, 1
SHELL = ("/bin/bash", "--norc", "-i")


@pytest.fixture
def shell(node: None) -> Iterator[Container]:
    """A container whose own program is a shell on a terminal."""
    with container(SHELL, terminal=True) as running:
        yield running


def test_what_somebody_does_who_is_at_the_container_s_own_terminal_is_a_session(shell: Container) -> None:
    terminal = shell.terminal
    assert terminal
    terminal.send(b"/bin/sleep 1000 & PS1='@''> '\r")
    terminal.expect(b"@> ")
    before, typed = len(terminal.output), len(terminal.sent)
    with recording({"container_id": shell.id}, sessions=1) as live:
        terminal.send(b"/bin/true inside\r")
        terminal.expect(b"@> ")
        until(live, lambda: len(live.of("exec")) == 3)
        terminal.send(b"kill %1; exit 6\r")
        assert terminal.wait() == 6
        end = live.end()
    (start,) = live.of("session_start")
    assert (start.pid, start.fields["ns_pid"], start.fields["flags"]) == (live.of("tty_open")[0].pid, 1, ATTACHED)
    found = sorted((bool(e.fields["flags"] & EXEC_UNDER_WAY), e.fields["argv"]) for e in live.of("exec"))
    assert found == [
        (False, b"/bin/true\0inside\0"),
        (True, b"/bin/bash\0--norc\0-i\0"),
        (True, b"/bin/sleep\x001000\0"),
    ]
    assert live.output() == terminal.output[before:]
    assert live.typed() == terminal.sent[typed:]
    assert live.of("session_end")[0].fields["exit_code"] == 6
    assert (end.totals["lost_events"], end.totals["lost_bytes"]) == (0, 0)


def test_it_begins_as_somebody_sets_the_size_of_the_terminal(shell: Container) -> None:
    assert shell.terminal
    with recording({"container_id": shell.id}) as live:
        shell.terminal.resize(31, 97)
        live.wait_for("tty_open")
        live.wait_for("exec")
    assert [e.fields["flags"] for e in live.of("session_start")] == [ATTACHED]


def test_what_the_container_s_own_program_does_by_itself_is_none(node: None) -> None:
    own = "echo '# '; while read -t 0.05; [ $? -gt 128 ]; do stty rows 20; echo busy; /bin/true; done"
    with container(("/bin/bash", "-c", own), terminal=True) as busy:
        assert busy.terminal
        with recording({"container_id": busy.id}, sessions=1) as live:
            busy.terminal.expect(re.compile(rb"busy.*busy.*busy", re.S))
            busy.exec("/bin/echo")
            live.end()
    assert live.commands() == [["/bin/echo"]]


def test_what_somebody_sends_to_the_container_s_own_stdin_is_a_session(node: None) -> None:
    own = "echo ready; while read -r line; do $line; done; echo over >&2"
    with container(("/bin/bash", "-c", own), stdin=True) as piped:
        assert piped.piped
        with recording({"container_id": piped.id}, sessions=1) as live:
            said, _ = piped.piped.communicate(b"/bin/echo inside\n/bin/true\n", timeout=60)
            end = live.end()
    (start,) = live.of("session_start")
    assert (start.fields["ns_pid"], start.fields["flags"]) == (1, ATTACHED)
    assert [words for words in live.commands() if words[0] != "/bin/bash"] == [["/bin/echo", "inside"], ["/bin/true"]]
    carried = {
        fd: b"".join(e.fields["data"] for e in live.of("stream_data") if e.fields["fd"] == fd) for fd in range(3)
    }
    assert sorted(said.split()) == [b"inside", b"over"]  # of two pipes, which runc reads side by side
    assert carried == {0: b"/bin/echo inside\n/bin/true\n", 1: b"inside\n", 2: b"over\n"}
    assert {e.fields["flags"] for e in live.of("stream_open")} == {STREAM_UNDER_WAY}
    assert (end.totals["lost_events"], end.totals["lost_bytes"]) == (0, 0)
