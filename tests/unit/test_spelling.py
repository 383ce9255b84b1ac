"""Options as kubectl's users spell them, and what -v shows of requests."""

import pytest

from kubectl_ebpfaudit.cluster.trace import Trace
from kubectl_ebpfaudit.spelling import Spelling
from tests.support.cli import Cli

SPELLING = Spelling(frozenset({"-q", "--quiet", "--wait", "--verbose"}), frozenset({"-n", "--namespace", "-o"}))


@pytest.mark.parametrize(
    ("typed", "means"),
    [
        ("-v", "--verbose=1"),
        ("-v web", "--verbose=1 web"),
        ("-v 6 web", "--verbose=6 web"),
        ("-v=6", "--verbose=6"),
        ("-v6", "--verbose=6"),
        ("--v=6", "--verbose=6"),
        ("--v 8", "--verbose=8"),
        ("--verbose", "--verbose=1"),
        ("--verbose=9 x", "--verbose=9 x"),
        ("-qv", "-q --verbose=1"),
        ("-qv 7", "-q --verbose=7"),
        ("-nv", "-nv"),
        ("-n -v", "-n -v"),
        ("-n v5 -v", "-n v5 --verbose=1"),
        ("-n=shop", "-n shop"),
        ("-o=json -q", "-o json -q"),
        ("--namespace=a=b", "--namespace=a=b"),
        ("--wait=true --quiet=false", "--wait"),
        ("--wait=maybe", "--wait=maybe"),
        ("-- -v --wait=true", "-- -v --wait=true"),
        ("x -n", "x -n"),
    ],
)
def test_words_mean_what_they_mean_to_kubectl(typed: str, means: str) -> None:
    assert SPELLING.usual(typed.split()) == means.split()


def test_every_spelling_reaches_the_verb(cli: Cli) -> None:
    for words in (["list", "-o=json"], ["list", "-ojson", "-v=6"], ["-v", "list", "--output=json"]):
        ran = cli(*words)
        assert (ran.code, ran.text) == (0, "[]\n"), ran.err
    assert cli("list", "-v=-1").code == 2
    assert cli("list", "--v=x").code == 2


def test_each_level_shows_what_the_one_before_shows_and_more(capsys: pytest.CaptureFixture[str]) -> None:
    shown = {}
    for level in (5, 6, 7, 8, 9):
        trace = Trace(level)
        headers = [("Authorization", "Bearer secret"), ("Accept", "a\x1b[31m")]
        trace.request("POST", "https://c.test/x?a=b", headers, b'{"long": "' + 2000 * b"x" + b'"}')
        trace.response("POST", "https://c.test/x?a=b", 403, 0.0071)
        trace.body(b'{"a": 1}\n')
        shown[level] = capsys.readouterr().err
        assert "secret" not in shown[level]
        assert "\x1b" not in shown[level]
    assert shown[5] == ""
    assert shown[6] == "POST https://c.test/x?a=b 403 Forbidden in 7 milliseconds\n"
    assert "    Authorization: Bearer <masked>\n" in shown[7]
    assert "Body" not in shown[7]
    assert "Request Body: " in shown[8]
    assert "x [truncated 988 chars]\n" in shown[8]
    assert 'Response Body: {"a": 1}' in shown[8]
    assert 2000 * "x" in shown[9]


def test_request_without_an_answer_has_no_status(capsys: pytest.CaptureFixture[str]) -> None:
    Trace(6).response("GET", "https://c.test/", 0, 3)
    assert capsys.readouterr().err == "GET https://c.test/ in 3000 milliseconds\n"
