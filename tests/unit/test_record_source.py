"""The options of `record`: what they mean, and which contradict each other."""

import inspect
import os
from typing import Any

import pytest

from kubectl_ebpfaudit import local
from kubectl_ebpfaudit.cluster_options import connected
from kubectl_ebpfaudit.connection import Connection, seconds
from kubectl_ebpfaudit.duration import parse_duration
from kubectl_ebpfaudit.source import Limits, PodOptions, Source, What, choose
from recorder.log.errors import NotRoot
from replay.errors import WrongUsage

LIMITS = Limits(60.0, None, True, 60.0, 1 << 30)


def _choose(
    is_local: bool,
    what: What | None = None,
    how: PodOptions | None = None,
    connection: Connection | None = None,
    cgroup: str | None = None,
    pid: int | None = None,
) -> Source:
    return choose(is_local, what or What(), how or PodOptions(), connection or Connection(), LIMITS, cgroup, pid)


@pytest.mark.parametrize(
    ("text", "value"),
    [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("1.5h", 5400), ("250ms", 0.25), ("45", 45)],
)
def test_durations_are_read_as_kubectl_does(text: str, value: float) -> None:
    assert parse_duration(text) == value


@pytest.mark.parametrize("text", ["", "x", "5x", "-5s", "5 s", "1h 5m", "m", "99999999999h", "1e3s", "٣s", "9" * 12])
def test_what_is_no_duration_is_wrong_usage(text: str) -> None:
    with pytest.raises(WrongUsage, match="--duration: "):
        seconds("--duration", text)


def test_duration_of_nothing_is_wrong_usage() -> None:
    with pytest.raises(WrongUsage, match="more than 0"):
        seconds("--duration", "0s")


POD = What(("x",))
ONE = What(container="abc")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"is_local": False}, "name a pod"),
        ({"is_local": True}, "exactly one of"),
        ({"is_local": True, "what": ONE, "pid": 1}, "exactly one of"),
        ({"is_local": True, "what": What(container="")}, "names nothing"),
        ({"is_local": True, "what": What(("x",), container="abc")}, "does not go with the pod x"),
        (
            {"is_local": True, "what": What(namespace="n", container="a"), "connection": Connection(as_user="u")},
            "does not go with --namespace, --as",
        ),
        ({"is_local": True, "what": ONE, "how": PodOptions(detach=True)}, "does not go with --detach"),
        ({"is_local": False, "what": POD, "cgroup": "/x"}, "add --local"),
        ({"is_local": False, "what": POD, "pid": 1}, "add --local"),
        ({"is_local": False, "what": POD, "connection": Connection(recorder_namespace="a/b")}, "name of a namespace"),
        ({"is_local": False, "what": POD, "how": PodOptions(image_pull_policy="never")}, "IfNotPresent"),
        ({"is_local": False, "what": POD, "how": PodOptions(image_pull_secret="a/b")}, "name of a secret"),
        ({"is_local": False, "what": POD, "connection": Connection(request_timeout="soon")}, "--request-timeout"),
    ],
)
def test_options_that_contradict_are_wrong_usage(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongUsage, match=said):
        _choose(**arguments)


def test_every_option_of_a_cluster_that_was_given_is_named() -> None:
    found: list[str] = []

    @connected
    def verb(*, connection: Connection) -> None:
        found.extend(connection.given())

    options = inspect.signature(verb).parameters
    verb(**dict.fromkeys(options, "x"))
    written = [option.annotation.__metadata__[0] for option in options.values()]
    assert sorted(found) == sorted((of.default, *of.param_decls)[-1] for of in written)
    assert len(found) > 15


def test_recording_on_this_machine_needs_root_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NotRoot, match="sudo"):
        _choose(True, ONE)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"what": What(container="ab" * 32)}, "container-abababababab"),
        ({"cgroup": "/kubepods/pod1"}, "cgroup-pod1"),
        ({"pid": 12}, "pid-12"),
    ],
)
def test_local_recording_is_named_after_its_target(
    arguments: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "check_host", lambda: None)
    assert _choose(True, **arguments).name == name
