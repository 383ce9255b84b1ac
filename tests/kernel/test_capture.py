"""A real `runc exec -t` session, recorded by real probes, held against what its user saw and typed."""

import re

from recorder import ladder
from tests.support.container import Container
from tests.support.recorder import PROBES, Recording, recording
from tests.support.terminal import Terminal

PROMPT = b"@> "
# A line ends with \r\n where the shell is faster than runc, which clears ONLCR of the terminal; else with \n.


def bash(victim: Container) -> Terminal:
    terminal = Terminal(victim.exec_argv("/bin/bash", "--norc", "-i"), rows=30, cols=100)
    terminal.expect(b"# ")
    terminal.send(b"PS1='@''> '\r")
    terminal.expect(PROMPT)
    return terminal


def say(terminal: Terminal, line: bytes) -> None:
    """Types a line and waits for the next prompt."""
    terminal.send(line + b"\r")
    terminal.expect(PROMPT)


def session(live: Recording) -> int:
    return live.of("session_start")[0].session


def test_a_whole_session_is_recorded_byte_for_byte(victim: Container) -> None:
    with recording({"container_id": victim.id}, sessions=1) as live:
        with bash(victim) as terminal:
            say(terminal, b"echo hello")
            terminal.send(b"sh -c 'echo sta''rted; exec cat'\r")
            terminal.expect(re.compile(rb"started\r?\n"))
            terminal.send(b"typed line\r")
            terminal.expect(re.compile(rb"typed line\r?\ntyped line\r?\n"))
            terminal.send(b"\x04")
            terminal.expect(PROMPT)
            say(terminal, b"echo mistkae\x7f\x7f\x7fake\x1b[D\x1b[C")
            terminal.send(b"sh -c 'echo sta''rted; exec sleep 100'\r")
            terminal.expect(re.compile(rb"started\r?\n"))
            terminal.send(b"\x03")
            terminal.expect(PROMPT)
            say(terminal, "printf 'Grüße 日本 🎉\\n'".encode())
            say(terminal, b"i=0; while [ $i -lt 2000 ]; do echo line $i abcdefghijklmnop; i=$((i+1)); done")
            terminal.resize(50, 132)
            terminal.send(b"until [ \"$(stty size)\" = '50 132' ]; do :; done; echo resi''zed\r")
            terminal.expect(re.compile(rb"resized\r?\n" + PROMPT))
            terminal.send(b"stty -echo; echo rea''dy; read x; stty echo; echo got ${#x}\r")
            terminal.expect(re.compile(rb"\nready\r?\n"))
            terminal.send(b"hunter22\r")
            terminal.expect(re.compile(rb"got 8\r?\n" + PROMPT))
            terminal.send(b"exit 3\r")
            assert terminal.wait() == 3
        end = live.end()
    assert live.output() == terminal.output
    assert live.typed() == terminal.sent.replace(b"hunter22\r", b"")
    assert b"hunter22" not in live.log
    assert [(e.fields["rows"], e.fields["cols"]) for e in live.of("tty_resize")][-1] == (50, 132)
    assert (end.reason, end.totals["lost_events"], end.totals["lost_bytes"]) == ("sessions", 0, 0)
    assert end.totals["output_bytes"] == len(terminal.output)
    assert live.of("tty_close")[0].fields["out_bytes"] == len(terminal.output)
    assert live.of("session_end")[0].fields == {"exit_code": 3, "signal": 0, "flags": 0}


def test_what_is_typed_with_echo_off_is_counted_and_never_kept(victim: Container) -> None:
    with recording({"container_id": victim.id}, sessions=1) as live:
        with bash(victim) as terminal:
            terminal.send(b"stty -echo; echo rea''dy; read x; stty echo; echo got ${#x}\r")
            terminal.expect(re.compile(rb"\nready\r?\n"))
            terminal.send(b"hunter22\r")
            terminal.expect(re.compile(rb"got 8\r?\n" + PROMPT))
            terminal.send(b"exit\r")
            terminal.wait()
        live.end()
    assert live.output() == terminal.output
    assert b"hunter22" not in live.log
    assert live.typed() == terminal.sent.replace(b"hunter22\r", b"")
    assert sum(e.fields["hidden"] for e in live.of("tty_in")) == len(b"hunter22\r")


def test_no_input_is_kept_when_none_is_wanted(victim: Container) -> None:
    with recording({"container_id": victim.id}, sessions=1, input=False) as live:
        with bash(victim) as terminal:
            terminal.send(b"exit\r")
            terminal.wait()
        live.end()
    assert live.typed() == b""
    assert sum(e.fields["hidden"] for e in live.of("tty_in")) == len(terminal.sent)
    assert live.header.raw["options"]["input"] is False


def test_a_resize_is_recorded_in_its_place(victim: Container) -> None:
    with recording({"container_id": victim.id}, sessions=1) as live:
        with bash(victim) as terminal:
            say(terminal, b"echo before")
            terminal.resize(50, 132)
            # runc hands the size on when it is told; the shell inside sees it when it is there.
            terminal.send(b"until [ \"$(stty size)\" = '50 132' ]; do :; done; echo aft''er\r")
            terminal.expect(re.compile(rb"after\r?\n"))
            terminal.send(b"exit\r")
            terminal.wait()
        live.end()
    sizes = [(e.fields["rows"], e.fields["cols"]) for e in live.of("tty_open", "tty_resize")]
    assert sizes[-1] == (50, 132)
    assert (30, 100) in sizes
    resized = live.of("tty_resize")[-1].time
    before = b"".join(e.fields["data"] for e in live.of("tty_out") if e.time < resized)
    after = b"".join(e.fields["data"] for e in live.of("tty_out") if e.time > resized)
    assert re.search(rb"before\r?\n", before)
    assert re.search(rb"after\r?\n", after)


def test_two_sessions_at_once_are_told_apart(victim: Container) -> None:
    with recording({"container_id": victim.id}, sessions=2) as live:
        with bash(victim) as one, bash(victim) as two:
            for i in range(20):
                say(one, b"echo one %d" % i)
                say(two, b"echo two %d" % i)
            for terminal in (one, two):
                terminal.send(b"exit\r")
                terminal.wait()
        live.end()
    outputs = {e.session: live.output(e.session) for e in live.of("session_start")}
    assert sorted(outputs.values()) == sorted([one.output, two.output])
    assert [e.session for e in live.of("session_start")] == [1, 2]


def test_a_terminal_of_another_container_is_not_recorded(victim: Container) -> None:
    from tests.support.container import container

    with container() as other, recording({"container_id": victim.id}) as live:
        with bash(other) as stranger, bash(victim) as terminal:
            say(stranger, b"echo private")
            say(terminal, b"echo public")
            for t in (stranger, terminal):
                t.send(b"exit\r")
                t.wait()
        live.wait_for("session_end")
        live.stop()
        live.end()
    assert b"private" not in live.output()
    assert live.output() == terminal.output
    assert len(live.of("session_start")) == 1


def test_a_session_without_a_terminal_shows_what_it_ran(victim: Container) -> None:
    with recording({"container_id": victim.id}, sessions=1) as live:
        victim.exec("/bin/sh", "-c", "ls / >/dev/null; exit 0")
        live.end()
    # busybox's shell runs its own ls without an execve.
    assert live.commands() == [["/bin/sh", "-c", "ls / >/dev/null; exit 0"]]
    assert not live.of("tty_open")


def test_the_way_taken_of_each_kind_is_in_the_header(victim: Container) -> None:
    with recording({"container_id": victim.id}) as live:
        live.stop()
        live.end()
    taken = live.header.raw["probes"]
    assert list(taken) == [kind.name for kind in ladder.KINDS]
    for kind in ladder.KINDS:
        ways = {PROBES[kind.name]} if kind.name in PROBES else {way.name for way in kind.ways}
        assert taken[kind.name] in {way.says for way in kind.ways if way.name in ways}
