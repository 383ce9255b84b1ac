"""Containers that come and go while one recorder watches."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from recorder import events
from recorder.cgroups import Cgroups
from recorder.log.events import Event
from tests.support.container import Container, container
from tests.support.recorder import Recording, recording

POD = {"pod_uid": "11111111-2222-3333-4444-555555555555", "pod": "web"}
EXITED = events.enums()["target_end_reason"]["TARGET_EXITED"]
BUSY = ("/bin/bash", "-c", "while :; do /bin/true; /bin/sleep 0.01; done")
"""A workload that runs a command after the other, none of which is a session."""


def tell(live: Recording, **target: str) -> None:
    """Names a target to the recorder, as a client does."""
    assert live._serve.stdin
    live._serve.stdin.write(b"target " + json.dumps(target).encode() + b"\n")
    live._serve.stdin.flush()


def until(live: Recording, there: Callable[[], bool]) -> None:
    while not there():
        assert live._read()


def started(live: Recording, running: Container) -> Event | None:
    """The event by which a container came under watch."""
    for event in live.of("target_start"):
        if json.loads(event.fields["about"])["container_id"] == running.id:
            return event
    return None


def sessions(live: Recording) -> list[tuple[int, list[str]]]:
    """(target, first command) of every session."""
    return [(e.target, live.commands(e.session)[0]) for e in live.of("session_start")]


def test_sessions_of_several_containers_are_told_apart(victim: Container) -> None:
    with container(BUSY, beside=victim) as other, container() as third:
        running = [victim, other, third]
        with recording(*({"container_id": one.id} for one in running), sessions=9) as live:
            for number in range(3):
                for one in running:
                    one.exec("/bin/echo", one.id, str(number))
            assert not live.end().lost
    expected = [(i, ["/bin/echo", one.id, str(n)]) for n in range(3) for i, one in enumerate(running, 1)]
    assert sessions(live) == expected
    assert {e.target for e in live.of("session_end")} == {1, 2, 3}


@pytest.mark.parametrize("own_pids", [True, False])
def test_a_container_that_comes_up_in_a_pod_is_followed_and_its_workload_is_no_session(
    victim: Container, own_pids: bool
) -> None:
    with recording({"container_id": victim.id, **POD}, follow=True) as live:
        running = []
        for number in range(4):
            with container(BUSY, beside=victim, own_pids=own_pids) as one:
                running.append(one)
                until(live, lambda one=one: started(live, one) is not None)  # type: ignore[misc]
                one.exec("/bin/echo", str(number))
                victim.exec("/bin/echo", "first")
        until(live, lambda: len(live.of("target_end")) == 4)
        live.stop()
        assert not live.end().lost
    assert [e.target for e in live.of("target_end")] == [2, 3, 4, 5]
    assert {e.fields["reason"] for e in live.of("target_end")} == {EXITED}
    expected = [pair for n in range(4) for pair in ((n + 2, ["/bin/echo", str(n)]), (1, ["/bin/echo", "first"]))]
    assert sessions(live) == expected
    about = [json.loads(e.fields["about"]) for e in live.of("target_start")]
    assert [(a["container_id"], a["pod"]) for a in about] == [(one.id, "web") for one in running]


def test_a_container_that_is_killed_and_made_anew_goes_on_as_another_target(victim: Container) -> None:
    with ExitStack() as stack:
        pod = victim
        with recording({"container_id": pod.id, **POD}, follow=True, gone_seconds=30) as live:
            pod.exec("/bin/echo", "old")
            pod.kill()
            live.wait_for("target_end")
            again = stack.enter_context(container(BUSY, beside=pod))
            until(live, lambda: started(live, again) is not None)
            again.exec("/bin/echo", "new")
            again.kill()
            until(live, lambda: len(live.of("target_end")) == 2)
            live.stop()
            live.end()
    assert sessions(live) == [(1, ["/bin/echo", "old"]), (2, ["/bin/echo", "new"])]


def test_a_container_whose_cgroup_was_emptied_is_recorded_on_and_ends_with_its_program(node: None) -> None:
    root = Cgroups(Path("/sys")).root
    elsewhere = root / f"ebpfaudit-elsewhere-{os.getpid()}"
    elsewhere.mkdir()
    try:
        with container() as moved, recording({"container_id": moved.id, **POD}, follow=True, gone_seconds=0) as live:
            for pid in (root / moved.cgroup.lstrip("/") / "cgroup.procs").read_text().split():
                (elsewhere / "cgroup.procs").write_text(pid)
            with container(beside=moved) as other:  # once that is seen, so is what was before
                until(live, lambda: started(live, other) is not None)
            enter = ["nsenter", "--target", str(moved.init), "--mount", "--pid", "/bin/echo", "from the node"]
            subprocess.run(enter, check=True, timeout=60)
            moved.exec("/bin/echo", "on")
            moved.kill()
            live.end()
    finally:
        elsewhere.rmdir()
    assert sessions(live) == [(1, ["/bin/echo", "from the node"]), (1, ["/bin/echo", "on"])]
    assert [(e.target, e.fields["reason"]) for e in live.of("target_end")] == [(2, EXITED), (1, EXITED)]


def starting(parent: Path, known: set[str]) -> Iterator[str]:
    """The containers beside those known, each as soon as a process is in it."""
    while True:
        for name in os.listdir(parent):
            try:
                if name not in known and (parent / name / "cgroup.procs").read_text():
                    known.add(name)
                    yield name
            except OSError:
                continue


@pytest.mark.parametrize("own_pids", [True, False])
@pytest.mark.parametrize("when", ["before", "while it starts", "after"])
def test_a_container_named_at_any_moment_of_its_start_has_its_sessions_and_no_other(
    victim: Container, when: str, own_pids: bool
) -> None:
    rounds = 6
    parent = (Cgroups(Path("/sys")).root / victim.cgroup.lstrip("/")).parent
    follow = when == "before"
    target = {"container_id": victim.id, **(POD if follow else {})}
    with recording(target, follow=follow) as live:
        found = starting(parent, {Path(victim.cgroup).name})
        for number in range(rounds):
            name = f"{os.getpid():x}{number:x}".rjust(64, "d")
            if when == "before":
                tell(live, container_id=name, **POD)
            with ExitStack() as stack:
                if when == "while it starts":
                    seen = threading.Thread(target=lambda: tell(live, container_id=next(found)))
                    seen.start()
                    one = stack.enter_context(container(BUSY, beside=victim, own_pids=own_pids))
                    seen.join()
                else:
                    one = stack.enter_context(container(BUSY, beside=victim, own_pids=own_pids, name=name))
                    if when == "after":
                        tell(live, container_id=one.id)
                until(live, lambda one=one: any(  # type: ignore[misc]
                    json.loads(e.fields["about"])["cgroup_id"] for e in live.of("target_start")
                    if json.loads(e.fields["about"])["container_id"] == one.id
                ))  # fmt: skip
                one.exec("/bin/echo", str(number))
        deadline = time.monotonic() + 120
        until(live, lambda: len(live.of("session_end")) >= rounds or time.monotonic() > deadline)
        live.stop()
        assert not live.end().lost
    assert [argv for _, argv in sessions(live)] == [["/bin/echo", str(n)] for n in range(rounds)]
    assert len(live.of("exec")) == rounds
