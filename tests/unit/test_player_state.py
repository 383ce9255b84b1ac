"""The player's state: keys and the time of a clock go in, and where it stands comes out."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from recorder.log.reader import open_log
from replay.clock import SECOND, parse_at
from replay.player.expression import Expression
from replay.player.keys import HELP, decode, is_unfinished
from replay.player.pace import MAX
from replay.player.paint import Painter
from replay.player.state import Player, Request
from replay.player.story import Story
from replay.player.view import frame
from replay.screen.reel import Item
from replay.screen.screen import Screen, Span
from replay.search import watch
from replay.terminals import with_terminals
from tests.support.logs import MONOTONIC, MS, LogBuilder, shell_session, start_shell
from tests.support.player_picture import picture

DOCS = Path(__file__).parents[2] / "docs"
SCREEN = Screen((24, 80), ((Span("", "one 世界 two"),), (Span("1", "three"),)), (3, 1))


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    with open_log(shell_session().save(tmp_path / "s.ebpfaudit")) as log:
        session = with_terminals(log).sessions[0]
        yield Story(log, session, session.terminals[0], 1)


@pytest.fixture
def player(story: Story) -> Player:
    player = Player(story, idle_limit=None)
    player.start(100)
    return player


def status(player: Player, rows: int = 10, cols: int = 200) -> str:
    return "".join(span.text for span in frame(player, SCREEN, rows, cols).rows[-1])


def test_time_goes_on_with_the_clock_as_fast_as_is_asked(player: Player) -> None:
    assert player.tick(100 + SECOND, 2 * SECOND) == SECOND
    assert player.wait(2 * SECOND) == SECOND + 1
    player.key(">")
    assert player.tick(100 + 2 * SECOND, 5 * SECOND) == 3 * SECOND
    player.key("space")
    assert player.tick(100 + 9 * SECOND, 5 * SECOND) == 3 * SECOND
    assert player.wait(5 * SECOND) is None


def test_at_full_speed_it_stands_where_the_next_output_is(player: Player) -> None:
    player.speed = MAX
    assert player.tick(100, 3 * SECOND) == 3 * SECOND
    assert player.tick(100, None) == player.story.length
    assert player.at_end


def test_a_pause_longer_than_the_limit_is_cut_and_told(player: Player) -> None:
    player.idle_limit = SECOND
    assert player.tick(100 + SECOND // 2, 6 * SECOND) == SECOND // 2
    assert player.message == ""
    assert player.tick(100 + SECOND, 6 * SECOND) == 6 * SECOND
    assert player.message == "» 6s without output, shortened"


def test_after_the_last_output_the_rest_of_the_session_passes_and_then_it_stops(player: Player) -> None:
    assert player.tick(100 + 6 * SECOND, None) == 6 * SECOND
    assert not player.at_end
    player.tick(100 + 60 * SECOND, None)
    assert (player.at_end, player.playing) == (True, False)


@pytest.mark.parametrize(
    ("keys", "at"),
    [
        ("right", 8 * SECOND), ("left", 0), ("up", 7 * SECOND + 3 * MS), ("g", 0), ("G", 7 * SECOND + 3 * MS),
        ("]", 3 * SECOND + 5 * MS), ("[", SECOND + 6 * MS), ("{", SECOND), ("}", 4 * SECOND),
        (": 5 0 % enter", (7 * SECOND + 3 * MS) // 2), (": + 2 enter", 5 * SECOND + 2 * MS),
        (": 0 1 : 0 1 enter", None),
        (": 0 3 : 0 4 : 0 7 Z enter", 2 * SECOND), (": 2 enter", 2 * SECOND),
    ],
)  # fmt: skip
def test_keys_go_to_places(player: Player, keys: str, at: int | None) -> None:
    player.time = 3 * SECOND + 2 * MS
    *before, last = keys.split()
    assert [player.key(key) for key in before] == [None] * len(before)
    request = player.key(last)
    assert request
    assert request.what == "seek"
    limit = player.story.length
    assert request.at == (limit if at is None else min(at, limit))


def test_what_is_no_time_is_told(player: Player) -> None:
    for line in ("noon", "%", "x%", "1e999%", "+"):
        player.key(":")
        for char in line:
            player.key(char)
        assert player.key("enter") is None
        assert player.message.startswith("no time")


def test_a_search_is_asked_for_and_repeated_both_ways(player: Player) -> None:
    assert player.key("n") is None
    for key in "/ab":
        player.key(key)
    assert player.key("enter") == Request("find", 0, "ab", True)
    assert player.key("N") == Request("find", 0, "ab", False)
    for key in "?c":
        player.key(key)
    assert player.key("enter") == Request("find", 0, "c", False)
    assert player.key("n") == Request("find", 0, "c", False)
    assert player.pattern
    assert player.pattern.search("ABC")


def test_marks_are_set_and_gone_to(player: Player) -> None:
    player.time = 3 * SECOND
    for key in "mx":
        player.key(key)
    player.time = 0
    player.key("'")
    assert player.key("x") == Request("seek", 3 * SECOND)
    player.key("'")
    assert player.key("y") is None
    assert player.message == "there is no mark y"


def test_holes_and_sizes_are_told_as_they_pass(player: Player) -> None:
    player.saw(Item(SECOND, missing=1234))
    assert "1,234 bytes of output are missing here" in status(player)
    player.saw(Item(SECOND, size=(50, 120)))
    assert "resized to 120x50" in status(player)


def test_what_was_told_is_taken_back_after_a_while(player: Player) -> None:
    player.saw(Item(0, missing=5))
    for seconds, told in ((1, True), (4, True), (7, False)):
        player.tick(100 + seconds * SECOND, 60 * SECOND)
        assert ("missing" in status(player)) == told


def test_the_status_line_tells_where_it_stands(player: Player) -> None:
    player.story.user = "alice"
    player.tick(100 + 2 * SECOND, 5 * SECOND)
    line = status(player)
    assert line.startswith(" ▶ 00:02/00:07 1x ")
    assert line.rstrip().endswith("2026-01-02T03:04:07Z  session 1 alice  $ ls -la")


@pytest.mark.parametrize("rows", [1, 2, 3, 10, 60])
@pytest.mark.parametrize("cols", [1, 2, 5, 13, 60, 300])
def test_a_frame_fits_the_terminal_whatever_is_shown(player: Player, rows: int, cols: int) -> None:
    from replay.player.cells import width

    for keys in ("", "t", "i", "h", "h/x"):
        for key in keys:
            player.key(key)
        drawn = frame(player, SCREEN, rows, cols)
        assert len(drawn.rows) == rows
        assert all(sum(width(span.text) for span in row) <= cols for row in drawn.rows)
        assert drawn.cursor is None or (0 <= drawn.cursor[0] < max(cols, 1) and 0 <= drawn.cursor[1] < rows)


def test_only_what_changed_is_drawn(player: Player) -> None:
    painter = Painter("UTF-8")
    first = painter.paint(frame(player, SCREEN, 10, 80))
    assert first.count(b"\x1b[K") == 10
    assert painter.paint(frame(player, SCREEN, 10, 80)) == b""
    player.message = "news"
    assert painter.paint(frame(player, SCREEN, 10, 80)).count(b"\x1b[K") == 1


def test_keys_are_known_by_what_terminals_send_for_them() -> None:
    assert decode(b" q\x1b[C\x1bOD\x1b[1;5C\x1b\r\x7f\xc3\xa9") == [
        "space", "q", "right", "left", "esc", "enter", "backspace", "é"
    ]  # fmt: skip


def test_every_key_of_the_help_is_in_the_docs() -> None:
    page = (DOCS / "replay.md").read_text()
    for keys, what in HELP:
        assert f"| `{keys}` | {what} |" in page, keys


def test_the_picture_of_the_player_shows_the_screen_and_the_commands(tmp_path: Path) -> None:
    path = tmp_path / "player.svg"
    picture(DOCS.parent / "tests" / "golden" / "v1-shell.ebpfaudit", "ls -la", path)
    texts = ["".join(text.itertext()) for text in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]
    assert "root@victim:~# ls -la" in texts
    assert any(text.startswith("│ 00:01 ls -la") for text in texts)


def test_while_it_plays_back_to_a_match_goes_before_the_one_it_has_just_passed(player: Player) -> None:
    for key in ("/", "a", "enter"):
        player.key(key)
    player.time = 5 * SECOND
    assert player.key("N") == Request("find", 4 * SECOND, "a", False)
    assert player.key("n") == Request("find", 5 * SECOND, "a", True)
    player.key("space")
    assert player.key("N") == Request("find", 5 * SECOND, "a", False)


@pytest.mark.parametrize("data", [b"\x1b", b"q\x1b[", b"\x1bO", b"\x1b[1;5"])
def test_the_rest_of_a_keys_sequence_is_waited_for(data: bytes) -> None:
    assert is_unfinished(data)


@pytest.mark.parametrize("data", [b"", b"q", b"\x1b[D", b"\x1bOD", b"\x1b[D["])
def test_a_whole_key_is_not_waited_for(data: bytes) -> None:
    assert not is_unfinished(data)


def test_a_picture_in_which_an_expression_runs_away_is_given_up(
    player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_TICK_SECONDS", 0.01)
    player.pattern = Expression("(a+)+$")
    rows = ((Span("", "a" * 40 + "!"),),)
    with watch.watched(player.pattern), pytest.raises(watch.TooSlow):
        frame(player, Screen((24, 80), rows, (3, 1)), 10, 80)


@pytest.mark.parametrize("line", ["(", "a{99999999999}"])
def test_what_is_no_expression_is_told(player: Player, line: str) -> None:
    for key in ("/", *line, "enter"):
        player.key(key)
    assert player.pattern is None
    assert player.message.startswith("not a regular expression: ")


@pytest.mark.parametrize(("time", "day"), [("23:50:00Z", "2026-01-01"), ("00:10:00.5Z", "2026-01-02")])
def test_a_time_of_day_before_the_start_is_one_of_the_next_day(tmp_path: Path, time: str, day: str) -> None:
    clock = {"monotonic": MONOTONIC, "realtime": parse_at("2026-01-01T23:45:00Z", 0)}
    log = start_shell(LogBuilder(clock=clock)).add("tty_out", 3600 * SECOND, data=b"x")
    with open_log(log.save(tmp_path / "s.ebpfaudit")) as opened:
        session = with_terminals(opened).sessions[0]
        player = Player(Story(opened, session, session.terminals[0], 1))
        for key in (":", *time):
            player.key(key)
        request = player.key("enter")
        assert request
        assert player.story.wall(request.at) == parse_at(f"{day}T{time}", 0)
