"""The parts of the recorder that need no kernel: rings, cgroups, process trees, control, sessions, configuration."""

import json
import mmap
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder import cgroups, config, control, events, processes
from recorder.__main__ import main
from recorder.config import BadConfig
from recorder.events import Event
from recorder.log.errors import NoSuchTarget
from recorder.processes import Details, Process
from recorder.ring import Ring
from recorder.sessions import Sessions
from recorder.spool import segment
from recorder.totals import Totals
from recorder.under_way import Adopted, UnderWay
from tests.support.recorder import ROOT

TYPES = {layout.name: number for number, layout in events.layouts().items()}
PAGE = mmap.PAGESIZE
BUSY, DISCARD = 1 << 31, 1 << 30


# Rings: a memory file stands for what the kernel maps.


class Memory:
    """A ring as the kernel lays it out: consumer page, producer page, data."""

    def __init__(self, size: int = PAGE, at: int = 0) -> None:
        self.fd = os.memfd_create("ring")
        self.size = size
        os.ftruncate(self.fd, 2 * PAGE + size)
        self.produced = at
        os.pwrite(self.fd, struct.pack("=Q", at), 0)
        os.pwrite(self.fd, struct.pack("=Q", at), PAGE)

    def put(self, payload: bytes, flags: int = 0) -> int:
        """Appends a record; where its header is."""
        record = struct.pack("=II", len(payload) | flags, 0) + payload + bytes(-len(payload) % 8)
        for i, byte in enumerate(record):
            os.pwrite(self.fd, bytes([byte]), 2 * PAGE + (self.produced + i) % self.size)
        at, self.produced = self.produced, self.produced + len(record)
        os.pwrite(self.fd, struct.pack("=Q", self.produced), PAGE)
        return at

    def commit(self, at: int, size: int) -> None:
        os.pwrite(self.fd, struct.pack("=I", size), 2 * PAGE + at % self.size)

    @property
    def consumed(self) -> int:
        value: int = struct.unpack("=Q", os.pread(self.fd, 8, 0))[0]
        return value


def an_event(number: int, tail: int = 0) -> bytes:
    return struct.pack("=QQIIII", number, number, 1, 1, 1, tail) + bytes([number % 256]) * tail


def decode(buffer: bytes, at: int) -> Event:
    number, _, _, _, _, tail = struct.unpack_from("=QQIIII", buffer, at)
    assert buffer[at + 32 : at + 32 + tail] == bytes([number % 256]) * tail
    return [number, tail]


def drained(ring: Ring, limit: int = 1 << 20) -> tuple[list[int], bool]:
    found: list[Event] = []
    more = ring.drain({1: decode}, found, limit)
    return [e[0] for e in found], more


def test_an_empty_ring_gives_nothing() -> None:
    memory = Memory()
    assert drained(Ring(memory.fd, memory.size)) == ([], False)


def test_a_record_that_is_being_written_holds_back_those_after_it() -> None:
    memory = Memory()
    ring = Ring(memory.fd, memory.size)
    memory.put(an_event(1))
    busy = memory.put(an_event(2), BUSY)
    memory.put(an_event(3))
    assert drained(ring) == ([1], True)
    assert memory.consumed == busy
    assert drained(ring) == ([], True)
    memory.commit(busy, 32)
    assert drained(ring) == ([2, 3], False)
    assert memory.consumed == memory.produced


def test_a_discarded_record_is_passed_over() -> None:
    memory = Memory()
    memory.put(an_event(1), DISCARD)
    memory.put(an_event(2))
    assert drained(Ring(memory.fd, memory.size))[0] == [2]


def test_a_limit_leaves_the_rest_for_the_next_time() -> None:
    memory = Memory()
    ring = Ring(memory.fd, memory.size)
    for number in range(10):
        memory.put(an_event(number))
    first, more = drained(ring, limit=100)
    assert more
    assert first + drained(ring)[0] == list(range(10))


@given(st.integers(0, 3 * PAGE // 8), st.lists(st.tuples(st.integers(0, 200), st.booleans()), max_size=80))
def test_a_ring_gives_every_record_once_also_where_it_wraps(begin: int, steps: list[tuple[int, bool]]) -> None:
    memory = Memory(at=begin * 8)
    ring = Ring(memory.fd, memory.size)
    found: list[int] = []
    for number, (tail, drain) in enumerate(steps):
        if drain or memory.produced - memory.consumed + 300 > memory.size:
            found += drained(ring)[0]
        memory.put(an_event(number, tail))
    found += drained(ring)[0]
    os.close(memory.fd)
    assert found == list(range(len(steps)))


# Cgroups.

ID = "0123456789abcdef" * 4


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    root = tmp_path / "fs/cgroup"
    for name in (
        f"kubepods/pod1/{ID}",
        f"system.slice/docker-{'1' * 64}.scope",
        f"machine.slice/libpod-{'2' * 64}.scope/container",
        f"machine.slice/libpod-conmon-{'2' * 64}.scope",
        f"pods.slice/cri-containerd-{'3' * 64}.scope",
        f"pods.slice/crio-{'4' * 64}.scope",
        f"pods.slice/crio-conmon-{'4' * 64}.scope",
        f"pods.slice/other:cri-containerd:{'5' * 64}",
        f"pods.slice/x/{'6' * 63}a",
        f"pods.slice/y/{'6' * 63}b",
        "system.slice/postgresql.service",
    ):
        (root / name).mkdir(parents=True)
        for folder in (root / name, (root / name).parent):
            (folder / "cgroup.procs").write_text("")
    (root / "cgroup.controllers").write_text("")
    (root / "cgroup.procs").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (ID, f"/kubepods/pod1/{ID}"),
        (ID[:12], f"/kubepods/pod1/{ID}"),
        ("1" * 64, f"/system.slice/docker-{'1' * 64}.scope"),
        ("2" * 12, f"/machine.slice/libpod-{'2' * 64}.scope"),
        ("3" * 64, f"/pods.slice/cri-containerd-{'3' * 64}.scope"),
        ("4" * 64, f"/pods.slice/crio-{'4' * 64}.scope"),
        ("5" * 64, f"/pods.slice/other:cri-containerd:{'5' * 64}"),
        ("6" * 63 + "b", f"/pods.slice/y/{'6' * 63}b"),
    ],
)
def test_a_container_is_found_by_the_name_that_its_runtime_gave_the_cgroup(sysfs: Path, wanted: str, name: str) -> None:
    assert cgroups.Cgroups(sysfs).find({"container_id": wanted}).name == name


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"container_id": "9" * 64}, "no container"),
        ({"container_id": "6" * 10}, "not unique"),
        ({"container_id": ID[:4]}, "no container"),
        ({"container_id": "postgres"}, "no container"),
        ({"container_id": "a/../b"}, "no container ID"),
        ({"cgroup": "/kubepods/none"}, "no cgroup"),
        ({"cgroup": "/"}, "whole machine"),
        ({"cgroup": "/kubepods/.."}, "whole machine"),
    ],
)
def test_a_target_that_is_none_is_refused(sysfs: Path, wanted: dict[str, Any], says: str) -> None:
    with pytest.raises(NoSuchTarget, match=says):
        cgroups.Cgroups(sysfs).find(wanted)


def test_cgroup_v1_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoSuchTarget, match="cgroup v1"):
        cgroups.Cgroups(tmp_path)


def test_the_unified_tree_of_a_hybrid_node_is_found(tmp_path: Path) -> None:
    root = tmp_path / "fs/cgroup/unified"
    root.mkdir(parents=True)
    (root / "cgroup.controllers").write_text("")
    assert cgroups.Cgroups(tmp_path).root == root


def test_processes_of_cgroups_below_count_and_those_out_of_sight_do_not(sysfs: Path) -> None:
    target = cgroups.Cgroups(sysfs).find({"cgroup": "/kubepods/pod1"})
    (target.path / f"{ID}/cgroup.procs").write_text("7\n0\n9\n")
    (target.path / "cgroup.procs").write_text("3\n")
    assert target.pids() == {3, 7, 9}


OTHER = "3" * 64


@pytest.mark.parametrize("name", [OTHER, f"x/cri-containerd-{OTHER}.scope", OTHER[:12]])
@pytest.mark.parametrize("wanted", [OTHER, OTHER[:12]])
def test_a_cgroup_in_a_container_that_has_the_name_of_another_container_is_not_that_one(
    sysfs: Path, wanted: str, name: str
) -> None:
    (sysfs / f"fs/cgroup/kubepods/pod1/{ID}" / name).mkdir(parents=True)
    there = cgroups.Cgroups(sysfs)
    for _ in range(2):
        assert there.find({"container_id": ID}).name == f"/kubepods/pod1/{ID}"
        assert there.find({"container_id": wanted}).name == f"/pods.slice/cri-containerd-{OTHER}.scope"


def test_a_cgroup_that_has_the_name_of_a_container_is_not_taken_for_it_once_that_is_there(sysfs: Path) -> None:
    (sysfs / f"fs/cgroup/kubepods/pod1/{ID}/{'7' * 64}").mkdir()
    there = cgroups.Cgroups(sysfs)
    there.find({"container_id": ID})
    (sysfs / f"fs/cgroup/kubepods/pod2/{'7' * 64}").mkdir(parents=True)
    assert there.find({"container_id": "7" * 64}).name == f"/kubepods/pod2/{'7' * 64}"


def test_a_container_in_a_container_is_found(sysfs: Path) -> None:
    (sysfs / f"fs/cgroup/kubepods/pod1/{ID}/docker/{'7' * 64}").mkdir(parents=True)
    found = cgroups.Cgroups(sysfs).find({"container_id": "7" * 64})
    assert found.name == f"/kubepods/pod1/{ID}/docker/{'7' * 64}"


def test_two_cgroups_of_one_id_of_which_neither_is_in_a_container_are_refused_each_time(sysfs: Path) -> None:
    (sysfs / f"fs/cgroup/kubepods/pod2/{ID}").mkdir(parents=True)
    there = cgroups.Cgroups(sysfs)
    there.find({"container_id": OTHER})
    with pytest.raises(NoSuchTarget, match="not unique"):
        there.find({"container_id": ID})


UID = "0a1b-2c3d"


@pytest.mark.parametrize(
    ("name", "is_entered", "of_pod", "found"),
    [
        (f"x/cri-containerd-{OTHER}.scope", False, False, True),
        (f"x/cri-containerd-{OTHER}.scope", False, True, True),
        (f"x/cri-containerd-{OTHER}.scope", True, False, False),
        (f"x/cri-containerd-{OTHER}.scope", True, True, True),
        (f"podx{UID}/{OTHER}", True, True, True),
        (f"pod{UID}/{OTHER}", True, True, False),
    ],
)
@pytest.mark.parametrize(
    "pod", [f"kubepods/burstable/pod{UID}", "kubepods.slice/kubepods-burstable-pod0a1b_2c3d.slice"]
)
def test_of_two_cgroups_of_one_id_it_is_that_with_a_process_or_else_that_of_its_pod(
    tmp_path: Path, pod: str, name: str, is_entered: bool, of_pod: bool, found: bool
) -> None:
    root = tmp_path / "fs/cgroup"
    for path, populated in ((root / pod / OTHER, True), (root / name, is_entered)):
        path.mkdir(parents=True)
        (path / "cgroup.events").write_text(f"populated {int(populated)}\n")
    (root / "cgroup.controllers").write_text("")
    wanted = {"container_id": OTHER, **({"pod_uid": UID} if of_pod else {})}
    there = cgroups.Cgroups(tmp_path)
    if found:
        assert there.find(wanted).name == f"/{pod}/{OTHER}"
    else:
        with pytest.raises(NoSuchTarget, match="not unique"):
            there.find(wanted)


def test_cgroups_nested_deeper_than_functions_call_each_other_hide_nothing(sysfs: Path) -> None:
    inner = sysfs / f"fs/cgroup/kubepods/pod1/{ID}"
    deep = [str(inner)]
    while len(deep) <= sys.getrecursionlimit():
        deep.append(deep[-1] + "/d")
        os.mkdir(deep[-1])
    Path(deep[-1], "cgroup.procs").write_text("7\n")
    try:
        there = cgroups.Cgroups(sysfs)
        assert there.find({"container_id": OTHER}).name == f"/pods.slice/cri-containerd-{OTHER}.scope"
        assert there.find({"container_id": ID}).pids() == {7}
    finally:
        Path(deep[-1], "cgroup.procs").unlink()
        for folder in reversed(deep[1:]):  # what removes it afterwards calls itself, too
            os.rmdir(folder)


# Process trees.


def a_process(pid: int, ppid: int, start: int, sid: int = 0) -> Process:
    return Process(pid, ppid, sid or pid, False, start)


def test_trees_begin_with_the_oldest_root() -> None:
    running = [a_process(30, 1, 5), a_process(10, 2, 9), a_process(31, 30, 6), a_process(32, 31, 6)]
    found = processes.trees([*running, a_process(11, 10, 10)])
    assert [[p.pid for p in tree] for tree in found] == [[30, 31, 32], [10, 11]]


def test_parents_that_go_in_a_circle_are_no_endless_loop() -> None:
    found = processes.trees([a_process(5, 6, 1), a_process(6, 5, 1)])
    assert {p.pid for tree in found for p in tree} == {5, 6}


def test_a_process_is_read_from_proc() -> None:
    found, more = processes.quick(os.getpid()), processes.details(os.getpid())
    assert found
    assert more
    assert (found.ppid, found.sid, more.uid, more.gid) == (os.getppid(), os.getsid(0), os.getuid(), os.getgid())
    assert more.argv == Path("/proc/self/cmdline").read_bytes()
    assert more.cwd == os.fsencode(Path.cwd())
    assert found.start_time < time.monotonic_ns()


def test_a_process_that_is_gone_or_has_ended_is_none() -> None:
    with subprocess.Popen(["true"]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        assert processes.quick(ended.pid) is None
        assert processes.details(ended.pid) is None
    assert processes.quick(ended.pid) is None
    assert processes.details(ended.pid) is None


def test_a_process_whose_first_thread_has_ended_lives() -> None:
    lives = """
import ctypes, os, signal, threading
threading.Thread(target=lambda: (os.write(1, b"x"), signal.pause()), daemon=True).start()
ctypes.CDLL(None).pthread_exit(None)
"""
    with subprocess.Popen([sys.executable, "-c", lives], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.read(1)
        status = Path(f"/proc/{process.pid}/status")
        while "State:\tZ" not in status.read_text():
            time.sleep(0.01)
        assert processes.quick(process.pid)
        told = processes.details(process.pid)
        process.kill()
    assert told
    assert told.argv == b"\0".join([sys.executable.encode(), b"-c", lives.encode(), b""])
    assert (told.ns_pids[-1], told.cwd, bool(told.filename)) == (process.pid, os.fsencode(Path.cwd()), True)
    assert not told.is_runtime


SECOND = 1_000_000_000
HOUR = 3600 * SECOND


@pytest.mark.parametrize(
    ("created", "slept_before", "slept", "alive"),
    [
        (1000 * SECOND, 0, 0, True),
        (1000 * SECOND, 0, HOUR, True),  # older than the suspend
        (1000 * SECOND, HOUR, HOUR, True),  # younger
        (1000 * SECOND, HOUR, 3 * HOUR, True),  # in between
        (1001 * SECOND, 0, 0, False),  # another one, that got the ID later
        (1001 * SECOND, HOUR, HOUR, False),
        (999 * SECOND, 0, 0, False),
    ],
)
def test_a_process_is_the_one_that_it_was_after_a_suspend(
    monkeypatch: pytest.MonkeyPatch, created: int, slept_before: int, slept: int, alive: bool
) -> None:
    """/proc tells when it was created by a clock that goes on in a suspend; the kernel's probes, by one that stops."""
    clocks = {time.CLOCK_MONOTONIC: 5000 * SECOND, time.CLOCK_BOOTTIME: 5000 * SECOND + slept}
    monkeypatch.setattr("time.clock_gettime_ns", clocks.__getitem__)
    ticks = (created + slept_before) // SECOND * os.sysconf("SC_CLK_TCK")
    stat = b"7 (sh) S 1 7 7 0 " + b"0 " * 14 + b"%d " % ticks + b"0 " * 30
    monkeypatch.setattr(processes, "_read", lambda path: stat)
    assert processes.is_alive(7, 1000 * SECOND) is alive


# What is under way when recording starts.


SHIM = 5
"""The parent of what comes in from outside."""


@pytest.fixture
def scoped(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[list[Event], dict[int, int], int]]:
    """A function that looks at what its arguments say runs at each look: events, sessions, the next session."""

    def looked(
        *looks: list[Process],
        gone: tuple[int, ...] = (),
        seen: tuple[int, ...] = (),
        argv: dict[int, bytes] | None = None,
        depths: dict[int, int] | None = None,
        on_host: Callable[[int], int] = lambda pid: pid,
        later: list[Process] | None = None,
    ) -> tuple[list[Event], dict[int, int], int]:
        running: dict[int, Process] = {}
        taken = iter(range(1, 100))
        adopted: dict[int, int] = {}

        class Target:
            is_entered = False

            @staticmethod
            def members() -> dict[int, int]:
                return dict.fromkeys(running, 4)

        def details(pid: int) -> Details | None:
            words = (argv or {}).get(pid, b"x\0")
            depth = (depths or {}).get(pid, 1 if pid in (1, SHIM) else 2)
            exe = b"/runc" if b"runc" in words else b"/bin/x" if words else b""
            return None if pid in gone else Details((pid,) * depth, 0, 0, 0, 0, 0, 0, exe, b"/", words, len(words))

        def adopt(pid: int, target: int, session: int | None, workload_too: bool) -> Adopted | None:
            if pid in gone:
                return None
            if pid not in seen:
                adopted[pid] = next(taken) if session is None else session
            return Adopted(adopted.get(pid, 9), 1234, pid in seen)

        monkeypatch.setattr(processes, "quick", running.get)
        monkeypatch.setattr(processes, "details", details)
        under_way = UnderWay(adopt, lambda session, leader: 0, lambda pid, target, session: None, on_host)
        told = []
        for look in looks:
            running.clear()
            running.update({p.pid: p for p in look})
            told += under_way.look(1, Target, 77)  # type: ignore[arg-type]
        if later is not None:
            running.clear()
            running.update({p.pid: p for p in later})
            told += under_way.look_again(1, Target, 99)  # type: ignore[arg-type]
        return told, adopted, next(taken)

    return looked


def starts(told: list[Event]) -> list[tuple[int, int]]:
    """(session, process) of each session_start."""
    return [(e[4], e[5]) for e in told if e[0] == TYPES["session_start"]]


CUT = events.enums()["exec_flag"]["EXEC_ARGV_CUT"]
INIT, SHELL, CHILD = a_process(10, SHIM, 1), a_process(20, SHIM, 5), a_process(21, 20, 6)


def test_the_containers_own_processes_are_no_session_and_other_trees_are(scoped: Any) -> None:
    told, known, following = scoped([INIT, SHELL, CHILD], [INIT, SHELL, CHILD])
    assert known == {10: 0, 20: 1, 21: 1}
    assert starts(told) == [(1, 20)]
    assert [(e[4], e[5], e[6]) for e in told if e[0] == TYPES["exec"]] == [(1, 20, 1234), (1, 21, 1234)]
    assert following == 2


def test_a_session_under_way_says_that_what_was_before_is_missing(scoped: Any) -> None:
    told, _, _ = scoped([INIT, SHELL])
    (gap,) = [e for e in told if e[0] == TYPES["gap"]]
    assert (gap[4], gap[7], gap[9]) == (1, 0, 0)
    assert gap[12] == events.enums()["gap_reason"]["GAP_BEFORE_RECORDING"]


def test_a_session_under_way_is_told_by_the_process_ids_of_the_host(scoped: Any) -> None:
    told, _, _ = scoped([INIT, SHELL, CHILD], on_host=lambda pid: pid + 7000)
    assert starts(told) == [(1, 7020)]
    assert [(e[5], e[10]) for e in told if e[0] == TYPES["exec"]] == [(7020, 7000 + SHIM), (7021, 7020)]


def test_long_arguments_of_very_many_are_cut_and_marked(scoped: Any) -> None:
    words = b"x" * (1 << 20)
    tree = [SHELL, *(a_process(pid, 20, 6) for pid in range(21, 51))]
    told, _, _ = scoped([INIT, *tree], argv=dict.fromkeys(range(20, 51), words))
    execs = [e for e in told if e[0] == TYPES["exec"]]
    assert [len(e[-1]) for e in execs] == [1 << 20] * 16 + [4 << 10] * 15
    assert [(e[8], e[19] & CUT) for e in execs] == [(1 << 20, 0)] * 16 + [(1 << 20, CUT)] * 15


def test_a_child_that_only_the_second_look_finds_is_of_its_parents_session(scoped: Any) -> None:
    told, known, _ = scoped([INIT, SHELL], [INIT, SHELL, CHILD, a_process(11, 10, 7)])
    assert (known[21], known[11]) == (1, 0)
    assert starts(told) == [(1, 20)]


def test_a_session_that_only_the_second_look_finds_has_a_number_of_its_own(scoped: Any) -> None:
    told, known, following = scoped([INIT, SHELL], [INIT, SHELL, a_process(30, SHIM, 8)])
    assert starts(told) == [(1, 20), (2, 30)]
    assert known[30] == 2
    assert following == 3


def test_a_session_that_the_probes_have_begun_meanwhile_begins_once(scoped: Any) -> None:
    told, known, following = scoped([INIT], [INIT, SHELL, CHILD], seen=(20, 21))
    assert told == []
    assert (known, following) == ({10: 0}, 1)


def a_helper(pid: int, start: int) -> Process:
    """One of runc's processes on its way into a container; its parent is not in there."""
    return a_process(pid, SHIM, start)


RUNC = b"runc\0init\0"


@pytest.mark.parametrize("argv", [RUNC, b""])
def test_a_container_that_is_being_made_has_no_sessions(scoped: Any, argv: bytes) -> None:
    stages = [a_helper(40, 3), a_helper(41, 3), a_helper(42, 3)]
    told, known, following = scoped(stages[:2], stages[1:], argv={40: argv, 41: RUNC, 42: RUNC})
    assert (told, following) == ([], 1)
    assert set(known.values()) == {0}


def test_the_workload_that_only_the_second_look_finds_is_no_session(scoped: Any) -> None:
    told, known, _ = scoped([a_helper(40, 3)], [a_process(42, 1, 4), a_process(43, 42, 5)], argv={40: RUNC})
    assert told == []
    assert (known[42], known[43]) == (0, 0)


def test_a_session_that_is_on_its_way_in_is_left_to_the_probes(scoped: Any) -> None:
    argv = {50: RUNC, 52: b""}
    told, known, _ = scoped([INIT, a_helper(50, 8)], [INIT, a_helper(50, 8), a_helper(52, 8)], argv=argv)
    assert (told, known) == ([], {10: 0})
    told, known, _ = scoped([INIT], [INIT, a_helper(50, 8)])
    assert starts(told) == [(1, 50)]
    assert known[50] == 1


@pytest.mark.parametrize("argv", [RUNC, b""])
def test_a_session_that_only_looks_like_the_runtime_is_one_when_it_is_there_still(scoped: Any, argv: bytes) -> None:
    shell, child = a_helper(50, 8), a_process(51, 50, 9)
    told, known, _ = scoped([INIT, shell, child], later=[INIT, shell, child], argv={50: argv})
    assert starts(told) == [(1, 50)]
    assert known == {10: 0, 50: 1, 51: 1}


def test_the_runtime_that_has_gone_on_is_left_to_the_probes_and_so_is_another_that_comes(scoped: Any) -> None:
    argv = {50: RUNC, 60: RUNC}
    told, known, _ = scoped([INIT, a_helper(50, 8)], later=[INIT, a_helper(60, 100)], argv=argv)
    assert (told, known) == ([], {10: 0})


def test_a_process_that_ends_meanwhile_is_nobodys(scoped: Any) -> None:
    told, known, _ = scoped([INIT, SHELL, CHILD], [INIT, CHILD], gone=(20,))
    assert 20 not in known
    assert starts(told) == [(known[21], 21)]


def test_an_orphan_of_a_shared_pid_namespace_is_no_session(scoped: Any) -> None:
    pause, orphan = 3, a_process(30, 3, 8)
    told, known, _ = scoped([INIT, orphan], depths={pause: 2})
    assert (told, known) == ([], {10: 0, 30: 0})


def test_an_orphan_of_a_container_in_the_nodes_pid_namespace_is_no_session(scoped: Any) -> None:
    shallow = dict.fromkeys((10, 20, 30, 31), 1)
    orphan, session = a_process(30, SHIM, 8, sid=29), a_process(31, SHIM, 9)
    told, known, _ = scoped([INIT, orphan, session], depths=shallow)
    assert known == {10: 0, 30: 0, 31: 1}
    assert starts(told) == [(1, 31)]


# The configuration.


def test_a_configuration_is_read() -> None:
    text = '{"recording": "r", "targets": [{"pid": 7}], "duration": 3, "sessions": 2, "input": false, '
    text += '"probes": {"tty": ["kprobe"]}}'
    read = config.parse(text)
    assert (read.recording, read.duration, read.sessions, read.keep_input) == ("r", 3.0, 2, False)
    assert (read.targets, read.probes, read.idle_client_seconds) == (({"pid": 7},), {"tty": ("kprobe",)}, 60.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"recording": None, "targets": []},
        {"targets": None},
        {"targets": "abc"},
        {"targets": [{}]},
        {"targets": [{"pid": "x"}]},
        {"targets": [{"pid": 0}]},
        {"duration": "soon"},
        {"sessions": "two"},
        {"idle_client_seconds": "x"},
        {"first_client_seconds": None},
        {"probes": {"tty": ["magic"]}},
        {"probes": {"magic": ["fexit"]}},
        {"probes": {"exec": ["none"]}},
        {"process_ring_bytes": 5000},
        {"byte_ring_bytes": 0},
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadConfig, match="configuration"):
        config.parse(json.dumps({"recording": "r", "targets": [{"pid": 1}], **changes}))


@pytest.mark.parametrize("text", ["", "[]", "{", "7", "{}"])
def test_a_text_that_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(BadConfig):
        config.parse(text)


# Sessions.

CREATED = 12


def start(session: int, pid: int) -> Event:
    return [TYPES["session_start"], 1, 0, 1, session, pid, CREATED, 5, 0]


def ended(session: int, pid: int, code: int = 0, by: int = 0, created: int = CREATED) -> Event:
    return [TYPES["exit"], 2, 0, 1, session, pid, created, code, by]


def opened(session: int, tty: int) -> Event:
    return [TYPES["tty_open"], 1, 0, 1, session, 7, tty, 0, 24, 80]


def closed(session: int, tty: int) -> Event:
    return [TYPES["tty_close"], 3, 0, 1, session, 0, 9, 9, tty]


def test_a_session_ends_with_its_first_process() -> None:
    sessions = Sessions()
    sessions.see([start(1, 7), ended(1, 8, 1)])
    assert sessions.finish(5) == []
    sessions.see([ended(1, 7, 3)])
    assert sessions.finish(9) == [[TYPES["session_end"], 9, None, 1, 1, 7, 3, 0, 0]]
    assert sessions.finish(10) == []
    assert sessions.ended == 1


def test_another_process_that_gets_the_id_of_the_first_one_does_not_change_how_a_session_ended() -> None:
    sessions = Sessions()
    sessions.see([start(1, 7), opened(1, 1), ended(1, 7, 3), ended(1, 7, 0), closed(1, 1)])
    assert sessions.finish(5) == [[TYPES["session_end"], 5, None, 1, 1, 7, 3, 0, 0]]
    sessions.see([start(2, 7), ended(2, 7, 3, created=99)])
    assert sessions.finish(6) == []


def test_a_session_waits_for_all_its_terminals() -> None:
    sessions = Sessions()
    sessions.see([start(1, 7), opened(1, 1), opened(1, 2), ended(1, 7, by=9), closed(1, 1)])
    assert sessions.finish(5) == []
    assert [s.number for s in sessions.lingering()] == [1]
    sessions.see([closed(1, 2)])
    assert sessions.finish(6) == [[TYPES["session_end"], 6, None, 1, 1, 7, 0, 9, 0]]


def test_totals_count_what_the_events_hold() -> None:
    totals = Totals()
    out = [TYPES["tty_out"], 1, 0, 1, 1, 7, 0, 1, b"abc"]
    typed = [TYPES["tty_in"], 1, 0, 1, 1, 7, 0, 1, 0, 4, b"xy"]
    missing = [TYPES["gap"], 1, None, 1, 1, 0, 5, 2, 0, 7, 1, 1, 1]
    totals.add([start(1, 7), out, typed, missing])
    assert totals.counts == {
        "sessions": 1, "execs": 0, "output_bytes": 3, "input_bytes": 6, "lost_events": 2, "lost_bytes": 7
    }  # fmt: skip


# Control and serve, with real sockets and a real process.


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[control.Control]:
    """The control socket of a recorder in `tmp_path`."""
    control_socket = control.Control(tmp_path)
    yield control_socket
    control_socket._listener.close()
    for client in control_socket._clients.values():
        client.connection.close()


def waited(listening: control.Control, there: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not there():
        assert time.monotonic() < deadline
        listening.wait(0.05)


def connected(folder: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(str(folder / control.NAME))
    return client


def test_the_recorder_hears_its_clients_and_counts_them(listening: control.Control, tmp_path: Path) -> None:
    with connected(tmp_path) as one, connected(tmp_path) as two:
        waited(listening, lambda: listening.clients == 2)
        assert listening.idle_seconds == 0
        one.sendall(b"unknown\nsto")
        one.sendall(b"p\n")
        waited(listening, lambda: listening.stop_asked)
        two.sendall(b"done\n")
        one.sendall(b"stop\n" * 3)
        two.close()
        waited(listening, lambda: listening.clients == 1)
        assert not listening.served  # nobody has all of a log that goes on
        listening.announce_end(5)
        one.sendall(b"done\n")
        waited(listening, lambda: listening.served)
    waited(listening, lambda: listening.clients == 0)
    assert listening.idle_seconds < 20


def test_everybody_is_told_of_the_end_also_who_comes_later(listening: control.Control, tmp_path: Path) -> None:
    with connected(tmp_path) as early:
        waited(listening, lambda: listening.clients == 1)
        listening.announce_end(123)
        assert early.recv(100) == b"end 123\n"
        with connected(tmp_path) as late:
            waited(listening, lambda: listening.clients == 2)
            assert late.recv(100) == b"end 123\n"


_PIECE = 1 << 14


def test_a_client_that_talks_without_end_costs_no_memory(listening: control.Control, tmp_path: Path) -> None:
    with connected(tmp_path) as noisy:
        waited(listening, lambda: listening.clients == 1)
        for _ in range(3 * control.MAX_LINE // _PIECE):
            noisy.sendall(b"x" * _PIECE)
            listening.wait(1)
        (client,) = listening._clients.values()
        assert len(client.buffer) <= control.MAX_LINE


_SERVE = f"import sys; sys.path.append({str(ROOT)!r}); from recorder.__main__ import main; sys.exit(main())"


def serving(spool: Path, offset: int = 0) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [
            *(sys.executable, "-c", _SERVE, "serve", "--spool", str(spool)),
            *("--from", str(offset), "--protocol", str(config.PROTOCOL)),
        ],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_a_log_is_served_as_it_grows_and_to_its_end(listening: control.Control, tmp_path: Path) -> None:
    data = bytes(range(256)) * 4000
    with serving(tmp_path, offset=100) as server:
        assert server.stdout
        received: list[bytes] = []
        reader = threading.Thread(target=lambda: received.append(server.stdout.read() if server.stdout else b""))
        reader.start()
        waited(listening, lambda: listening.clients)
        with segment(tmp_path, 0).open("wb", buffering=0) as log:
            for at in range(0, len(data), 100_000):
                log.write(data[at : at + 100_000])
                listening.wait(0)
        listening.announce_end(len(data))
        waited(listening, lambda: listening.served)
        reader.join(60)
        assert server.wait(60) == 0
    assert received == [data[100:]]


def test_a_recorder_that_dies_ends_what_serves_it_after_all_it_wrote(
    listening: control.Control, tmp_path: Path
) -> None:
    segment(tmp_path, 0).write_bytes(b"what there is")
    with serving(tmp_path) as server:
        assert server.stdout
        waited(listening, lambda: listening.clients)
        for client in listening._clients.values():
            client.connection.close()
        assert server.stdout.read() == b"what there is"
        assert server.wait(60) == 1


def test_a_recorder_that_dies_before_its_log_is_said(listening: control.Control, tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert server.stderr
        waited(listening, lambda: listening.clients)
        for client in listening._clients.values():
            client.connection.close()
        assert server.wait(60) == 1
        assert server.stderr.read() == b"error: the recorder ended before its log began\n"


def test_a_client_that_is_gone_ends_what_serves_it(listening: control.Control, tmp_path: Path) -> None:
    segment(tmp_path, 0).write_bytes(b"")
    with serving(tmp_path) as server:
        assert server.stdin
        waited(listening, lambda: listening.clients)
        server.stdin.close()
        assert server.wait(60) == 1


def test_a_configuration_that_comes_in_parts_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[config.Config] = []

    class Agent:
        def __init__(self, configuration: config.Config, spool: Path) -> None:
            asked.append(configuration)

        def run(self) -> None:
            pass

    monkeypatch.setattr("recorder.agent.Agent", Agent)
    first, *rest = '{"recording": "r", "targets": [{"con', 'tainer_id": "a"}], "node": {"name": "a', '-b"}}'
    parts = ["--config", first, *(f"--config={part}" for part in rest)]
    assert main(["agent", "--spool", str(tmp_path), *parts]) == 0
    assert (asked[0].targets, asked[0].node) == (({"container_id": "a"},), {"name": "a-b"})
