"""SHA-256 of what runs: which files, by which way, and why not."""

import hashlib
import mmap
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recorder import events, hashing, processes
from recorder.events import Event

FILE = next(layout for layout in events.layouts().values() if layout.name == "exec_file")
RESULTS = {value: name for name, value in events.enums()["hash_result"].items()}
UPPER, MEMFD = (events.enums()["file_flag"][name] for name in ("FILE_UPPER", "FILE_MEMFD"))


def wall(monotonic: int) -> int:
    return monotonic + time.time_ns() - time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def device(file: int | Path) -> int:
    """That of a file, by its descriptor or path, as an event has it."""
    number = os.stat(file).st_dev
    return os.major(number) << 20 | os.minor(number)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that runs as long as its input is open."""
    path = tmp_path / "cat"
    path.write_bytes(Path("/bin/cat").read_bytes())
    path.chmod(0o755)
    return path


@pytest.fixture
def running(program: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([program], stdin=subprocess.PIPE) as process:
        yield process


def exec_file(pid: int, runs: Path, **changes: int | bytes) -> Event:
    """What the probe would tell of a process that begins to run `runs` a second after that was written."""
    own = {
        "time": time.clock_gettime_ns(time.CLOCK_MONOTONIC) + 10**9,
        "target": 1,
        "session": 1,
        "pid": pid,
        "start_time": found.start_time if (found := processes.quick(pid)) else 0,
        "inode": runs.stat().st_ino,
        "device": device(runs),
        "flags": UPPER,
        "path": os.fsencode(runs),
        "filesystem": b"ext4",
        **changes,
    }
    return [FILE.type, *(own.get(name, 0) for name in FILE.fields)]


def result_of(
    event: Event,
    a_process: Callable[[int], int | None] = lambda _: os.getpid(),
    wall: Callable[[int], int] = wall,
) -> tuple[str, bytes]:
    hasher = hashing.Hasher(a_process, wall, device)
    hasher.see([event])
    (told,) = hasher.close()
    assert told[3:6] == event[3:6]
    assert told[6] == event[1]
    return RESULTS[told[8]], told[9]


def sha256(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def test_a_running_program_is_read_also_when_it_has_no_name_any_more(
    program: Path, running: "subprocess.Popen[bytes]"
) -> None:
    wanted, event = sha256(program), exec_file(running.pid, program)
    program.unlink()
    assert result_of(event) == ("HASH_TAKEN", wanted)


def test_a_program_that_has_ended_is_read_by_its_path(program: Path) -> None:
    assert result_of(exec_file(2**22 + 1, program)) == ("HASH_TAKEN_BY_PATH", sha256(program))


def test_a_program_in_memory_is_read_each_time_and_said_to_be_unsure() -> None:
    benign = Path("/bin/cat").read_bytes()
    changed = benign + b"x"
    fd = os.memfd_create("x")
    os.truncate(fd, len(changed))
    path = Path(f"/proc/{os.getpid()}/fd/{fd}")
    is_read = threading.Event()

    def read(monotonic: int) -> int:  # asked once the bytes are
        is_read.set()
        return wall(monotonic)

    hasher = hashing.Hasher(lambda _: os.getpid(), read, device)
    with mmap.mmap(fd, len(changed)) as memory:
        for content in (benign, changed):  # nothing but its bytes changes
            memory[: len(content)] = content
            with subprocess.Popen([path], stdin=subprocess.PIPE) as running:
                hasher.see([exec_file(running.pid, path, flags=MEMFD, filesystem=b"tmpfs")])
                assert is_read.wait(60)
                is_read.clear()
    os.close(fd)
    wanted = [hashlib.sha256(content.ljust(len(changed), b"\0")).digest() for content in (benign, changed)]
    assert [(RESULTS[event[8]], event[9]) for event in hasher.close()] == [
        ("HASH_TAKEN_UNSURE", digest) for digest in wanted
    ]


def test_another_process_with_the_same_id_is_not_taken_for_it(
    program: Path, running: "subprocess.Popen[bytes]"
) -> None:
    event = exec_file(running.pid, program, start_time=1)
    program.unlink()
    assert result_of(event) == ("HASH_GONE", b"")


def test_a_file_that_was_changed_since_it_ran_is_not_taken_for_what_ran(program: Path) -> None:
    event = exec_file(2**22 + 1, program, time=time.clock_gettime_ns(time.CLOCK_MONOTONIC) - 10**9)
    os.utime(program)  # sets ctime, too
    assert result_of(event) == ("HASH_CHANGED", b"")


def test_a_file_that_may_have_been_changed_since_it_ran_as_far_as_its_time_tells_is_not_taken(program: Path) -> None:
    # A write after the exec gets the time of the tick before, and the clocks are off by up to a millisecond.
    sure = program.stat().st_ctime_ns + hashing._TICK_NS + 1_000_000
    at = exec_file(2**22 + 1, program, time=sure), exec_file(2**22 + 1, program, time=sure - 1)
    assert result_of(at[0], wall=lambda time: time) == ("HASH_TAKEN_BY_PATH", sha256(program))
    assert result_of(at[1], wall=lambda time: time) == ("HASH_CHANGED", b"")


def test_a_file_that_was_just_written_is_taken_while_it_runs(program: Path, running: "subprocess.Popen[bytes]") -> None:
    event = exec_file(running.pid, program, time=program.stat().st_ctime_ns)
    assert result_of(event, wall=lambda time: time) == ("HASH_TAKEN", sha256(program))


def test_another_file_of_the_same_name_is_not_taken_for_what_ran(program: Path) -> None:
    event = exec_file(2**22 + 1, program, inode=1)
    assert result_of(event) == ("HASH_GONE", b"")


def test_a_file_with_the_same_inode_number_on_another_file_system_is_not_taken_for_what_ran(
    program: Path, running: "subprocess.Popen[bytes]"
) -> None:
    assert result_of(exec_file(2**22 + 1, program, device=1)) == ("HASH_GONE", b"")
    assert result_of(exec_file(running.pid, program, device=1)) == ("HASH_GONE", b"")


def test_a_path_is_followed_through_no_link(program: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(program.name)
    event = exec_file(2**22 + 1, program, path=os.fsencode(tmp_path / "link"))
    assert result_of(event) == ("HASH_GONE", b"")


def test_a_program_without_a_path_is_not_looked_for(program: Path) -> None:
    assert result_of(exec_file(2**22 + 1, program, flags=MEMFD)) == ("HASH_GONE", b"")


def test_no_process_is_left_in_the_container(program: Path) -> None:
    assert result_of(exec_file(2**22 + 1, program), lambda _: None) == ("HASH_GONE", b"")


def test_a_large_file_is_not_read(program: Path) -> None:
    os.truncate(program, hashing.MAX_BYTES + 1)
    assert result_of(exec_file(2**22 + 1, program)) == ("HASH_TOO_LARGE", b"")


def test_a_file_system_that_may_never_answer_is_not_asked(program: Path) -> None:
    assert result_of(exec_file(2**22 + 1, program, filesystem=b"fuse")) == ("HASH_UNREADABLE", b"")


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert result_of(exec_file(2**22 + 1, tmp_path / "pipe")) == ("HASH_UNREADABLE", b"")


def test_a_program_of_the_image_is_not_read(program: Path) -> None:
    hasher = hashing.Hasher(lambda _: os.getpid(), wall, device)
    hasher.see([exec_file(2**22 + 1, program, flags=0)])
    assert hasher.close() == []


def test_more_than_can_wait_is_said_to_be_left_out(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "MAX_WAITING", 0)
    assert result_of(exec_file(2**22 + 1, program)) == ("HASH_TOO_MANY", b"")


def test_what_is_still_being_read_at_the_end_is_said_to_be_left_out(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "_CLOSE_SECONDS", 0.1)
    answers, is_asked = threading.Event(), threading.Event()

    def hangs(file: int) -> int:
        is_asked.set()
        answers.wait()
        return device(file)

    hasher = hashing.Hasher(lambda _: os.getpid(), wall, hangs)
    read, waits = exec_file(2**22 + 1, program), exec_file(2**22 + 2, program)
    hasher.see([read, waits])
    is_asked.wait()
    try:
        told = hasher.close()
    finally:
        answers.set()
    assert [(event[5], RESULTS[event[8]]) for event in told] == [
        (2**22 + 1, "HASH_TOO_MANY"),
        (2**22 + 2, "HASH_TOO_MANY"),
    ]


def test_the_same_file_is_read_once(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "BURST_BYTES", program.stat().st_size)
    monkeypatch.setattr(hashing, "BYTES_A_SECOND", 0)
    hasher = hashing.Hasher(lambda _: os.getpid(), wall, device)
    hasher.see([exec_file(2**22 + 1, program)] * 3)
    assert [RESULTS[told[8]] for told in hasher.close()] == ["HASH_TAKEN_BY_PATH"] * 3


def test_what_may_be_read_grows_with_time() -> None:
    now = [0.0]
    budget = hashing.Budget(lambda: now[0])
    assert budget.take(hashing.BURST_BYTES)
    assert not budget.take(1)
    now[0] = 1.0
    assert budget.take(hashing.BYTES_A_SECOND)
    assert not budget.take(1)
    now[0] = 1e6
    assert not budget.take(hashing.BURST_BYTES + 1)


def test_a_process_that_is_gone_is_not_alive() -> None:
    assert (found := processes.quick(os.getpid()))
    assert processes.is_alive(os.getpid(), found.start_time)
    assert not processes.is_alive(2**22 + 1, 0)
