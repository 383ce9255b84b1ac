"""The parser of bpf/event.h, and the decoders that it makes."""

import struct

import pytest

from recorder import events

TEXT = """
#define TAIL(name) __u32 name##_size

enum event_type {
	EVENT_BEGIN = 1, /* it began */
	EVENT_TALK = 3, /* something was said */
};

enum colour {
	RED = 4, /* like blood */
};

struct event_header {
	__u64 time; /* ns */
	__u64 seq; /* number */
	__u32 type; /* enum event_type */
	__u32 target; /* whose */
	__u32 session; /* which */
	__u32 pid; /* who */
};

struct begin_event {
	struct event_header h;
	__u16 rows; /* height */
	__u16 cols; /* width */
	__u32 reserved; /* 0 */
};

struct talk_event {
	struct event_header h;
	__u64 offset; /* where */
	TAIL(name); /* of the speaker */
	TAIL(words); /* what was said */
};
"""
HEADER = struct.pack("=QQIIII", 10, 11, 3, 12, 13, 14)


def test_layouts_are_read_from_the_header() -> None:
    layouts = events.parse(TEXT)
    assert list(layouts) == [1, 3]
    assert (layouts[3].name, layouts[3].about) == ("talk", "something was said")
    assert layouts[3].fields == ("time", "seq", "target", "session", "pid", "offset", "name", "words")
    assert layouts[1].fields[5:] == ("rows", "cols")
    assert [layout.fixed.size for layout in layouts.values()] == [40, 48]
    assert events.parse_enums(TEXT)["colour"] == {"RED": (4, "like blood")}


def test_an_event_is_decoded_with_its_tails() -> None:
    decode = events.parse(TEXT)[3].decoder()
    raw = b"....." + HEADER + struct.pack("=QII", 99, 2, 3) + b"meyou" + b"rest"
    assert decode(raw, 5) == [3, 10, 11, 12, 13, 14, 99, b"me", b"you"]


def test_an_event_without_tails_is_decoded() -> None:
    decode = events.parse(TEXT)[1].decoder()
    assert decode(HEADER + struct.pack("=HHI", 24, 80, 0), 0) == [1, 10, 11, 12, 13, 14, 24, 80]


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("a type of no fixed width", "\t__u16 rows;", "\tint rows;"),
        ("a pointer", "\t__u16 rows;", "\t__u16 *rows;"),
        ("an array", "\t__u16 rows;", "\t__u16 rows[2];"),
        ("a type that does not exist", "\t__u16 rows;", "\t__u12 rows;"),
        ("two fields in a line", "\t__u16 rows;", "\t__u16 rows; __u16 more;"),
        ("a field without a comment", " /* height */", ""),
        ("a comment of its own", "\t__u16 rows;", "\t/* about rows */\n\t__u16 rows;"),
        ("a field after a tail", "\tTAIL(words);", "\t__u32 words;"),
        ("a field that is not aligned", "\t__u64 offset;", "\t__u32 one; /* x */\n\t__u64 offset;"),
        ("reserved in the middle", "\t__u32 reserved; /* 0 */\n", "\t__u32 reserved; /* 0 */\n\t__u64 more; /* x */\n"),
        ("a size that is no multiple of 8", "\t__u32 reserved; /* 0 */\n", ""),
        ("an event without a struct", "struct talk_event", "struct talking_event"),
        ("a struct without the header", "\tstruct event_header h;\n\t__u16", "\t__u16"),
    ],
)  # fmt: skip
def test_a_header_that_breaks_the_rules_is_refused(rule: str, good: str, bad: str) -> None:
    assert good in TEXT
    with pytest.raises(ValueError, match=r"event\.h"):
        events.parse(TEXT.replace(good, bad, 1))


def test_type_numbers_and_names_are_unique() -> None:
    layouts = events.layouts()
    assert len({layout.name for layout in layouts.values()}) == len(layouts)
    assert events.header_entries().keys() == {layout.name for layout in layouts.values()}


def test_every_event_and_field_is_explained() -> None:
    for layout in events.layouts().values():
        assert layout.about
        for field in (*layout.header, *layout.own, *layout.tails):
            assert field.about, f"{layout.name}.{field.name}"
