"""Calls of which a probe may miss the return, since others stand within the same: each is seen, or told as a loss."""

import subprocess

import pytest

from tests.support.container import Container
from tests.support.recorder import recording

STAND = 100
"""More than a kretprobe has instances of: max(10, 2 * num_possible_cpus()), kernel/kprobes.c."""

EXECS = f"""
import ctypes, os, signal, threading
TRACEME, CONT, SETOPTIONS, TRACEEXEC = 0, 7, 0x4200, 0x10
ptrace = ctypes.CDLL(None).ptrace
ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

def child(body):
    pid = os.fork()
    if pid == 0:
        body()
        os._exit(0)
    os.waitpid(pid, os.WUNTRACED)
    return pid

def stand():
    ptrace(TRACEME, 0, None, None)
    os.kill(os.getpid(), signal.SIGSTOP)
    os.execv("/bin/true", ["/bin/true"])

def fail():
    try:
        os.execv("/no/such/program", ["x"])
    except OSError:
        pass

def fail_in_a_thread():
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()

within = [child(stand) for _ in range({STAND})]
for pid in within:
    ptrace(SETOPTIONS, pid, None, TRACEEXEC)
    ptrace(CONT, pid, None, None)
    os.waitpid(pid, 0)
for _ in range(20):
    child(fail)
    child(fail_in_a_thread)
    child(lambda: os.execv("/bin/true", ["/bin/true", "too"]))
for pid in within:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
"""

SPLICES = f"""
import os, signal, sys
empty, out = os.pipe(), os.pipe()

def child(*ends):
    pid = os.fork()
    if pid == 0:
        os.splice(*ends, 1000)
        os._exit(0)
    return pid

def stands(pid):
    with open(f"/proc/{{pid}}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "S"

within = [child(empty[0], out[1]) for _ in range({STAND})]
while not all(map(stands, within)):
    pass
os.waitpid(child(0, out[1]), 0)
assert os.read(out[0], 1000) == b"moved"
for pid in within:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
"""


def test_a_process_whose_only_call_fails_unseen_is_told_as_it_ends(programs: Container) -> None:
    with recording({"container_id": programs.id}, sessions=1) as live:
        if live.header.raw["probes"]["exec_failed"] == "none":
            pytest.skip("needs: a way to see failed execs")
        programs.exec("/usr/bin/python3", "-c", EXECS)
        live.end()
    ran = live.commands()
    assert (ran.count(["/bin/true"]), ran.count(["/bin/true", "too"])) == (STAND, 20)
    failed = [e.fields["filename"] for e in live.of("exec_failed")]
    assert set(failed) <= {b"/no/such/program"}
    assert len(failed) + sum(e.fields["events"] for e in live.of("gap")) == 40


def test_a_process_whose_only_splice_returns_unseen_leaves_a_gap_as_it_ends(programs: Container) -> None:
    argv = programs.exec_argv("/usr/bin/python3", "-c", SPLICES, tty=False)
    with recording({"container_id": programs.id}, sessions=1) as live:
        if live.header.raw["probes"]["stream"] == "none":
            pytest.skip("needs: a way to see pipes")
        subprocess.run(argv, input=b"moved", check=True)
        live.end()
    (stdin,) = (e.fields["stream"] for e in live.of("stream_open") if e.fields["fd"] == 0)
    assert [e.fields["tty"] for e in live.of("gap")] == [stdin]
