"""What is on the other side of a border stays there: strangers' terminals, the runtime, other sessions' floods."""

import itertools
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from recorder.log.format import PROCESS_LANE
from tests.support.container import Container
from tests.support.recorder import recording

# Opens a terminal that becomes the controlling one of a child, which runs a program on it; then both are gone.
PTYS = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
    for (int i = 0; i < 20; i++) {
        int master = posix_openpt(O_RDWR | O_NOCTTY);
        if (master < 0 || grantpt(master) || unlockpt(master)) return 1;
        int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
        if (slave < 0) return 2;
        pid_t child = fork();
        if (!child) {
            setsid();
            ioctl(slave, TIOCSCTTY, 0);
            execl("/bin/true", "true", (char *)0);
            _exit(3);
        }
        waitpid(child, 0, 0);
        close(slave);
        close(master);
    }
    return 0;
}
"""


@pytest.fixture
def ptys(victim: Container, tmp_path: Path) -> str:
    """Path in the container of the program above."""
    if not shutil.which("gcc"):
        pytest.skip("needs: gcc")
    source = tmp_path / "ptys.c"
    source.write_text(PTYS)
    subprocess.run(["gcc", "-static", "-o", str(victim.root / "bin/ptys"), str(source)], check=True)
    return "/bin/ptys"


def test_a_stranger_that_gets_the_memory_of_a_closed_terminal_is_not_recorded(victim: Container, ptys: str) -> None:
    with recording({"container_id": victim.id}) as live:
        victim.exec(ptys)
        pairs = [os.openpty() for _ in range(200)]  # many at once: one has the memory of the last one above
        for master, slave in pairs:
            os.write(slave, b"STRANGERS SECRET\n")
            os.read(master, 100)
            os.write(master, b"strangers typing\n")
        for fd in itertools.chain(*pairs):
            os.close(fd)
        live.wait_for("session_end")
        live.stop()
        live.end()
    assert len(live.of("tty_open")) == 20  # the test has made terminals for the kernel to give away again
    assert b"STRANGERS" not in live.output()
    assert live.typed() == b""


def test_the_runtime_on_its_way_into_a_container_is_no_session(victim: Container) -> None:
    procs = next(p for p in (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")) if (p / "cgroup.procs").exists())
    join = f"echo $$ > {procs}{victim.cgroup}/cgroup.procs && exec /bin/true"
    with recording({"container_id": victim.id}, sessions=1) as live:
        # As runc does with CLONE_INTO_CGROUP: in the container's cgroup, but in the node's namespaces.
        subprocess.run(["/bin/sh", "-c", join], check=True)
        victim.exec("/bin/sh", "-c", "exit 0")
        live.end()
    assert live.commands() == [["/bin/sh", "-c", "exit 0"]]
    assert len(live.of("session_start")) == 1


def test_endless_arguments_cost_no_command_of_anybody(victim: Container) -> None:
    many = "a=$(seq 1 120000); i=0; while [ $i -lt 60 ]; do /bin/true $a; i=$((i+1)); done"
    few = "i=0; while [ $i -lt 300 ]; do /bin/echo $i; i=$((i+1)); done"
    with recording({"container_id": victim.id}, sessions=2) as live:
        flood = threading.Thread(target=victim.exec, args=("/bin/bash", "-c", many))
        flood.start()
        victim.exec("/bin/bash", "-c", few)
        flood.join()
        live.end()
    commands = [e.fields["argv"] for e in live.of("exec")]
    assert [f"/bin/echo\0{i}\0".encode() for i in range(300)] == [c for c in commands if c.startswith(b"/bin/echo\0")]
    assert sum(c.startswith(b"/bin/true\0") for c in commands) == 60
    assert not [e for e in live.of("gap") if e.lane == PROCESS_LANE]
