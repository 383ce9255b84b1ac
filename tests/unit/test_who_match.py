"""Who a session was: certain only where nothing else explains it, and all who may have been it otherwise."""

from typing import Any

import pytest

from replay.clock import SECOND
from replay.model import Session, Terminal
from replay.programs import Exec
from replay.who.fit import Place
from replay.who.identity import Identity
from replay.who.kubernetes import seen
from replay.who.match import match
from replay.who.request import Request, first
from tests.support.audit import event
from tests.support.logs import MS, REALTIME, argv

SKEW = 2 * SECOND


def request(user: str, at: int, ended: int | None = None, **more: Any) -> Request:
    said = seen(event(user, at, after=10 * MS, **more))
    assert said
    made = first(said)
    if ended is not None:
        end = seen(event(user, at, "ResponseComplete", after=ended - at, **more))
        assert end
        made.take(end)
    return made


def place(at: int, *words: str, ended: int | None = None, container: str = "main", tty: bool = True) -> Place:
    session = Session(1, 1, 100, 10, REALTIME + at, at, ended=None if ended is None else REALTIME + ended)
    data = argv(*(words or ("bash",)))
    ran = Exec(REALTIME + at, 1, 100, 50, 10, 0, b"/bin/x", b"", b"/", data, len(data), 0, 0, int(tty), 0)
    session.execs.append(ran)
    if tty:
        session.terminals.append(Terminal(1))
    return Place(session, "default", "victim", container)


def who(places: list[Place], *requests: Request, skew: int = SKEW) -> list[tuple[str, str]]:
    return [(of.user, of.confidence) for of in match(places, requests, skew)]


def only(at: Place, *requests: Request) -> Identity:
    [found] = match([at], requests, SKEW)
    return found


def test_one_session_and_one_request_that_says_the_same_are_certain() -> None:
    found = only(place(SECOND, ended=9 * SECOND), request("alice", SECOND - 90 * MS, ended=9 * SECOND))
    assert (found.user, found.confidence) == ("alice", "certain")
    assert found.reason == (
        "same pod, container, command; it began 90ms after the request, and both ended together; no other fits"
    )
    assert found.requests[0].person.source_ips == ("203.0.113.9",)


@pytest.mark.parametrize(
    "difference",
    [
        {"command": ("sh",)},
        {"command": ("bash", "-l")},
        {"container": "sidecar"},
        {"pod": "web-1"},
        {"tty": False},
        {"code": 403},
        {"subresource": "attach"},
    ],
    ids=str,
)
def test_a_request_that_says_another_thing_is_nobody(difference: dict[str, Any]) -> None:
    assert who([place(SECOND)], request("alice", SECOND, **difference)) == [("", "unknown")]


@pytest.mark.parametrize(("at", "fits"), [(-33, False), (-31, True), (2, True), (4, False)])
def test_a_session_begins_soon_after_its_request(at: int, fits: bool) -> None:
    assert bool(only(place(0), request("alice", at * SECOND)).requests) == fits


def test_a_session_that_began_after_the_request_had_ended_is_not_its() -> None:
    assert who([place(10 * SECOND)], request("alice", 0, ended=5 * SECOND)) == [("", "unknown")]


def test_same_command_by_two_users_in_the_same_second_names_both_and_neither_for_certain() -> None:
    asked = [request("alice", 100 * MS, ended=SECOND), request("bob", 600 * MS, ended=SECOND)]
    places = [place(300 * MS, ended=900 * MS), place(800 * MS, ended=SECOND)]
    assert who(places, *asked) == [("alice or bob?", "possible"), ("bob or alice?", "possible")]


def test_two_users_whose_sessions_end_far_apart_are_told_apart_by_their_ends() -> None:
    asked = [request("alice", 100 * MS, ended=60 * SECOND), request("bob", 600 * MS, ended=9 * SECOND)]
    places = [place(300 * MS, ended=9 * SECOND), place(800 * MS, ended=60 * SECOND)]
    assert who(places, *asked) == [("bob", "likely"), ("alice", "likely")]


def test_of_many_who_may_have_been_it_a_few_are_named() -> None:
    asked = [request(f"user{n}", n * MS) for n in range(10)]
    assert who([place(100 * MS)], *asked) == [("user9 or user8 or user7 or 7 others?", "possible")]


def test_one_request_and_two_sessions_is_only_possible_for_both() -> None:
    assert who([place(0), place(SECOND)], request("alice", 0)) == [("alice?", "possible"), ("alice?", "possible")]


def test_two_requests_of_one_user_are_that_user_for_certain() -> None:
    found = match([place(0), place(SECOND)], [request("alice", 0), request("alice", SECOND)], SKEW)
    assert [(of.user, of.confidence, len(of.requests)) for of in found] == [("alice", "certain", 2)] * 2


def test_what_is_left_when_another_session_is_explained_is_likely() -> None:
    asked = [request("alice", 0), request("bob", 10 * SECOND)]
    assert who([place(SECOND), place(11 * SECOND)], *asked) == [("alice", "likely"), ("bob", "likely")]


def test_clocks_that_agree_better_tell_more() -> None:
    asked = [request("alice", 0, ended=400 * MS), request("bob", SECOND, ended=1400 * MS)]
    places = [place(100 * MS, ended=390 * MS), place(1100 * MS, ended=1390 * MS)]
    assert who(places, *asked, skew=100 * MS) == [("alice", "certain"), ("bob", "certain")]


def test_a_script_is_the_command_that_named_it() -> None:
    ran = place(0, "/bin/sh", "-e", "/usr/local/bin/deploy.sh", "prod")
    assert only(ran, request("alice", 0, command=("deploy.sh", "prod"))).confidence == "certain"
    assert only(ran, request("alice", 0, command=("deploy.sh", "test"))).confidence == "unknown"


def test_a_request_that_names_no_container_is_likely_at_most() -> None:
    found = only(place(0), request("alice", 0, container=""))
    assert (found.confidence, "does not say the container" in found.reason) == ("likely", True)


def test_a_debugging_container_comes_from_who_added_it() -> None:
    at = place(60 * SECOND, "sh", container="debugger-x")
    at.session.told_kind = "debug"
    spec = {"spec": {"ephemeralContainers": [{"name": "debugger-x"}]}}
    asked = request("alice", 0, ended=MS, subresource="ephemeralcontainers", container="", requestObject=spec)
    assert asked.container == "debugger-x"
    asked.command = asked.tty = None
    attached = request("bob", 59 * SECOND, subresource="attach", container="debugger-x")
    assert who([at], asked, attached, request("carol", 60 * SECOND, container="debugger-x")) == [("alice", "likely")]


def test_who_is_at_the_container_s_own_terminal_comes_from_a_request_to_attach() -> None:
    at = place(SECOND, "sh", "-c", "whatever the image runs")
    at.session.attached, at.session.told_kind = True, "attach"
    asked = request("alice", 0, subresource="attach", command=())
    asked.command = None
    assert who([at], asked, request("bob", 0)) == [("alice", "certain")]
    later = place(40 * SECOND)
    later.session.attached, later.session.told_kind = True, "attach"
    assert who([later], asked) == [("", "unknown")]


def test_who_enters_from_the_node_comes_from_no_request() -> None:
    at = place(0)
    at.session.from_node = True
    assert who([at], request("alice", 0)) == [("", "unknown")]


def test_who_acts_for_somebody_is_named_with_them() -> None:
    asked = request("rancher", 0, impersonatedUser={"username": "alice", "groups": ["dev"]})
    found = only(place(0), asked)
    assert found.user == "alice (impersonated by rancher)"
    assert found.person
    assert found.person.groups == ("dev",)


def test_sessions_under_way_may_have_begun_with_another_command() -> None:
    under_way = place(0, "vi", "x")
    under_way.session.under_way = True
    assert only(under_way, request("alice", 0)).confidence == "likely"
