"""What ran: argv, paths, owners, ends and lineage of every process of a session, and of no other."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from recorder import events
from recorder.log.events import Event
from tests.support.container import Container
from tests.support.container import container as run_container
from tests.support.recorder import Recording, recording
from tests.support.terminal import Terminal

ENUMS = events.enums()
CUT = ENUMS["exec_flag"]["EXEC_ARGV_CUT"]
CWD_CUT = ENUMS["exec_flag"]["EXEC_CWD_CUT"]
EXEC_UNDER_WAY = ENUMS["exec_flag"]["EXEC_UNDER_WAY"]
SESSION_UNDER_WAY = ENUMS["session_flag"]["SESSION_UNDER_WAY"]
BEFORE_RECORDING = ENUMS["gap_reason"]["GAP_BEFORE_RECORDING"]
MAX_ARGV = 1 << 20
TRUE = b"/bin/true"

THREADS = r"""
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char **arguments;
static pthread_t leader;

static void *thread(void *unused)
{
	if (!strcmp(arguments[1], "exec")) {
		execv(arguments[2], arguments + 2);
		exit(99);
	}
	pthread_join(leader, NULL);
	if (!strcmp(arguments[1], "exit"))
		exit(7);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t other;

	arguments = argv;
	leader = pthread_self();
	pthread_create(&other, NULL, thread, NULL);
	if (!strcmp(argv[1], "exec"))
		pthread_join(other, NULL);
	pthread_exit(NULL);
}
"""


def exactly(size: int) -> str:
    """A script that runs /bin/true with an argv of so many bytes, in arguments of 65536 at most."""
    rest, words = size - len(TRUE) - 1, []
    while rest:
        word = min(rest, 65536)
        words.append(word - 1)
        rest -= word
    return "; ".join(
        ["a=()", *(f"printf -v x '%*s' {n} ''; a+=(\"${{x// /y}}\")" for n in words), '/bin/true "${a[@]}"; :']
    )


SIZES = (4095, 4096, 4097, 8192, 100_000, MAX_ARGV, MAX_ARGV + 1, 1_500_000)

SCRIPTS = {
    "odd arguments": r"""/bin/true 'a b' '' $'x\ny' $'\xff\xfe' "it's" 日本; :""",
    "script": r"""printf '#!/bin/bash -e\n:\n' >/tmp/script; chmod +x /tmp/script; /tmp/script one; :""",
    "relative": "cd /tmp; ../bin/true; :",
    "deep": "mkdir -p /tmp/a/b/c/d; cd /tmp/a/b/c/d; /bin/true; cd ..; /bin/true; cd /; /bin/true; :",
    "mounts": "cd /dev/shm; /bin/true; cd /proc/sys/kernel; /bin/true; cd /sys; /bin/true; :",
    "odd folder": r"""mkdir $'/tmp/\xff \n'; cd $'/tmp/\xff \n'; /bin/true; :""",
    "deleted": "mkdir /tmp/gone; cd /tmp/gone; rmdir /tmp/gone; /bin/true; :",
    "too deep": "d=/tmp; for i in {1..60}; do d+=/$i; done; mkdir -p $d; cd $d; /bin/true; :",
    "own pid": "echo $$; /bin/true; :",
    "ends": "/bin/sh -c 'exit 42'; /bin/bash -c 'kill -KILL $$'; /bin/bash -c 'kill -SEGV $$'; /bin/false; :",
    "thread exits": "/bin/threads exit; /bin/threads return; :",
    "thread execs": "/bin/threads exec /bin/true from-thread; :",
    "failing": "/nosuch; /etc/passwd; /bin/true; :",
    "many": "for i in {1..300}; do /bin/true $i; done",
}
SCRIPTS |= {f"argv of {size}": exactly(size) for size in SIZES}


@dataclass(frozen=True)
class Ran:
    """A script that ran as a session: what it printed, and the recording."""

    live: Recording
    session: int
    printed: str

    def of(self, *types: str) -> list[Event]:
        return self.live.of(*types, session=self.session)

    def execs(self, filename: bytes = TRUE) -> list[Event]:
        return [e for e in self.of("exec") if e.fields["filename"] == filename]

    @property
    def root(self) -> Event:
        return self.of("session_start")[0]

    def ends(self) -> list[tuple[bytes, int, int]]:
        """(last filename, exit code, signal) of each process that ended, in order."""
        names: dict[int, bytes] = {}
        found = []
        for e in self.of("exec", "exit"):
            if e.type == "exec":
                names[e.pid] = e.fields["filename"]
            else:
                found.append((names.get(e.pid, b""), e.fields["exit_code"], e.fields["signal"]))
        return found


def until(live: Recording, there: Callable[[], object]) -> None:
    """Reads on until `there` is true; the log must not end before."""
    while not there():
        assert live._read(), "the log ended before"


def words(argv: bytes) -> list[bytes]:
    return argv.removesuffix(b"\0").split(b"\0")


@pytest.fixture(scope="module")
def ran(node: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ran]]:
    """Every script, each run as a session of its own in one recording."""
    if not shutil.which("gcc"):
        pytest.skip("needs: gcc")
    folder = tmp_path_factory.mktemp("threads")
    (folder / "threads.c").write_text(THREADS)
    subprocess.run(["gcc", "-static", "-pthread", "-o", str(folder / "threads"), str(folder / "threads.c")], check=True)
    with run_container() as victim:
        shutil.copy(folder / "threads", victim.root / "bin/threads")
        with recording({"container_id": victim.id}, sessions=len(SCRIPTS)) as live:
            printed = {}
            for name, script in SCRIPTS.items():
                printed[name] = subprocess.run(
                    victim.exec_argv("/bin/bash", "-c", script, tty=False),
                    stdin=subprocess.DEVNULL, capture_output=True, check=False, text=True, errors="replace",
                ).stdout  # fmt: skip
            end = live.end()
        assert (end.totals["sessions"], end.totals["lost_events"]) == (len(SCRIPTS), 0)
        yield {name: Ran(live, i, printed[name]) for i, name in enumerate(SCRIPTS, 1)}


def test_arguments_are_bytes_whatever_is_in_them(ran: dict[str, Ran]) -> None:
    (found,) = ran["odd arguments"].execs()
    assert found.fields["argv"] == b"/bin/true\0a b\0\0x\ny\0\xff\xfe\0it's\0" + "日本".encode() + b"\0"
    assert found.fields["argv_total"] == len(found.fields["argv"])


@pytest.mark.parametrize("size", [size for size in SIZES if size <= MAX_ARGV])
def test_a_long_argv_is_there_whole(ran: dict[str, Ran], size: int) -> None:
    one = ran[f"argv of {size}"]
    (found,) = one.execs()
    argv = found.fields["argv"]
    for more in (e for e in one.of("exec_argv") if e.pid == found.pid):
        assert more.fields["offset"] == len(argv)
        argv += more.fields["argv"]
    assert (found.fields["argv_total"], len(argv)) == (size, size)
    assert words(argv)[0] == TRUE
    assert set(b"".join(words(argv)[1:])) == {ord("y")}
    assert not found.fields["flags"] & CUT


@pytest.mark.parametrize("size", [size for size in SIZES if size > MAX_ARGV])
def test_an_argv_that_is_too_long_is_cut_and_says_so(ran: dict[str, Ran], size: int) -> None:
    one = ran[f"argv of {size}"]
    (found,) = one.execs()
    kept = len(found.fields["argv"]) + sum(len(e.fields["argv"]) for e in one.of("exec_argv") if e.pid == found.pid)
    assert (found.fields["argv_total"], kept) == (size, MAX_ARGV)
    assert found.fields["flags"] & CUT


def test_a_script_is_shown_with_its_interpreter(ran: dict[str, Ran]) -> None:
    (found,) = ran["script"].execs(b"/tmp/script")
    assert found.fields["interpreter"] == b"/bin/bash"
    assert words(found.fields["argv"]) == [b"/bin/bash", b"-e", b"/tmp/script", b"one"]


def test_a_program_that_is_no_script_has_no_interpreter(ran: dict[str, Ran]) -> None:
    assert ran["own pid"].execs()[0].fields["interpreter"] == b""


def test_the_filename_is_as_it_was_given(ran: dict[str, Ran]) -> None:
    (found,) = ran["relative"].execs(b"../bin/true")
    assert found.fields["cwd"] == b"/tmp"


@pytest.mark.parametrize(
    ("name", "folders"),
    [
        ("deep", [b"/tmp/a/b/c/d", b"/tmp/a/b/c", b"/"]),
        ("mounts", [b"/dev/shm", b"/proc/sys/kernel", b"/sys"]),
        ("odd folder", [b"/tmp/\xff \n"]),
        ("deleted", [b"/tmp/gone"]),
    ],
)
def test_the_working_directory_is_as_the_process_sees_it(ran: dict[str, Ran], name: str, folders: list[bytes]) -> None:
    found = ran[name].execs()
    assert [e.fields["cwd"] for e in found] == folders
    assert not any(e.fields["flags"] for e in found)


def test_a_working_directory_that_is_too_deep_is_cut_at_its_top_and_says_so(ran: dict[str, Ran]) -> None:
    (found,) = ran["too deep"].execs()
    assert found.fields["cwd"].endswith(b"/58/59/60")
    assert found.fields["flags"] == CWD_CUT


def test_process_ids_are_those_of_host_and_container(ran: dict[str, Ran]) -> None:
    one = ran["own pid"]
    bash, true = one.execs(b"/bin/bash")[0], one.execs()[0]
    assert bash.fields["ns_pid"] == int(one.printed) == one.root.fields["ns_pid"]
    assert bash.pid == one.root.pid
    assert bash.fields["ns_ppid"] == 0
    assert true.fields["ppid"] == bash.pid
    assert true.fields["ns_ppid"] == bash.fields["ns_pid"]
    (fork,) = [e for e in one.of("fork") if e.fields["child"] == true.pid]
    assert fork.pid == bash.pid
    assert fork.fields["child_ns_pid"] == true.fields["ns_pid"]
    assert fork.fields["child_start_time"] == true.fields["start_time"]
    assert fork.time < true.time
    assert bash.fields["uid"] == bash.fields["gid"] == 0
    assert bash.fields["tty"] == 0


def test_each_end_has_its_exit_code_or_its_signal(ran: dict[str, Ran]) -> None:
    found = ran["ends"].ends()
    for expected in ((b"/bin/sh", 42, 0), (b"/bin/bash", 0, 9), (b"/bin/bash", 0, 11), (b"/bin/false", 1, 0)):
        assert expected in found
    assert found[-1] == (b"/bin/bash", 0, 0)


def test_a_process_that_a_thread_ends_has_one_end(ran: dict[str, Ran]) -> None:
    found = [end for end in ran["thread exits"].ends() if end[0] == b"/bin/threads"]
    assert found == [(b"/bin/threads", 7, 0), (b"/bin/threads", 0, 0)]


def test_an_exec_by_a_thread_is_one_of_its_process(ran: dict[str, Ran]) -> None:
    one = ran["thread execs"]
    (threads,), (true,) = one.execs(b"/bin/threads"), one.execs()
    assert true.pid == threads.pid
    assert words(true.fields["argv"]) == [TRUE, b"from-thread"]
    assert [e.pid for e in one.of("exit")].count(true.pid) == 1


def test_an_exec_that_fails_is_shown_with_its_error_where_the_kernel_offers_that(ran: dict[str, Ran]) -> None:
    one = ran["failing"]
    assert [e.fields["filename"] for e in one.of("exec")] == [b"/bin/bash", TRUE]
    if one.live.header.raw["probes"]["exec_failed"] != "none":
        failed = [(e.fields["filename"], e.fields["error"]) for e in one.of("exec_failed")]
        assert failed == [(b"/nosuch", 2), (b"/etc/passwd", 13)]


def test_every_one_of_many_short_commands_is_there(ran: dict[str, Ran]) -> None:
    found = [words(e.fields["argv"])[1] for e in ran["many"].execs()]
    assert found == [b"%d" % i for i in range(1, 301)]


def test_numbers_of_events_have_no_hole(ran: dict[str, Ran]) -> None:
    live = ran["many"].live
    for lane in ("process", "bytes"):
        seqs = sorted(e.seq for e in live.events if e.lane == lane and e.seq is not None)
        assert seqs == list(range(len(seqs)))


def test_another_user_is_shown_by_number(victim: Container) -> None:
    with recording({"container_id": victim.id}, sessions=1) as live:
        argv = victim.exec_argv("/bin/true", tty=False)
        at = argv.index("exec") + 1
        subprocess.run([*argv[:at], "--user", "1000:1001", *argv[at:]], check=True)
        live.end()
    assert [(e.fields["uid"], e.fields["gid"]) for e in live.of("exec")][-1] == (1000, 1001)


def test_processes_that_leave_their_parents_stay_in_their_session(victim: Container) -> None:
    daemons = (
        "(setsid /bin/bash -c '/bin/sleep 0.2; /bin/echo late one; :' >/dev/null 2>&1 &)\n"
        "/bin/bash -c 'trap : HUP; (/bin/sleep 0.2; /bin/echo late two; :) &' >/dev/null 2>&1\n"
        "exit 5"
    )
    with recording({"container_id": victim.id}) as live:
        for _ in range(2):
            subprocess.run(
                victim.exec_argv("/bin/bash", "-c", daemons, tty=False), stdin=subprocess.DEVNULL, check=False
            )
        until(live, lambda: sum(argv[0] == "/bin/echo" for argv in live.commands()) == 4)
        live.stop()
        live.end()
    for session in (1, 2):
        commands = live.commands(session)
        assert ["/bin/echo", "late", "one"] in commands
        assert ["/bin/echo", "late", "two"] in commands
        assert [e.fields["exit_code"] for e in live.of("session_end", session=session)] == [5]
    assert len(live.of("session_start")) == 2


def test_the_own_work_of_a_container_is_no_session_also_when_recording_starts_in_the_middle(node: None) -> None:
    work = (
        "while :; do /bin/true work; (setsid /bin/bash -c '/bin/true work; /bin/true work' &); /bin/sleep 0.003; done"
    )
    with run_container(("/bin/bash", "-c", work)) as busy:
        for _ in range(3):
            with recording({"container_id": busy.id}, sessions=1) as live:
                busy.exec("/bin/bash", "-c", "/bin/sleep 0.2; /bin/true mine; :")
                live.end()
            assert len(live.of("session_start")) == 1
            assert ["/bin/true", "mine"] in live.commands()
            assert not any("work" in argv for argv in live.commands())


def test_a_session_that_is_under_way_is_recorded_from_then_on(victim: Container) -> None:
    with Terminal(victim.exec_argv("/bin/bash", "--norc", "-i"), rows=33, cols=99) as terminal:
        terminal.expect(b"# ")
        terminal.send(b"cd /tmp; PS1='@''> '\r")
        terminal.expect(b"@> ")
        before, typed_before = len(terminal.output), len(terminal.sent)
        with recording({"container_id": victim.id}, sessions=1) as live:
            until(live, lambda: live.of("tty_open") and live.of("exec"))  # also of one that does nothing
            terminal.send(b"/bin/true after\r")
            terminal.expect(b"@> ")
            terminal.send(b"exit 6\r")
            assert terminal.wait() == 6
            live.end()
    (start,) = live.of("session_start")
    bash, true = live.of("exec")
    assert start.fields["flags"] == SESSION_UNDER_WAY
    assert bash.pid == start.pid
    assert bash.fields["flags"] == EXEC_UNDER_WAY
    assert words(bash.fields["argv"]) == [b"/bin/bash", b"--norc", b"-i"]
    assert (bash.fields["cwd"], bash.fields["filename"]) == (b"/tmp", b"/bin/bash")
    assert words(true.fields["argv"]) == [TRUE, b"after"]
    assert (bash.fields["tty"], true.fields["tty"]) == (1, 1)
    assert bash.fields["cgroup"] == true.fields["cgroup"]
    assert bash.fields["start_time"] == start.fields["start_time"] == live.of("exit")[-1].fields["start_time"]
    assert [(e.session, e.fields["reason"]) for e in live.of("gap")] == [(start.session, BEFORE_RECORDING)]
    assert live.output() == terminal.output[before:]
    assert live.typed() == terminal.sent[typed_before:]
    (opened,) = live.of("tty_open")
    assert (opened.fields["rows"], opened.fields["cols"]) == (33, 99)
    assert live.of("session_end")[0].fields["exit_code"] == 6


def test_a_session_under_way_that_looks_like_the_runtime_is_recorded_all_the_same(victim: Container) -> None:
    (victim.root / "tmp/init").write_text("echo ready; while read -r line; do echo got $line; done")
    with Terminal(victim.exec_argv("/bin/bash", "-c", "exec -a runc /bin/bash init", cwd="/tmp")) as terminal:
        terminal.expect(b"ready")
        with recording({"container_id": victim.id}, sessions=1) as live:
            until(live, lambda: live.of("tty_open"))
            terminal.send(b"this\r")
            terminal.expect(b"got this")
            terminal.send(b"\x04")
            assert terminal.wait() == 0
            live.end()
    (start,) = live.of("session_start")
    assert start.fields["flags"] == SESSION_UNDER_WAY
    assert live.commands() == [["runc", "init"]]
    assert live.output().replace(b"\r", b"") == b"this\ngot this\n"


def unified() -> Path:
    root = Path("/sys/fs/cgroup")
    return root if (root / "cgroup.controllers").exists() else root / "unified"


def test_who_enters_a_cgroup_below_the_targets_is_a_session(victim: Container) -> None:
    below = unified() / victim.cgroup.lstrip("/") / "below" / "deeper"
    below.mkdir(parents=True)
    enter = f"echo $$ >{below}/cgroup.procs; exec nsenter -t {victim.init} -m -p /bin/true inside"
    try:
        with recording({"container_id": victim.id}, sessions=1) as live:
            subprocess.run(["sh", "-c", enter], check=True)
            live.end()
        assert ["/bin/true", "inside"] in live.commands()
        assert live.of("exec")[-1].fields["cgroup"] == below.stat().st_ino
    finally:
        below.rmdir()
        below.parent.rmdir()


def test_two_targets_by_process_and_by_the_beginning_of_an_id(victim: Container) -> None:
    with run_container() as other:
        with recording({"pid": victim.init}, {"container_id": other.id[:12]}, sessions=2) as live:
            victim.exec("/bin/true", "one")
            other.exec("/bin/true", "two")
            live.end()
    found = [(e.target, e.session, words(e.fields["argv"])[1]) for e in live.of("exec")]
    assert found == [(1, 1, b"one"), (2, 2, b"two")]
    assert [t.cgroup for t in live.header.targets] == [victim.cgroup, other.cgroup]
    for target in (1, 2):
        seqs = sorted(e.seq for e in live.events if e.lane == "process" and e.target == target and e.seq is not None)
        assert seqs == list(range(len(seqs)))


@pytest.mark.parametrize("absolute", [False, True])
def test_a_target_by_the_path_of_its_cgroup(victim: Container, absolute: bool) -> None:
    path = os.fspath(unified() / victim.cgroup.lstrip("/")) if absolute else victim.cgroup
    with recording({"cgroup": path}, sessions=1) as live:
        victim.exec("/bin/true")
        live.end()
    assert live.commands() == [["/bin/true"]]
