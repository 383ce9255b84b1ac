"""Terminals that a session opens itself: what goes through them is recorded, too, byte for byte."""

from dataclasses import dataclass

import pytest

from recorder.log.events import Event
from tests.support.container import Container, container
from tests.support.recorder import Recording, recording
from tests.support.terminal import Terminal

INNER = """#!/bin/sh
/bin/stty sane
/bin/seq 1 2000
echo rea''dy
read x
echo "got $x"
/bin/stty rows 1
/bin/stty cols 1
/bin/stty rows 65535
/bin/stty cols 65535
/bin/stty rows 33
/bin/stty cols 44
/bin/stty size
echo do''ne
read x
"""
TYPED = "Grüße\r".encode()
SHOWN = b"".join(b"%d\r\n" % n for n in range(1, 2001)) + b"ready\r\n" + "Grüße\r\ngot Grüße\r\n".encode()

UNLED = """
import os, pty, subprocess
master, slave = os.openpty()
with subprocess.Popen(["/tmp/inner"], stdin=slave, stdout=slave, stderr=slave, start_new_session=True) as inner:
    os.close(slave)
    pty._copy(master)
"""
FORKED = """
import os, pty
pid, master = pty.fork()
if pid == 0:
    os.write(1, b"".join(b"%d\\n" % n for n in range(1, 2001)) + b"ready\\n")
    os.write(1, b"got " + os.read(0, 100))
    os.write(1, b"%d %d\\n" % tuple(reversed(os.get_terminal_size(0))) + b"done\\n")
    os.read(0, 100)
    os._exit(0)
pty._copy(master)
"""
PASSED = """
import array, os, pty, socket
ours, theirs = socket.socketpair()
if os.fork() == 0:
    master = socket.recv_fds(theirs, 1, 1)[1][0]
    pty._copy(master)
    os._exit(0)
pid, master = pty.fork()
if pid == 0:
    os.execv("/tmp/inner", ["/tmp/inner"])
socket.send_fds(ours, [b"x"], [master])
os.close(master)
os.wait()
os.wait()
"""

WAYS = {
    "script": "script -q -c /tmp/inner /tmp/typescript",
    "pty.spawn": "python3 -c 'import pty; pty.spawn(\"/tmp/inner\")'",
    "tmux": "tmux -f /dev/null new-session /tmp/inner",
    "screen": "SCREENDIR=/tmp/screens screen -c /dev/null /tmp/inner",
    "setsid without exec": "python3 /tmp/forked",
    "no controlling terminal": "python3 /tmp/unled",
    "handed to another process": "python3 /tmp/passed",
}


RELAYING = ("script", "pty.spawn")
"""Those that pass on to the first terminal what comes out of the second, as it is, and nothing else."""


@dataclass
class Ran:
    """A session in which something opened a terminal, as its user saw it and as it was recorded."""

    live: Recording
    session: int
    outer: Terminal

    def of(self, kind: str, tty: int) -> list[Event]:
        return [e for e in self.live.of(kind, session=self.session) if e.fields["tty"] == tty]

    @property
    def terminals(self) -> list[int]:
        return [e.fields["tty"] for e in self.live.of("tty_open", session=self.session)]

    def output(self, tty: int) -> bytes:
        return b"".join(e.fields["data"] for e in self.of("tty_out", tty))

    def typed(self, tty: int) -> bytes:
        return b"".join(e.fields["data"] for e in self.of("tty_in", tty))


@pytest.fixture(scope="module")
def ran(programs: Container) -> dict[str, Ran]:
    """Every way to open a terminal, each a session of its own in one recording."""
    for name, text in (("inner", INNER), ("unled", UNLED), ("forked", FORKED), ("passed", PASSED)):
        path = programs.root / "tmp" / name
        path.write_text(text)
        path.chmod(0o755)
    (programs.root / "tmp/screens").mkdir(mode=0o700)
    found = {}
    with recording({"container_id": programs.id}) as live:
        for number, (name, command) in enumerate(WAYS.items(), 1):
            with Terminal(programs.exec_argv("/bin/sh", "-c", f"{command}; exit 3"), rows=40, cols=100) as outer:
                outer.expect(b"ready")
                outer.send(TYPED)
                outer.expect(b"done")
                outer.send(b"\r")
                assert outer.wait() == 3, name
                found[name] = Ran(live, number, outer)
        while len(live.of("tty_close")) < 2 * len(WAYS):
            assert live._read()
        live.stop()
        end = live.end()
    assert (end.totals["lost_events"], end.totals["lost_bytes"]) == (0, 0)
    return found


@pytest.mark.parametrize("way", WAYS)
def test_a_second_terminal_is_recorded_beside_the_first(ran: dict[str, Ran], way: str) -> None:
    one = ran[way]
    first, second = one.terminals
    assert one.output(first) == one.outer.output
    assert one.typed(first) == one.outer.sent
    shown = one.output(second)
    if way in RELAYING:
        assert one.outer.output.startswith(shown[: len(SHOWN)])
    assert shown[len(SHOWN) - 60 : len(SHOWN)] == SHOWN[-60:]
    assert shown[: len(SHOWN)] == SHOWN
    rest = shown[len(SHOWN) :].split(b"\r\n")
    assert rest[1:] == [b"done", b"", b""]
    # The outer terminal makes a newline of what its Enter key sends, unless a program has set it raw.
    assert one.typed(second).replace(b"\n", b"\r") == TYPED + b"\r"
    opened = (*one.of("tty_open", second), *one.of("tty_resize", second))
    sizes = [(e.fields["rows"], e.fields["cols"]) for e in opened]
    assert b"%d %d" % sizes[-1] == rest[0]
    if len(sizes) > 1:
        assert {(1, 1), (65535, 65535), (33, 44)} <= set(sizes)
    (closed,) = one.of("tty_close", second)
    assert (closed.fields["out_bytes"], closed.fields["in_bytes"]) == (len(shown), len(TYPED) + 1)


def test_a_program_names_the_terminal_that_it_runs_on(ran: dict[str, Ran]) -> None:
    one = ran["script"]
    first, second = one.terminals
    ttys = {e.fields["argv"].split(b"\0")[0]: e.fields["tty"] for e in one.live.of("exec", session=one.session)}
    assert (ttys[b"script"], ttys[b"/bin/seq"]) == (first, second)


UNREAD = """
import os, pty, signal, time
def opened():
    pid, master = pty.fork()
    if pid == 0:
        os.closerange(3, 64)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.write(1, b"inner")
        time.sleep(1000)
    os.read(master, 5)
    return pid, master
(one, closed), (two, held) = opened(), opened()
os.close(closed)
print("ready", flush=True)
input()
os.kill(one, signal.SIGKILL)
os.kill(two, signal.SIGKILL)
"""


@pytest.mark.parametrize("way", [{}, {"tty": ["syscall"]}], ids=["best", "syscall"])
def test_a_terminal_whose_other_end_is_closed_unread_is_over_while_the_session_goes_on(
    programs: Container, way: dict[str, list[str]]
) -> None:
    (programs.root / "tmp/unread").write_text(UNREAD)
    with (
        recording({"container_id": programs.id}, sessions=1, probes=way) as live,
        Terminal(programs.exec_argv("python3", "/tmp/unread")) as outer,
    ):
        outer.expect(b"ready")
        closed = live.wait_for("tty_close")
        assert closed.fields["tty"] == live.of("tty_open")[1].fields["tty"]
        assert closed.fields["out_bytes"] == 5
        outer.send(b"\r")
        assert outer.wait() == 0
        live.end()
    assert len(live.of("tty_open")) == 3


REUSED = """
import os, pty, subprocess
for number in range(20):
    pid, master = pty.fork()
    if pid == 0:
        os.write(1, b"led")
        os._exit(0)
    os.waitpid(pid, 0)
    os.read(master, 3)
    os.close(master)  # what tells the end, EIO, is not read
    master, slave = os.openpty()
    subprocess.run(["/bin/echo", "unled"], stdin=slave, stdout=slave, stderr=slave)
    os.read(master, 7)
    os.close(slave)
    os.close(master)
"""


def test_a_terminal_in_the_memory_of_another_is_not_taken_for_it(programs: Container) -> None:
    with recording({"container_id": programs.id}, sessions=1, probes={"tty": ["syscall"]}) as live:
        programs.exec("/usr/bin/python3", "-c", REUSED)
        live.end()
    output = {e.fields["tty"]: b"" for e in live.of("tty_open")}
    for shown in live.of("tty_out"):
        output[shown.fields["tty"]] += shown.fields["data"]
    assert list(output.values()) == [b"led", b"unled\r\n"] * 20


SPLICED = """
import os, pty
pid, master = pty.fork()
if pid == 0:
    os.write(1, b"spliced\\n")
    os.read(0, 1)
    os._exit(0)
left, right = os.pipe()
spliced = 0
while spliced < 9:
    spliced += os.splice(master, right, 100)
os.write(1, b"%d" % spliced)
"""


def test_what_a_program_splices_from_its_terminal_is_at_least_counted(programs: Container) -> None:
    with recording({"container_id": programs.id}, sessions=1) as live:
        assert programs.exec("/usr/bin/python3", "-c", SPLICED) == "9"
        live.end()
    counted = sum(e.fields["bytes"] for e in live.of("gap"))
    by_calls = "sys_exit" in live.header.raw["probes"]["tty"]
    assert (live.output(), counted) == ((b"", 9) if by_calls else (b"spliced\r\n", 0))


PACKETS = """
import array, fcntl, os, pty, termios
pid, master = pty.fork()
if pid == 0:
    os.write(1, b"ready")
    os.read(0, 1)
    os.write(1, b"packets\\n")
    os._exit(0)
read = os.read(master, 5)
fcntl.ioctl(master, termios.TIOCPKT, array.array("i", [1]))
fcntl.ioctl(master, termios.TCFLSH, termios.TCIFLUSH)  # a packet without bytes
os.write(master, b"\\n")
while b"packets\\r\\n" not in read:
    parts = [bytearray(0), bytearray(1), bytearray(3), bytearray(90)]
    got = READ
    read += b"".join(parts)[1:got]
os.write(1, read)
"""


@pytest.mark.parametrize("read", ["os.readv(master, parts)", "os.preadv(master, parts, -1)"])
def test_what_is_before_the_bytes_in_packet_mode_is_no_output(read: str, programs: Container) -> None:
    with recording({"container_id": programs.id}, sessions=1) as live:
        seen = programs.exec("/usr/bin/python3", "-c", PACKETS.replace("READ", read))
        live.end()
    assert live.output().decode().replace("\r\n", "\n") == seen


SHORT_LIVED = """
import os
master, slave = os.openpty()
child = os.fork()
if child == 0:
    os.setsid()
    BECOME_ITS_LEADER
    os.write(slave, b"brief\\n")
    os._exit(0)
os.waitpid(child, 0)
os.close(slave)
os.write(1, os.read(master, 100))
"""


@pytest.mark.parametrize(
    "how",
    [
        "os.close(os.open(os.ttyname(slave), os.O_RDWR))",
        "import fcntl; fcntl.ioctl(slave, 0x540e, 0)",  # TIOCSCTTY
        "import fcntl; os.close(fcntl.ioctl(master, 0x5441, os.O_RDWR))",  # TIOCGPTPEER
    ],
)
def test_a_terminal_whose_leader_has_ended_before_it_is_first_read_is_recorded(how: str, programs: Container) -> None:
    script = SHORT_LIVED.replace("BECOME_ITS_LEADER", how)
    with recording({"container_id": programs.id}, sessions=1) as live:
        assert programs.exec("/usr/bin/python3", "-c", script) == "brief\n"
        live.end()
    assert live.output() == b"brief\r\n"


GIVES_AWAY = """
import fcntl, os, signal, termios, time
signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.write(1, b"before\\n")
fcntl.ioctl(0, termios.TIOCNOTTY)
os.rename("/tmp/none", "/tmp/free")
while not os.path.exists("/tmp/taken"):
    time.sleep(0.01)
os.write(1, b"after\\n")
"""
TAKES = """
import fcntl, os, termios, time
while not os.path.exists("/tmp/free"):
    time.sleep(0.01)
if os.fork() == 0:
    os.setsid()
    terminal = os.open("/dev/pts/0", os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    os.write(terminal, b"by the workload\\n")
    os.rename("/tmp/free", "/tmp/taken")
time.sleep(1000)
"""


def test_a_terminal_that_the_workload_takes_over_is_recorded_on_where_its_end_is_seen(node: None) -> None:
    with container(["/usr/bin/python3", "-c", TAKES], programs=True) as victim:
        (victim.root / "tmp/none").write_text("")
        with recording({"container_id": victim.id}, sessions=1) as live:
            with Terminal(victim.exec_argv("/usr/bin/python3", "-c", GIVES_AWAY)) as terminal:
                terminal.expect(b"after")
                terminal.wait()
            live.end()
    assert terminal.output.split() == b"before by the workload after".split(), terminal.output
    by_calls = "sys_exit" in live.header.raw["probes"]["tty"]
    assert live.output() == (terminal.output.split(b"by")[0] if by_calls else terminal.output)
    assert len(live.of("tty_open")) == len(live.of("tty_close")) == 1
