"""Terminal output as plain text."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.plain import PlainText
from tests.support.cli import Cli
from tests.support.logs import SECOND, LogBuilder, start_shell


def plain(*pieces: bytes) -> str:
    text = PlainText()
    return "".join(map(text.feed, pieces)) + text.flush()


@pytest.mark.parametrize(
    ("recorded", "shown"),
    [
        (b"one\r\ntwo\r\n", "one\ntwo\n"),
        (b"no newline", "no newline"),
        (b"\x1b[1;31mred\x1b[0m\r\n", "red\n"),
        (b"lx\b\x1b[Ks\r\n", "ls\n"),
        (b"10%\r100%\r\n", "100%\n"),
        (b"abc\b\b\x1b[1P\r\n", "ac\n"),
        (b"ac\b\x1b[1@b\r\n", "abc\n"),
        (b"\x1b]0;title\x07$ \x1b[?2004hls\r\n", "$ ls\n"),
        (b"\x1b[2J\x1b[1;1Htop\x1b[2;1Hbottom\r\n", "top\nbottom\n"),
        ("grüße\r\n".encode(), "grüße\n"),
        (b"+-\x1b[3b+\x1b[b|\r\n", "+----++|\n"),
        (b"-\t\x1b[3b|\x1b[1m\x1b[2b\r\n", "-\t|||\n"),
        ("世\x1b[1b\r\n\x1b[9b|\r\n".encode(), "世世\n|\n"),
    ],
)
def test_a_line_reads_as_it_stood_when_it_was_left(recorded: bytes, shown: str) -> None:
    assert plain(recorded) == shown


@given(st.lists(st.sampled_from([b"\x1b[", b"\x1b]", b"1", b"K", b"a", b"\n", b"\r", b"\b"]) | st.binary(max_size=5)))
def test_no_control_sequence_ever_comes_out(pieces: list[bytes]) -> None:
    assert all(c in "\n\t" or (c >= " " and not "\x7f" <= c < "\xa0") for c in plain(*pieces))


@given(
    st.lists(
        st.sampled_from(
            [b"\x1b[1m", b"\x1b[", b"K", b"a", b"\n", b"\r\n", b"\r", b"\x1b]0;", b"\x07", b"\xc3", b"\xa9"]
        )
    )
)
def test_whole_lines_read_as_they_do_byte_by_byte(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    assert plain(whole) == plain(*(whole[at : at + 1] for at in range(len(whole))))


WORD = b"payments-and-orders"
AT_MARGIN = b"$ " + b"x" * (78 - len(b"payments-"))
"""What of a line of 80 columns stands before a word of which the second part goes into the next row."""


@pytest.mark.parametrize(
    "typed",
    [
        AT_MARGIN + b"payments- \rand-orders\r\n",
        AT_MARGIN + b"payments- \r\x1b[Ka\rand-orders\x1b[?2004l\r\r\n",
        AT_MARGIN + b"payments-and-ordrs\r\x1b[7Cers\r\n",
        AT_MARGIN + b"payments-and-ordrs\b\b\x1b[1@e\r\n",
        AT_MARGIN + b"payments-and-oorders\b\b\b\b\b\b\x1b[P\r\n",
        AT_MARGIN + b"payments-and-order \x1b[1K\r\x1b[@and-orders\x1b[K\r\n",
    ],
    ids=["bash", "zsh", "return", "insert", "delete", "erase"],
)
def test_a_line_that_its_editor_wrapped_is_one_line(typed: bytes) -> None:
    text = PlainText(80)
    assert text.feed(typed) == (AT_MARGIN + WORD).decode() + "\n"


def test_a_line_is_wrapped_where_the_terminal_is_as_wide_then(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    log.add("tty_out", SECOND, data=AT_MARGIN + b"payments- \rand-orders\r\n")
    log.add("tty_resize", 2 * SECOND, tty=1, rows=24, cols=40)
    log.add("tty_out", 3 * SECOND, data=b"$ " + b"y" * 38 + b" \rz\r\n")
    shown = f"{(AT_MARGIN + WORD).decode()}\n$ {'y' * 38}z\n"
    assert cli("replay", log.save(tmp_path / "s.ebpfaudit")).text == shown


def test_wide_characters_tabs_and_accents_take_their_columns() -> None:
    text = PlainText(20)
    assert text.feed("世界\te\x1b[1m\u0301\x1b[m\t1234 \r567\r\n".encode()) == "世界\te\u0301\t1234567\n"
    assert text.feed(b"a\tb\rc\td\r\n") == "c\td\n"
    assert text.feed(f"{'x' * 19}世 \b\b\by\r\n".encode()) == f"{'x' * 19}y\n"


def test_what_would_move_or_hide_other_text_is_an_escape_in_a_pipe(cli: Cli, tmp_path: Path) -> None:
    data = "user\u202e // nimda\r\nro\u200bot\ta\u2028b caf\u00e9 \U0001f600\r\n".encode()
    log = start_shell(LogBuilder()).add("tty_out", SECOND, data=data).save(tmp_path / "s.ebpfaudit")
    assert cli("replay", log).text == "user\\u202e // nimda\nro\\u200bot\ta\\u2028b caf\u00e9 \U0001f600\n"


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (["--from", "2"], "two\nthree\n"),
        (["--to", "2.5"], "one\ntwo\n"),
        (["--from", "1.5", "--to", "2026-01-02T03:04:07Z"], "two\n"),
    ],
)
def test_a_part_of_a_session_is_that_part_in_a_pipe(cli: Cli, tmp_path: Path, part: list[str], shown: str) -> None:
    log = start_shell(LogBuilder())
    for at, line in enumerate((b"one\r\n", b"two\r\n", b"three\r\n"), 1):
        log.add("tty_out", at * SECOND, data=line)
    assert cli("replay", log.save(tmp_path / "s.ebpfaudit"), *part).text == shown


@pytest.mark.parametrize(
    "keys",
    [[AT_MARGIN + b"payments-\r\r\nand-orders\r\n"], [AT_MARGIN + b"payments-", b"\r\r\n", b"and-", b"orders\r\n"]],
    ids=["at once", "typed"],
)
def test_a_line_that_its_editor_takes_into_the_next_row_by_a_line_end_is_one_line(keys: list[bytes]) -> None:
    text = PlainText(80)
    rows = b"x" * 80 + b"\r\r\n"
    assert "".join(map(text.feed, [*keys, rows, rows, b"y", b"\r\n"])).splitlines() == [
        (AT_MARGIN + WORD).decode(),
        "x" * 160 + "y",
    ]


def test_a_line_end_elsewhere_than_at_the_margin_is_one() -> None:
    text = PlainText(80)
    assert text.feed(b"HTTP/1.1 200 OK\r\r\nServer: x\r\r\n") == "HTTP/1.1 200 OK\nServer: x\n"
    assert text.feed(b"z" * 80 + b" \r\x1b[K\r\r\n" + b"z" * 80 + b"\r\nnext\r\n") == ("z" * 80 + "\n") * 2 + "next\n"


def test_what_there_is_of_a_line_of_several_rows_comes_out_where_it_breaks_off() -> None:
    text = PlainText(80)
    assert text.feed(b"x" * 80 + b"\r\r\ny") == ""
    assert text.flush() == "x" * 80 + "y"
    assert text.feed(b"z\n") == "z\n"
    assert "".join(text.feed(b"x" * 80 + b"\r\r\n") for _ in range(2000)).count("\n") > 1


@pytest.mark.parametrize("cols", [80, 60_000, 0])
@pytest.mark.parametrize("sequence", ["9999@", "9999P", "9999X", "9999C", "9999G", "1K", "2K"])
def test_no_sequence_makes_a_line_longer_than_the_row_that_it_is_in(sequence: str, cols: int) -> None:
    text = PlainText(cols)
    shown = text.feed(b"x\r" + f"\x1b[{sequence}".encode() * 50 + b"y\n")
    assert len(shown) <= (cols if cols == 80 else 1000) + 1


@pytest.mark.parametrize(("cols", "most"), [(80, 80), (60_000, 1000), (0, 1000)])
def test_a_character_that_is_repeated_fills_its_row_at_most(cols: int, most: int) -> None:
    assert PlainText(cols).feed(b"x" + b"\x1b[9999b" * 50 + b"\n") == most * "x" + "\n"


def test_a_line_without_end_comes_out_in_parts() -> None:
    text = PlainText()
    assert sum(len(text.feed(b"x" * 1000)) for _ in range(200)) > 100_000
