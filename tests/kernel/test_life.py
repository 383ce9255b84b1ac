"""How a recorder begins, ends, serves its log, and what it says when it cannot work."""

import ctypes
import errno
import json
import os
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from recorder import events
from recorder.log.reader import open_log
from recorder.spool import segment
from tests.support.container import Container
from tests.support.recorder import ROOT, Recording, recorder_argv, recording, serve_argv
from tests.support.terminal import Terminal
from tests.unit import tiny_reader

SECONDS = 120


def eventually(what: str, there: Callable[[], object]) -> None:
    """Waits until `there` is true."""
    deadline = time.monotonic() + SECONDS
    while not there():
        assert time.monotonic() < deadline, f"after {SECONDS} s still not {what}"
        time.sleep(0.01)


def stop(live: Recording, _: Container) -> None:
    live.stop()


def terminate(live: Recording, _: Container) -> None:
    live.agent.send_signal(signal.SIGTERM)


def one_session(_: Recording, victim: Container) -> None:
    victim.exec("/bin/true")


def nothing(_: Recording, __: Container) -> None:
    pass


@pytest.mark.parametrize(
    ("reason", "config", "act"),
    [
        ("stopped", {}, stop),
        ("terminated", {}, terminate),
        ("sessions", {"sessions": 1}, one_session),
        ("duration", {"duration": 0.3}, nothing),
        ("target gone", {}, lambda live, victim: victim.kill()),
    ],
)
def test_a_recording_ends_with_a_whole_log_and_its_reason(
    victim: Container, reason: str, config: dict[str, Any], act: Callable[[Recording, Container], None]
) -> None:
    with recording({"container_id": victim.id}, **config) as live:
        act(live, victim)
        assert live.end().reason == reason
        assert live.errors == ""


def test_a_container_that_is_killed_ends_its_sessions(victim: Container) -> None:
    with recording({"container_id": victim.id}) as live:
        with Terminal(victim.exec_argv("/bin/bash", "--norc", "-i")) as terminal:
            terminal.expect(b"# ")
            terminal.send(b"/bin/sleep 1000\r")
            while len(live.of("exec")) < 2:
                assert live._read()
            victim.kill()
            terminal.wait()
        end = live.end()
    assert end.reason == "target gone"
    assert live.output() == terminal.output
    assert live.of("session_end")[0].fields == {"exit_code": 0, "signal": 9, "flags": 0}
    (gone,) = live.of("target_end")
    assert gone.fields["reason"] == events.enums()["target_end_reason"]["TARGET_EXITED"]
    assert gone.target == 1
    assert len(live.of("tty_close")) == 1
    for lane in ("process", "bytes"):
        times = [e.time for e in live.events if e.lane == lane]
        assert times == sorted(times)


# Serving.


@contextmanager
def agent(spool: Path, victim: Container, **config: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """A recorder of the container without a client, live."""
    text = json.dumps({"recording": "test", "targets": [{"container_id": victim.id}], **config})
    with subprocess.Popen(recorder_argv("agent", "--spool", str(spool), "--config", text)) as running:
        try:
            log = segment(spool, 0)
            eventually("live", lambda: running.poll() is not None or size(log))
            yield running
        finally:
            running.kill()


def size(path: Path) -> int:
    """Bytes of a file; 0 if there is none, or none any more."""
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def serve(spool: Path, offset: int = 0) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        serve_argv(spool, offset),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def test_a_recorder_without_a_client_ends_itself(victim: Container, tmp_path: Path) -> None:
    with agent(tmp_path, victim, idle_client_seconds=0.3, linger_seconds=0.3) as running:
        assert running.wait(SECONDS) == 0
    with open_log(segment(tmp_path, 0)) as log:
        assert log.damage is None
        assert log.end
        assert log.end.reason == "no client"


def test_a_client_that_comes_back_gets_exactly_the_rest(victim: Container, tmp_path: Path) -> None:
    with agent(tmp_path, victim) as running:
        with serve(tmp_path) as first:
            assert first.stdout
            received = first.stdout.read(1000)
            first.kill()
        victim.exec("/bin/true", "while nobody looked")
        with serve(tmp_path, len(received)) as second:
            assert second.stdin
            assert second.stdout
            second.stdin.write(b"stop\n")
            second.stdin.flush()
            received += second.stdout.read()
            assert second.wait(SECONDS) == 0
        assert running.wait(SECONDS) == 0
    assert received == segment(tmp_path, 0).read_bytes()
    assert b"while nobody looked" in b"".join(
        fields["argv"] for name, fields in tiny_reader.events(received) if name == "exec"
    )


def test_a_client_that_comes_after_the_end_gets_the_tail_with_the_end_record(victim: Container, tmp_path: Path) -> None:
    log = segment(tmp_path, 0)
    with agent(tmp_path, victim) as running:
        victim.exec("/bin/true")
        running.send_signal(signal.SIGTERM)
        eventually("ended", lambda: b"\xa3end\xaaterminated" in log.read_bytes())
        assert running.poll() is None
        with serve(tmp_path, 100) as late:
            assert late.stdout
            tail = late.stdout.read()
            assert late.wait(SECONDS) == 0
        assert running.wait(SECONDS) == 0
    assert tail == log.read_bytes()[100:]


def test_the_small_reader_reads_what_was_really_recorded(victim: Container, tmp_path: Path) -> None:
    with recording({"container_id": victim.id}, sessions=1) as live:
        with Terminal(victim.exec_argv("/bin/bash", "--norc", "-c", "seq 1 20000; /bin/true")) as terminal:
            terminal.wait()
        live.end()
    path = segment(tmp_path, 0)
    path.write_bytes(live.log)
    with open_log(path) as log:
        ours = [(e.type, e.time, e.seq, e.fields) for e in log.events()]
    header = ("time", "seq", "target", "session", "pid")
    theirs = [
        (name, fields["time"], fields["seq"], {k: v for k, v in fields.items() if k not in header})
        for name, fields in tiny_reader.events(bytes(live.log))
    ]
    assert sorted(theirs, key=repr) == sorted(ours, key=repr)
    out = [fields for name, fields in tiny_reader.events(bytes(live.log)) if name == "tty_out"]
    assert b"".join(f["data"] for f in sorted(out, key=lambda f: f["offset"])) == terminal.output


# What stays in the kernel.


def bpf_ids(pid: int) -> set[tuple[int, int]]:
    """(bpf(2) command that goes through all of its kind, id) of the BPF programs and maps that a process holds."""
    commands = {"prog_id": 11, "map_id": 12}  # BPF_PROG_GET_NEXT_ID, BPF_MAP_GET_NEXT_ID
    found = set()
    for path in Path(f"/proc/{pid}/fdinfo").iterdir():
        text = ""
        with suppress(FileNotFoundError):  # closed meanwhile
            text = path.read_text()
        for line in text.splitlines():
            name, _, value = line.partition(":")
            if name in commands:
                found.add((commands[name], int(value)))
    return found


def exists(command: int, number: int) -> bool:
    """Asks without opening it: who opens and closes an array of programs that is being taken down keeps it for ever.

    For each that closes it last prog_array_map_clear(), kernel/bpf/arraymap.c, counts one more user, but the work that
    counts it down is queued once.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    attributes = ctypes.create_string_buffer(struct.pack("=III", number - 1, 0, 0), 12)
    if libc.syscall({"x86_64": 321, "aarch64": 280}[os.uname().machine], command, attributes, 12) < 0:
        assert ctypes.get_errno() == errno.ENOENT
        return False
    following: int = struct.unpack_from("=I", attributes, 4)[0]
    return following == number


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_of_the_probes_stays_in_the_kernel(victim: Container, tmp_path: Path, number: signal.Signals) -> None:
    with agent(tmp_path, victim, linger_seconds=0.1 if number == signal.SIGTERM else 60) as running:
        ids = bpf_ids(running.pid)
        assert len(ids) > 10
        assert all(exists(*one) for one in ids)
        running.send_signal(number)
        running.wait(SECONDS)
    eventually("without its programs and maps", lambda: not any(exists(*one) for one in ids))


# What cannot be recorded.


def refused(spool: Path, *before: str, **config: Any) -> tuple[int, str]:
    """(exit code, stderr) of a recorder that must end at once; `before`: the command that runs it."""
    text = json.dumps({"recording": "test", **config})
    done = subprocess.run(
        [*before, *recorder_argv("agent", "--spool", str(spool), "--config", text)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=SECONDS,
    )  # fmt: skip
    return done.returncode, done.stderr


def hidden(folder: str) -> list[str]:
    """The command that runs another where a folder is empty."""
    return ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {folder} && exec "$@"', "sh"]


def assert_one_line(said: str) -> None:
    assert said.startswith("error: ")
    assert "Traceback" not in said


def test_who_is_not_root_is_told_so(node: None, tmp_path: Path) -> None:
    if not Path("/usr/bin/setpriv").exists():
        pytest.skip("needs: setpriv")
    # Modules are read as root before: the checkout may be closed to others.
    boot = f"import sys, os; sys.path.append({str(ROOT)!r}); import recorder.agent, recorder.__main__; "
    drop = "os.setresuid(65534, 65534, 65534); sys.exit(recorder.__main__.main())"
    config = json.dumps({"recording": "test", "targets": [{"pid": 1}]})
    done = subprocess.run(
        ["/usr/bin/python3", "-I", "-c", boot + drop, "agent", "--spool", str(tmp_path), "--config", config],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 10
    assert_one_line(done.stderr)
    assert "sudo" in done.stderr


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ({"container_id": "0" * 64}, "no container 0000"),
        ({"container_id": "../.."}, "is no container ID"),
        ({"cgroup": "/no/such"}, "no cgroup /no/such"),
        ({"cgroup": "/"}, "the whole machine"),
        ({"cgroup": "/etc"}, "no cgroup /etc"),
        ({"pid": 1 << 22}, "no process 4194304"),
    ],
)
def test_a_target_that_is_not_there_is_named(node: None, tmp_path: Path, target: dict[str, Any], says: str) -> None:
    code, said = refused(tmp_path, targets=[target])
    assert (code, says in said, said.count("\n")) == (4, True, 1), said
    assert_one_line(said)


def test_the_whole_machine_is_refused_by_any_of_its_names(victim: Container, tmp_path: Path) -> None:
    code, said = refused(tmp_path, targets=[{"cgroup": f"{victim.cgroup}/../.."}])
    assert (code, "the whole machine" in said) == (4, True), said


def test_without_bcc_the_package_to_install_is_named(victim: Container, tmp_path: Path) -> None:
    said_where = subprocess.run(
        ["/usr/bin/python3", "-I", "-c", "import bcc; print(bcc.__path__[0])"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    code, said = refused(tmp_path, *hidden(said_where.stdout.strip()), targets=[{"container_id": victim.id}])
    assert code == 11, said
    assert_one_line(said)
    assert "python3-bpfcc" in said


def test_a_node_without_cgroup_v2_is_told_how_to_get_it(node: None, tmp_path: Path) -> None:
    code, said = refused(tmp_path, *hidden("/sys/fs/cgroup"), targets=[{"cgroup": "/x"}])
    assert code == 4, said
    assert_one_line(said)
    assert "cgroup v1 alone is not enough" in said
    assert "systemd.unified_cgroup_hierarchy=1" in said


def test_without_btf_the_kernel_option_is_named(victim: Container, tmp_path: Path) -> None:
    code, said = refused(tmp_path, *hidden("/sys/kernel/btf"), targets=[{"container_id": victim.id}])
    assert code == 12, said
    assert_one_line(said)
    assert "CONFIG_DEBUG_INFO_BTF" in said


@pytest.mark.parametrize("way", ["fexit", "kprobe"])
def test_a_way_that_the_kernel_does_not_offer_is_refused_and_one_that_it_offers_works(
    victim: Container, tmp_path: Path, way: str
) -> None:
    config = {"targets": [{"container_id": victim.id}], "probes": {"tty": [way]}, "duration": 0, "linger_seconds": 0}
    code, said = refused(tmp_path, **config)
    if code == 0:
        with open_log(segment(tmp_path, 0)) as log:
            assert log.header.raw["probes"]["tty"] == f"{way} pty_write"
        return
    assert code == 13, said
    assert_one_line(said)
    assert f"tty: {way} pty_write: " in said


def test_a_configuration_that_cannot_be_read_is_one_line(node: None, tmp_path: Path) -> None:
    code, said = refused(tmp_path, targets=[{}])
    assert (code, said.count("\n")) == (2, 1), said
    assert_one_line(said)
