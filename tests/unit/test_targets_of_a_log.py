"""Targets that come and go while a log is written, and what a hostile log tells of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.log.events import Event
from recorder.log.format import PROCESS_LANE
from recorder.log.objects import MAX_ABOUT_BYTES, load_about, parse_about, parse_header
from recorder.log.reader import open_log
from replay import timeline as building
from replay.document import document, watched
from replay.model import Timeline
from replay.report import report
from replay.targets import Targets
from replay.values import target
from replay.view import View
from tests.support.logs import MONOTONIC, MS, SECOND, TARGET, LogBuilder, header, start_shell


def timeline_of(log: LogBuilder, path: Path) -> Timeline:
    with open_log(log.save(path / "s.ebpfaudit")) as opened:
        return building.build(opened)


def test_a_target_that_comes_later_is_known_by_its_number(tmp_path: Path) -> None:
    log = LogBuilder(targets=[]).come(SECOND, 7, pod="web-2", image="web:2", labels={"app": "web"})
    log.add("target_end", 3 * SECOND, 0, 0, seq=None, target=7, reason=1)
    (shown,) = document(timeline_of(log, tmp_path))["targets"]
    expected = {"number": 7, "namespace": "default", "pod": "web-2", "container": "main", "cgroup_id": 4242}
    expected |= {"image": "web:2", "labels": {"app": "web"}}
    expected |= {"started": "2026-01-02T03:04:06.000000000Z", "ended": "2026-01-02T03:04:08.000000000Z"}
    assert shown.items() >= {**expected, "end_reason": "exited"}.items()


def test_what_is_told_later_takes_the_place_of_what_was_told_before(tmp_path: Path) -> None:
    log = LogBuilder(targets=[{**TARGET, "image": "old"}])
    log.come(SECOND, 1, image_id="sha256:1", cgroup_id=77)
    (shown,) = document(timeline_of(log, tmp_path))["targets"]
    assert (shown["cgroup_id"], shown["image_id"], shown["started"][-13:]) == (77, "sha256:1", "05.000000000Z")
    assert "image" not in shown


def test_a_target_that_was_not_found_and_then_is_there_has_not_ended(tmp_path: Path) -> None:
    log = LogBuilder(targets=[]).come(0, 1, cgroup_id=0)
    log.add("target_end", 0, 0, 0, seq=None, reason=2)
    assert timeline_of(log, tmp_path).targets[1].end_reason == "not_found"
    log.come(SECOND, 1, cgroup_id=99)
    assert timeline_of(log, tmp_path).targets[1].ended is None


def test_what_is_told_of_a_target_that_has_ended_does_not_bring_it_back(tmp_path: Path) -> None:
    log = LogBuilder().add("target_end", SECOND, 0, 0, seq=None, reason=1).come(2 * SECOND, 1, image="late")
    of = timeline_of(log, tmp_path).targets[1]
    assert (of.end_reason, of.target.more["image"]) == ("exited", "late")


BAD: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "no UTF-8": b'{"pod": "\xff"}',
    "another encoding": '{"pod": "x"}'.encode("utf-16"),
    "a list": b"[1]",
    "deep nesting": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a number of many digits": b'{"a": ' + b"9" * 10_000 + b"}",
    "too much": b'{"pod": "' + b"x" * MAX_ABOUT_BYTES + b'"}',
}


@pytest.mark.parametrize("what", BAD)
def test_of_a_target_that_is_told_in_nonsense_stays_what_is_known(tmp_path: Path, what: str) -> None:
    log = LogBuilder().come(SECOND, 1, about=BAD[what]).come(SECOND, 2, about=BAD[what], cgroup_id=55)
    timeline = timeline_of(log, tmp_path)
    assert timeline.targets[1].target.pod == "victim"
    assert (timeline.targets[2].target.name, timeline.targets[2].target.cgroup_id) == ("", 55)
    assert "target 2" in report(timeline)


def test_a_target_that_only_ends_is_shown(tmp_path: Path) -> None:
    log = LogBuilder(targets=[]).add("target_end", SECOND, 0, 0, seq=None, target=9, reason=4321)
    shown = report(timeline_of(log, tmp_path))
    assert "Target:      target 9" in shown
    assert "(4321)" in shown


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(
    [
        "namespace",
        "pod",
        "container",
        "container_id",
        "cgroup",
        "cgroup_id",
        "image",
        "labels",
        "node",
        "kind",
        "number",
    ]
)


@given(st.dictionaries(keys | st.text(max_size=5), anything, max_size=6), st.integers(-(1 << 63), (1 << 64) - 1))
def test_any_object_is_a_target_that_can_be_printed(told: dict[str, Any], cgroup: int) -> None:
    targets = Targets(parse_header(_header()), 0)
    fields = {"about": json.dumps(told).encode(), "cgroup": cgroup}
    targets.take(Event(MONOTONIC, "target_start", None, 3, 0, 0, fields, PROCESS_LANE), 5)
    shown = watched(targets.known[3])
    assert (shown["number"], shown["started"]) == (3, "1970-01-01T00:00:00.000000005Z")
    json.dumps(shown, ensure_ascii=False, allow_nan=False).encode()


@given(st.binary(max_size=60) | st.text(max_size=30).map(str.encode))
def test_any_bytes_are_a_target_or_none(about: bytes) -> None:
    told = load_about(about)
    of = parse_about(1, about, 2)
    assert (told is None) == (of is None)
    if of:
        json.dumps(target(of), ensure_ascii=False).encode()


def test_half_a_surrogate_is_no_traceback(tmp_path: Path) -> None:
    log = LogBuilder().come(SECOND, 2, about=b'{"pod": "\\ud800x", "image": "\\udfff", "\\ud801": 1}')
    timeline = timeline_of(log, tmp_path)
    assert "\\xed\\xa0\\x80x" in report(timeline)
    json.dumps(document(timeline), ensure_ascii=False).encode()


def test_targets_without_end_are_told_up_to_what_memory_should_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = LogBuilder()
    for number in range(50):
        log.come(SECOND, number)
    monkeypatch.setattr(building, "_MAX_WEIGHT", 50 << 10)
    timeline = timeline_of(log, tmp_path)
    assert timeline.state == "unread"
    assert 0 < len(timeline.targets) < 50


def test_sessions_of_several_targets_stand_below_their_pods(tmp_path: Path) -> None:
    log = LogBuilder().come(SECOND, 2, pod="web-2")
    start_shell(log, SECOND)
    start_shell(log, 2 * SECOND, session=2, pid=200, tty=2, target=2)
    start_shell(log, 3 * SECOND, session=3, pid=300, tty=0)
    start_shell(log, 4 * SECOND, session=4, pid=400, tty=0, target=77)
    lines = report(timeline_of(log, tmp_path)).splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines if line.startswith(("Pod:", "Session:", "Container:"))] == [
        "default/victim", "1, exec -it in default/victim/main", "3, exec in default/victim/main",
        "default/web-2", "2, exec -it in default/web-2/main",
        "no known target", "4, exec in no known target",
    ]  # fmt: skip


def test_one_target_that_was_there_from_the_start_needs_no_table(tmp_path: Path) -> None:
    log = start_shell(LogBuilder()).add("target_end", SECOND + MS, 0, 0, seq=None, reason=1)
    assert "SESSIONS" not in report(timeline_of(log, tmp_path))
    assert "SESSIONS" in report(timeline_of(log.come(2 * SECOND, 2, pod="web-2"), tmp_path))


HOSTILE = "\x1b]0;pwned\x07\x1b[2J\u202e\n\r"


def test_nothing_hostile_reaches_the_table_of_targets(tmp_path: Path) -> None:
    places = ["namespace", "pod", "container", "container_id", "image", "owner", "kind", "node"]
    words: dict[str, Any] = dict.fromkeys(places, HOSTILE)
    log = LogBuilder().come(SECOND, 2, **words).come(SECOND, 3, node={"x": HOSTILE}, image=[HOSTILE])
    start_shell(log, 2 * SECOND, target=2)
    shown = report(timeline_of(log, tmp_path), view=View(wide=True))
    assert all(line.isprintable() for line in shown.splitlines())


def _header() -> dict[str, Any]:
    return {"format": "ebpfaudit-log", "version": (1, 1), **header(targets=(), events={})}
