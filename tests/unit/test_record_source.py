"""The options of `record`: what they mean, and which contradict each other."""

import os

import pytest

from kubectl_ebpfaudit import local
from kubectl_ebpfaudit.duration import parse_duration
from kubectl_ebpfaudit.source import Limits, LocalOptions, PodOptions, choose, pod_name, seconds
from recorder.log.errors import NotRoot
from replay.errors import WrongUsage

LIMITS = Limits(60.0, None, True)
NONE = LocalOptions(None, None, None)
ONE = LocalOptions("abc", None, None)


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


@pytest.mark.parametrize("text", ["victim", "pod/victim", "pods/victim", "po/victim"])
def test_pod_may_be_named_with_its_kind(text: str) -> None:
    assert pod_name(text) == "victim"


@pytest.mark.parametrize("text", ["deploy/x", "a/b/c", "pod/", "", "../x", "..", "X", "a b", "a?b=c", "x\x1b[31m"])
def test_what_names_no_pod_is_wrong_usage(text: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        pod_name(text)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("pod", "is_local", "here", "there", "said"),
    [
        (None, False, NONE, PodOptions(), "name a pod"),
        (None, True, NONE, PodOptions(), "exactly one of"),
        (None, True, LocalOptions("a", None, 1), PodOptions(), "exactly one of"),
        (None, True, LocalOptions("", None, None), PodOptions(), "names nothing"),
        ("x", True, ONE, PodOptions(), "does not go with the pod x"),
        (None, True, ONE, PodOptions(namespace="n", as_user="u"), "does not go with --namespace, --as"),
        ("x", False, LocalOptions(None, "/x", None), PodOptions(), "add --local"),
        ("x", False, LocalOptions(None, None, 1), PodOptions(), "add --local"),
        ("x", False, NONE, PodOptions(namespace="../.."), "no name of a namespace"),
        ("x", False, NONE, PodOptions(recorder_namespace="a/b"), "no name of a namespace"),
        ("x", False, NONE, PodOptions(image_pull_policy="never"), "IfNotPresent"),
        ("x", False, NONE, PodOptions(as_group=("g",)), "needs --as"),
        ("x", False, NONE, PodOptions(request_timeout="soon"), "--request-timeout"),
    ],
)
def test_options_that_contradict_are_wrong_usage(
    pod: str | None, is_local: bool, here: LocalOptions, there: PodOptions, said: str
) -> None:
    with pytest.raises(WrongUsage, match=said):
        choose(pod, is_local, here, there, LIMITS)


def test_recording_on_this_machine_needs_root_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NotRoot, match="sudo"):
        choose(None, True, ONE, PodOptions(), LIMITS)


@pytest.mark.parametrize(
    ("here", "name"),
    [
        (LocalOptions("ab" * 32, None, None), "container-abababababab"),
        (LocalOptions(None, "/kubepods/pod1", None), "cgroup-pod1"),
        (LocalOptions(None, None, 12), "pid-12"),
    ],
)
def test_local_recording_is_named_after_its_target(
    here: LocalOptions, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "check_host", lambda: None)
    assert choose(None, True, here, PodOptions(), LIMITS).name == name
