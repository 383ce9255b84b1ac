"""Warnings that take more than a script in a container of its own: who they are told of, and of whom not."""

from recorder import events
from tests.support.container import Container, container
from tests.support.recorder import Recording, recording

KINDS = {value: name for name, value in events.enums()["warning_kind"].items()}


def told(live: Recording) -> list[tuple[str, int, bytes]]:
    """(kind, value, name of who did it) of each warning."""
    found = [(e.fields["kind"], e.fields["value"], e.fields["comm"]) for e in live.of("warning")]
    return [(KINDS[kind].removeprefix("WARNING_"), value, comm) for kind, value, comm in found]


def test_signals_to_the_recorder_are_told_once_and_those_to_somebody_else_are_not(node: None) -> None:
    with container(own_pids=False) as victim, recording({"container_id": victim.id}, sessions=1) as live:
        script = (
            f"/bin/sleep 9 & kill -CONT $!; for i in {{1..99}}; do kill -CONT {live.agent.pid}; done; kill -KILL $!; :"
        )
        victim.exec("/bin/bash", "-c", script)
        live.end()
    assert told(live) == [("SIGNAL", 18, b"bash")]
    (warning,) = live.of("warning")
    assert (warning.session, warning.fields["other"]) == (1, live.agent.pid)


def test_a_process_that_is_moved_to_another_cgroup_is_told_and_is_recorded_still(node: None) -> None:
    script = (
        "mount -t cgroup2 none /tmp && mkdir /tmp/below && echo $$ >/tmp/below/cgroup.procs; /bin/true there; "
        "echo $$ >/tmp/cgroup.procs; rmdir /tmp/below; :"
    )
    with container(privileged=True) as victim, recording({"container_id": victim.id}, sessions=1) as live:
        victim.exec("/bin/bash", "-c", script)
        live.end()
    kinds = [kind for kind, _, _ in told(live)]
    assert kinds == ["MOUNT", "CGROUP", "CGROUP"]
    moved = live.of("warning")[1]
    assert moved.pid == moved.fields["other"]
    (there,) = (e for e in live.of("exec") if e.fields["argv"] == b"/bin/true\0there\0")
    assert there.fields["cgroup"] == moved.fields["value"]


def test_what_the_container_itself_and_the_node_do_is_no_warning(victim: Container) -> None:
    with recording({"container_id": victim.id}, sessions=1) as live:
        with container() as other:  # its runtime mounts, and makes namespaces
            other.exec("/bin/true")
        victim.exec("/bin/true")
        live.end()
    assert told(live) == []


def test_commands_of_bpf_that_do_not_exist_are_one_warning(programs: Container) -> None:
    script = (
        "import ctypes, os; bpf = {'x86_64': 321, 'aarch64': 280}[os.uname().machine]; libc = ctypes.CDLL(None)\n"
        "for command in [5, 5, *range(1000, 9000)]: libc.syscall(bpf, command, 0, 0)"
    )
    with recording({"container_id": programs.id}, sessions=1) as live:
        programs.exec("/usr/bin/python3", "-c", script)
        live.end()
    assert [(kind, value) for kind, value, _ in told(live)] == [("BPF", 5), ("BPF", 1000)]


def test_what_is_unshared_but_namespaces_is_no_warning_and_of_those_each_is_told_once(node: None) -> None:
    script = (
        "import ctypes, os; setns = {'x86_64': 308, 'aarch64': 268}[os.uname().machine]; libc = ctypes.CDLL(None)\n"
        "libc.unshare(0x400)\n"  # CLONE_FILES
        "own = os.open('/proc/self/ns/uts', os.O_RDONLY)\n"
        "for high in range(1, 5000): libc.syscall(setns, own, ctypes.c_uint64(high << 32 | 0x04000000))"
    )
    with (
        container(privileged=True, programs=True) as victim,
        recording({"container_id": victim.id}, sessions=1) as live,
    ):
        victim.exec("/usr/bin/python3", "-c", script)
        live.end()
    assert len(told(live)) <= 1
