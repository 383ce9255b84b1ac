"""The safe filter: what draws passes, what talks to the terminal does not."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.safe import SafeFilter

DRAWS = [
    b"plain text\r\n\ttab \b back",
    "grüße, 世界 🙂".encode(),
    b"\x1b[0m\x1b[1;38;5;208mcolour\x1b[48:2::1:2:3m\x1b[m",
    b"\x1b[A\x1b[2B\x1b[C\x1b[10D\x1b[E\x1b[F\x1b[5G\x1b[1;1H\x1b[3;4f\x1b[7d\x1b[Z",
    b"\x1b[J\x1b[1J\x1b[2J\x1b[K\x1b[2K\x1b[?J\x1b[4X\x1b[3P\x1b[2L\x1b[M\x1b[5@\x1b[2S\x1b[T",
    b"\x1b[2;20r\x1b[r\x1b[s\x1b[u\x1b7\x1b8\x1bD\x1bM\x1bE\x1bH\x1bc\x1b[4h\x1b[4l",
    b"\x1b[?1049h\x1b[?1049l\x1b[?25l\x1b[?25h\x1b[?7l\x1b[?7h\x1b[?6h\x1b[?47h",
    b"\x1b(0lqk\x1b(B\x0e\x0f\x1b#8",
    b"x\x1b[12b",
]

ATTACKS = {
    "sets the title": b"\x1b]0;pwned\x07",
    "sets the title, ended by ST": b"\x1b]2;pwned\x1b\\",
    "writes the clipboard": b"\x1b]52;c;cm0gLXJmIC8K\x07",
    "makes a link": b"\x1b]8;;http://evil.example\x1b\\",
    "changes the palette": b"\x1b]4;0;rgb:ff/ff/ff\x07",
    "asks for the title (typed back as input)": b"\x1b[21t",
    "asks for the cursor": b"\x1b[6n",
    "asks for the device": b"\x1b[c\x1b[>c\x1b[=c\x1bZ",
    "asks for a setting": b"\x1bP$qm\x1b\\",
    "asks for a mode": b"\x1b[?1$p",
    "defines a key": b'\x1bP1;1|17/"rm -rf /"\x1b\\',
    "downloads a picture": b"\x1bPq#0;2;0;0;0~\x1b\\",
    "kitty graphics": b"\x1b_Gf=24,t=f;L2V0Yy9wYXNzd2Q=\x1b\\",
    "privacy message": b"\x1b^text\x1b\\",
    "start of string": b"\x1bXtext\x1b\\",
    "turns on mouse reports": b"\x1b[?1000h\x1b[?1003h\x1b[?1006h",
    "turns on focus reports": b"\x1b[?1004h",
    "turns on bracketed paste": b"\x1b[?2004h",
    "keyboard protocols": b"\x1b[>4;2m\x1b[>1u\x1b[=1;1u\x1b[?u",
    "prints on a printer": b"\x1b[5i\x1b[4i",
    "erases the reader's scrollback": b"\x1b[3J",
    "resizes the window": b"\x1b[8;1;1t",
    "locks the keyboard": b"\x1b[2h",
    "switches out of UTF-8": b"\x1b%@",
    "asks for 8-bit controls": b"\x1b G",
    "uses C1 controls": b"\x9b\x9d\x90\x85",
    "uses C1 controls in UTF-8": b"\xc2\x9b\xc2\x9d\xc2\x85",
    "rings": b"\a",
    "answers back": b"\x05",
    "a NUL": b"\0",
    "DEL": b"\x7f",
    "mouse tracking by CSI T": b"\x1b[1;1;1;1;1T",
    "graphics query by CSI S": b"\x1b[?1;1;0S",
}

ALLOWED = re.compile(
    rb"\x1b(?:\[(?:[0-9;]*[@A-IL-MPSTXZ`a-gr]|[0-9;:]*m|\??[0-2]?[JK]|4[hl]|\?[0-9;]+[hl]|[su])|[78DEMHc]|#[3-68]|[()*+][0AB])"
)
FRAGMENTS = st.sampled_from(
    [*DRAWS, *ATTACKS.values(), b"\x1b", b"\x1b[", b"\x1b]", b"\x1bP", b"1;2", b"\x18", b"\xe2\x82"]
)
STREAMS = st.lists(FRAGMENTS | st.binary(max_size=8), max_size=12).map(b"".join)


def once(data: bytes) -> bytes:
    return SafeFilter().feed(data)


@pytest.mark.parametrize("data", DRAWS)
def test_what_draws_passes_unchanged(data: bytes) -> None:
    assert once(data) == data


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_leaves_nothing(attack: bytes) -> None:
    assert once(b"before" + attack + b"after") == b"beforeafter"


def test_a_string_that_never_ends_is_dropped_without_keeping_it() -> None:
    safe = SafeFilter()
    assert safe.feed(b"a\x1b]52;c;") == b"a"
    for _ in range(100):
        assert safe.feed(b"A" * 10_000) == b""
    assert len(safe._held) < 300
    assert safe.feed(b"\x07b") == b"b"


def test_a_control_sequence_that_never_ends_is_dropped_without_keeping_it() -> None:
    safe = SafeFilter()
    for _ in range(100):
        assert safe.feed(b"\x1b[" + b"1;" * 5_000) == b""
    assert len(safe._held) < 300
    assert safe.feed(b"mtext") == b"text"


@pytest.mark.parametrize("abort", [b"\x18", b"\x1a"], ids=["CAN", "SUB"])
def test_can_and_sub_end_any_sequence(abort: bytes) -> None:
    assert once(b"\x1b[1" + abort + b"a\x1b]0;t" + abort + b"b\x1bPx" + abort + b"c") == b"abc"


def test_an_esc_within_a_sequence_begins_another() -> None:
    assert once(b"\x1b]0;title\x1b[1mbold") == b"\x1b[1mbold"
    assert once(b"\x1b[3\x1b[1mbold") == b"\x1b[1mbold"


def test_numbers_are_bounded() -> None:
    assert once(b"x\x1b[4000000000b\x1b[99999999A") == b"x\x1b[1000b\x1b[9999A"
    assert once(b"\x1b[" + b"1;" * 40 + b"m") == b""


def test_of_several_modes_only_the_allowed_pass() -> None:
    assert once(b"\x1b[?12;25h\x1b[?1000;1049;2004h") == b"\x1b[?25h\x1b[?1049h"


def test_bytes_that_are_no_utf8_show_as_replacement_characters() -> None:
    assert once(b"a\xffb\xe2\x82c\xed\xa0\x80") == "a\ufffdb\ufffdc\ufffd\ufffd".encode()


def test_a_character_cut_in_two_is_put_together() -> None:
    safe = SafeFilter()
    assert [safe.feed(b"\xe2"), safe.feed(b"\x82"), safe.feed(b"\xac!")] == [b"", b"", "€!".encode()]


@given(STREAMS, st.data())
def test_how_the_stream_is_cut_changes_nothing(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    safe = SafeFilter()
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert b"".join(map(safe.feed, pieces)) == once(stream)


COMMON = st.lists(
    st.sampled_from(
        [*DRAWS, "é世".encode(), b"\x1b[3", b"1m", b"\xc3", b"\xa9", b"\xc2\x9b", b"\x1b[;5H", b"\x1b[1001b"]
    ),
    max_size=8,
).map(b"".join)


@given(COMMON)
def test_what_passes_at_a_glance_passes_byte_by_byte(stream: bytes) -> None:
    safe = SafeFilter()
    assert once(stream) == b"".join(safe.feed(stream[at : at + 1]) for at in range(len(stream)))


@given(STREAMS)
def test_every_sequence_that_comes_out_is_on_the_list(stream: bytes) -> None:
    rest = ALLOWED.sub(b"", once(stream))
    assert not re.search(rb"[\x00-\x07\x10-\x1f\x7f]", rest)
    assert not re.search("[\x80-\x9f]", rest.decode())


@given(STREAMS)
def test_filtering_twice_is_filtering_once(stream: bytes) -> None:
    assert once(once(stream)) == once(stream)
