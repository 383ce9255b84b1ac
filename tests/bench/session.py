"""Sessions and recordings to measure."""

import contextlib
import hashlib
import os
import pty
import re
import shutil
import subprocess
import termios
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.container import Container

ROOT = Path(__file__).parents[2]
CLI = ROOT / ".venv/bin/kubectl-ebpfaudit"


@dataclass(frozen=True)
class Seen:
    """What came to the client of a session: bytes, their SHA-256, and how long the session took, in s."""

    bytes: int
    sha256: str
    seconds: float


def run(argv: Sequence[str], env: Mapping[str, str] = os.environ) -> Seen:
    """Runs a session under a terminal and reads all that it prints, keeping none of it."""
    started = time.monotonic()
    pid, fd = pty.fork()
    if pid == 0:
        attributes = termios.tcgetattr(0)
        attributes[1] &= ~(termios.OPOST | termios.ONLCR)
        termios.tcsetattr(0, termios.TCSANOW, attributes)
        os.execvpe(argv[0], list(argv), env)
    digest, count = hashlib.sha256(), 0
    while True:
        try:
            data = os.read(fd, 1 << 16)
        except OSError:  # EIO: the session is over
            break
        if not data:
            break
        digest.update(data)
        count += len(data)
    os.waitpid(pid, 0)
    os.close(fd)
    return Seen(count, digest.hexdigest(), time.monotonic() - started)


def add_program(victim: Container, program: str) -> None:
    """Puts a program of this machine, with the libraries that it needs, into a container."""
    libraries = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for path in [program, *re.findall(r"(/\S+) \(0x", libraries)]:
        place = victim.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        shutil.copy(path, place)


@dataclass
class Record:
    """A `record --local` at work, as a user starts it."""

    log: Path
    process: subprocess.Popen[bytes]
    seconds_to_live: float
    said: list[str] = field(default_factory=list)

    def descendants(self) -> list[int]:
        """Process IDs of the client, the recorder and what they started."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):  # a thread starts the recorder
                with contextlib.suppress(OSError):
                    todo += map(int, children.read_text().split())
        return found

    def agent(self) -> int:
        """Process ID of the recorder's agent."""
        for pid in self.descendants():
            if b"\0agent\0" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        raise LookupError("no agent among the children of record")


@contextmanager
def record(victim: Container, log: Path, *flags: str) -> Iterator[Record]:
    """A live recording; on leaving it has ended by itself (--sessions) or is interrupted."""
    argv = [str(CLI), "record", "--local", "--container", victim.id, "-w", str(log), *flags]
    started = time.monotonic()
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr
    first = process.stderr.readline().decode()
    if not first.startswith("Recording"):
        raise RuntimeError(f"record did not start: {first}{process.stderr.read().decode()}")
    live = Record(log, process, time.monotonic() - started)
    rest = threading.Thread(target=lambda: live.said.extend(line.decode() for line in process.stderr or ()))
    rest.start()
    try:
        yield live
        if process.poll() is None and "--sessions" not in flags:
            process.terminate()
        process.wait(120)
    finally:
        process.kill()
        process.wait()
        rest.join()
        process.stderr.close()


def cli(*arguments: str) -> bytes:
    """What the command prints on stdout. Raises CalledProcessError."""
    return subprocess.run([str(CLI), *arguments], capture_output=True, check=True).stdout


def status(pid: int, name: str) -> int:
    """A value in kB of /proc/PID/status."""
    match = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M)
    return int(match[1]) if match else 0


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
