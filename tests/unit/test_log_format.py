"""The log: what is written is read back, what was changed is found out, and what is hostile costs little."""

import hashlib
import itertools
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from recorder import events
from recorder.log import codec, format
from recorder.log.errors import BadLog, NewerLog
from recorder.log.events import Event, decode_block
from recorder.log.format import BYTE_LANE, PROCESS_LANE, Block, End
from recorder.log.reader import Log, open_log, read_ends
from recorder.log.stream import Stream
from recorder.log.writer import LogWriter
from tests.support.logs import LogBuilder, header, shell_session
from tests.unit import tiny_reader

GOLDEN = Path(__file__).parents[1] / "golden"
LAYOUTS = events.layouts()
TYPES = {layout.name: number for number, layout in LAYOUTS.items()}
ROOT = Path(__file__).parents[2]

numbers = st.integers(0, (1 << 64) - 1)


@st.composite
def an_event(draw: st.DrawFn) -> list[Any]:
    """Any event, in the form that a writer takes, its time apart."""
    layout = draw(st.sampled_from(list(LAYOUTS.values())))
    seq = draw(st.none() | numbers)
    own = [draw(numbers) for _ in layout.own] + [draw(st.binary(max_size=50)) for _ in layout.tails]
    return [layout.type, 0, seq, draw(st.integers(0, 9)), draw(st.integers(0, 3)), draw(st.integers(0, 99)), *own]


def expected(event: list[Any], lane: str) -> Event:
    kind, time, seq, target, session, pid, *own = event
    layout = LAYOUTS[kind]
    return Event(time, layout.name, seq, target, session, pid, dict(zip(layout.fields[5:], own, strict=True)), lane)


def small(split: int = 4) -> bytes:
    """A small whole log of several blocks in both lanes."""
    return shell_session().build(split=split)


def save(tmp_path: Path, log: bytes) -> Path:
    path = tmp_path / "log.ebpfaudit"
    path.write_bytes(log)
    return path


def opened(tmp_path: Path, log: bytes) -> Log:
    return open_log(save(tmp_path, log))


def read(log: Log) -> list[Event]:
    """All events of a log, which is closed then."""
    with log:
        return list(log.events())


def streamed(pieces: Sequence[bytes]) -> list[object]:
    stream = Stream()
    return [parsed for piece in pieces for _, parsed in stream.feed(piece)]


def chained(*objects: dict[str, Any], **changes: Any) -> bytes:
    """A log of a header and these objects, each with a digest and a `previous` that fit."""
    fields = {"format": format.FORMAT, "version": list(format.VERSION), **header(), **changes}
    packed, previous = format.seal(fields)
    for value in objects:
        more, previous = format.seal({**value, "previous": previous})
        packed += more
    return packed


def block(data: bytes, number: int = 0, **changes: Any) -> dict[str, Any]:
    """A block that holds `data`."""
    return {
        "block": number, "lane": PROCESS_LANE, "first": 1, "last": 1, "events": 1, "sessions": [1],
        "codec": "none", "size": len(data), "data": data, **changes,
    }  # fmt: skip


# What is written is read.


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), an_event(), st.booleans()), max_size=30))
def test_events_come_back_as_they_were_written_in_order_of_time(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[bool, int, list[Any], bool]]
) -> None:
    written: list[bytes] = []
    log = LogWriter(written.append, header())
    lanes: dict[str, list[Event]] = {PROCESS_LANE: [], BYTE_LANE: []}
    time = 0
    for is_bytes, later, event, flush in steps:
        time += later
        event[1] = time
        lane = BYTE_LANE if is_bytes else PROCESS_LANE
        log.add(lane, [event])
        lanes[lane].append(expected(event, lane))
        if flush:
            log.flush()
    log.end("stopped", {"sessions": 7})
    path = tmp_path_factory.mktemp("log") / "log.ebpfaudit"
    path.write_bytes(b"".join(written))
    with open_log(path) as reading:
        assert reading.damage is None
        assert reading.end
        assert (reading.end.reason, reading.end.totals["sessions"]) == ("stopped", 7)
        assert reading.end.totals["events"] == len(steps)
        for lane, found in lanes.items():
            assert list(reading.events(lane)) == found
        merged = list(reading.events())
        assert [e.time for e in merged] == sorted(e.time for e in merged)
        assert len(merged) == len(steps)
        for session in range(4):
            assert list(reading.events(session=session)) == [e for e in merged if e.session == session]
    assert read_ends(path) == (reading.header, reading.end)


def test_a_block_is_written_when_it_is_full() -> None:
    written: list[bytes] = []
    log = LogWriter(written.append, header())
    out = [TYPES["tty_out"], 5, 0, 1, 1, 0, 0, 1, bytes(4096)]
    log.add(BYTE_LANE, [out] * 63)
    assert len(written) == 1  # the header
    log.add(BYTE_LANE, [out])
    assert len(written) == 2
    assert log.events == 64


def test_bytes_that_zstd_makes_larger_are_stored_as_they_are() -> None:
    noise = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(100))
    log = LogBuilder().add("tty_out", 0, data=noise).build()
    blocks = [parsed for parsed in streamed([log]) if isinstance(parsed, Block)]
    assert [b.codec for b in blocks] == ["none"]


# What was changed is found out.


def test_a_log_cut_anywhere_reads_up_to_its_last_whole_block_and_says_that_it_is_cut(tmp_path: Path) -> None:
    objects = shell_session().objects(split=8)
    whole = b"".join(objects)
    with opened(tmp_path, whole) as log:
        decoded: list[list[Event]] = [[]]
        for parsed in streamed([whole]):
            if isinstance(parsed, Block):
                decoded.append([*decoded[-1], *decode_block(log.header, parsed)])
    ends = [sum(map(len, objects[: n + 1])) for n in range(len(objects))]
    for size in range(len(whole)):
        path = save(tmp_path, whole[:size])
        if size < ends[0]:
            with pytest.raises(BadLog, match="empty" if size == 0 else "cut within its header"):
                open_log(path)
            continue
        with open_log(path) as log:
            assert log.damage
            assert log.damage.cut
            assert log.end is None
            blocks = sum(end <= size for end in ends[1:])
            assert log.damage.offset == ends[blocks]
            if size in ends or size + 1 in ends:
                assert sorted(log.events(), key=repr) == sorted(decoded[blocks], key=repr)


def test_a_change_of_any_byte_is_found_out(tmp_path: Path) -> None:
    whole = LogBuilder().add("tty_out", 0, data=b"x").add("exit", 1).build()
    for at in range(len(whole)):
        for change in (1 << at % 8, 0xFF):
            changed = bytearray(whole)
            changed[at] ^= change
            try:
                with opened(tmp_path, bytes(changed)) as log:
                    assert log.damage, (at, change)
            except (BadLog, NewerLog):
                pass


@pytest.mark.parametrize("what", ["left out", "twice", "exchanged"])
def test_a_block_that_is_not_where_it_belongs_is_found_out(tmp_path: Path, what: str) -> None:
    head, one, two, *rest = shell_session().objects(split=4)
    changed = {"left out": [head, two, *rest], "twice": [head, one, one, two, *rest], "exchanged": [head, two, one]}
    with opened(tmp_path, b"".join([*changed[what]])) as log:
        assert log.damage
        assert not log.damage.cut
        assert "does not follow" in log.damage.reason


def test_a_block_after_the_end_record_is_found_out(tmp_path: Path) -> None:
    ended = {"end": "stopped", "time": 1}
    with opened(tmp_path, chained(ended, block(b"\xc0"))) as log:
        assert log.damage
        assert "after the end record" in log.damage.reason


def test_a_block_of_another_log_is_found_out(tmp_path: Path) -> None:
    ours, theirs = shell_session().objects(), LogBuilder(recording="another").add("exit", 3).objects()
    with opened(tmp_path, ours[0] + theirs[1]) as log:
        assert log.damage
        assert list(log.events()) == []


def test_bytes_after_the_end_are_found_out(tmp_path: Path) -> None:
    with opened(tmp_path, small() + b"\xc1") as log:
        assert log.damage
        assert not log.damage.cut
        assert log.end


# What another version wrote.


def test_a_newer_major_version_is_refused_by_its_number(tmp_path: Path) -> None:
    path = save(tmp_path, chained(version=[2, 3]))
    with pytest.raises(NewerLog, match=r"version 2\.3"):
        open_log(path)
    with pytest.raises(NewerLog):
        read_ends(path)
    with pytest.raises(NewerLog):
        streamed([path.read_bytes()])


def test_a_newer_minor_version_is_read_with_its_unknown_parts_passed_through(tmp_path: Path) -> None:
    named = {
        **events.header_entries(),
        "guess": {"type": 99, "fields": ["time", "seq", "target", "session", "pid", "x"]},
    }
    exit_fields = [*named["exit"]["fields"], "later"]  # type: ignore[misc]
    named["exit"] = {"type": TYPES["exit"], "fields": exit_fields}
    data = b"".join(
        map(codec.pack, [
            [99, 1, 0, 1, 1, 7, b"new"],
            [100, 2, 1, 1, 1, 7, "no name"],
            [TYPES["exit"], 3, 2, 1, 1, 7, 0, 4, 0, {"deep": [1]}],
        ])
    )  # fmt: skip
    ended = {"end": "new reason", "time": 9, "later": 3}
    unknown = {"signature": b"s"}
    log = chained(block(data, events=3, last=3, later="x"), ended, unknown, version=[1, 9], events=named, more=[1])
    with opened(tmp_path, log) as reading:
        assert reading.damage is None
        found = list(reading.events())
        assert reading.header.raw["more"] == (1,)
        assert reading.end
        assert reading.end.totals["later"] == 3
        assert read_ends(reading.path) == (reading.header, reading.end)
    assert found[0] == Event(1, "guess", 0, 1, 1, 7, {"x": b"new"}, PROCESS_LANE)
    assert found[1] == Event(2, "type 100", 1, 1, 1, 7, {}, PROCESS_LANE)
    assert found[2].fields == {"start_time": 0, "exit_code": 4, "signal": 0, "later": {"deep": (1,)}}
    assert streamed([log])[-1] is None


def test_an_unknown_object_that_is_not_in_the_chain_is_damage(tmp_path: Path) -> None:
    with opened(tmp_path, chained() + codec.pack({"note": "put in by somebody"})) as reading:
        assert reading.damage
        assert not reading.damage.cut


def test_fields_that_an_older_version_did_not_write_are_missing(tmp_path: Path) -> None:
    data = codec.pack([TYPES["exit"], 3, 2, 1, 1, 7, 0])
    (found,) = read(opened(tmp_path, chained(block(data, first=3, last=3))))
    assert found.fields == {"start_time": 0}


@pytest.mark.parametrize(
    "lie",
    [{"sessions": []}, {"sessions": [1, 2]}, {"events": 2}, {"first": 2}, {"last": 4}],
    ids=lambda lie: f"{next(iter(lie))}={next(iter(lie.values()))}",
)
def test_a_block_that_holds_others_than_it_says_cannot_be_read_on(tmp_path: Path, lie: dict[str, Any]) -> None:
    data = codec.pack([TYPES["exit"], 3, 2, 1, 1, 7, 0])
    log = opened(tmp_path, chained(block(data, **{"first": 3, "last": 3, **lie})))
    with log, pytest.raises(BadLog, match="block 0 holds other events than it says"):
        list(log.events())


# What is hostile.


NESTED = b"\x91" * 5000 + b"\xc0"
MANY_MAPS = (b"\xdc\xff\xff" + b"\x80" * 65535) * 60
MANY_SEALED_MAPS = (b"\xdd\x00\x01\x00\x00" + (b"\x81\xa6sha256\xc0" + b"\x80" * 8191) * 8) * 60
MANY_STRINGS = b"\xdc\x00\x14" + (b"\xdc\xff\xff" + b"\xa2ab" * 65535) * 20
FRAME_OF_A_PETABYTE = b"\x28\xb5\x2f\xfd\xe0" + (1 << 50).to_bytes(8, "little") + b"\x01\x00\x00"


def bomb(size: int) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(bytes(size))


CONTENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "no msgpack": lambda: block(b"\xc1"),
    "a cut event": lambda: block(b"\x96\x01"),
    "no event": lambda: block(b"\x01"),
    "an event that is a text": lambda: block(codec.pack("abcdefgh")),
    "an event that is a map": lambda: block(codec.pack(dict.fromkeys("abcdef"))),
    "an event of few elements": lambda: block(codec.pack([1, 2, 3])),
    "an event without a time": lambda: block(codec.pack([1, None, 0, 1, 1, 1])),
    "an event of a list's type": lambda: block(codec.pack([[{}], 1, 0, 1, 1, 1])),
    "deep nesting": lambda: block(NESTED),
    "a map as a key": lambda: block(b"\x81\x80\x01"),
    "an array of 4 billion": lambda: block(b"\xdd\xff\xff\xff\xff"),
    "a map of 4 billion": lambda: block(b"\xdf\xff\xff\xff\xff"),
    "4 GB of bytes": lambda: block(b"\xc6\xff\xff\xff\xff"),
    "4 GB of text": lambda: block(b"\xdb\xff\xff\xff\xff"),
    "millions of maps": lambda: block(MANY_MAPS),
    "a short time stamp": lambda: block(b"\xc7\x01\xff\x00"),
    "no zstd": lambda: block(b"abc", codec="zstd"),
    "an unknown codec": lambda: block(b"abc", codec="brotli"),
    "a wrong size": lambda: block(b"abc", size=4),
    "a zip bomb": lambda: block(bomb(1 << 30), codec="zstd", size=1000),
    "a frame of a petabyte": lambda: block(FRAME_OF_A_PETABYTE, codec="zstd", size=1000),
    "a frame of another size": lambda: block(bomb(100), codec="zstd", size=101),
}


@pytest.mark.parametrize("what", CONTENTS)
def test_a_block_that_holds_nonsense_ends_in_one_clear_error(tmp_path: Path, what: str) -> None:
    with opened(tmp_path, chained(CONTENTS[what]())) as log:
        assert log.damage
        assert log.damage.reason == "the file ends without an end record"
        with pytest.raises(BadLog, match=r"log\.ebpfaudit: block 0 .+"):
            list(log.events())


OBJECTS: dict[str, bytes] = {
    "a number": b"\x01",
    "no msgpack": b"\xc1",
    "deep nesting": NESTED,
    "an array of 4 billion": b"\xdd\xff\xff\xff\xff",
    "4 GB of bytes": b"\xc6\xff\xff\xff\xff",
    "a map as a key": b"\x81\x80\x01",
    "millions of maps": b"\xdc\x00\x3c" + MANY_MAPS,
    "millions of maps, each with a map that looks like an object": b"\xdc\x00\x3c" + MANY_SEALED_MAPS,
    "millions of strings": MANY_STRINGS,
    "a block of 1 EB": codec.pack({**block(b""), "size": 1 << 60}),
    "a block without data": codec.pack({"block": 0}),
    "a block without sessions": codec.pack({**block(b""), "sessions": None}),
    "an end without a digest": codec.pack({"end": "x", "time": 1}),
    "a text as a number": codec.pack({**block(b""), "size": "7"}),
}


@pytest.mark.parametrize("what", OBJECTS)
def test_an_object_that_is_nonsense_is_damage_with_its_place(tmp_path: Path, what: str) -> None:
    head = chained()
    with opened(tmp_path, head + OBJECTS[what]) as log:
        assert log.damage
        assert log.damage.offset == len(head)
        assert str(len(head)) in log.damage.reason


@pytest.mark.parametrize("what", ["a number", "no msgpack", "deep nesting", "4 GB of bytes", "millions of maps"])
def test_a_file_that_is_nonsense_is_no_log(tmp_path: Path, what: str) -> None:
    path = save(tmp_path, OBJECTS[what])
    for reads in (open_log, read_ends):
        with pytest.raises(BadLog, match=r"log\.ebpfaudit: "):
            reads(path)


HEADERS: dict[str, dict[str, Any]] = {
    "another format": {"format": "tar"},
    "no version": {"version": None},
    "a version of three numbers": {"version": [1, 0, 0]},
    "no clock": {"clock": None},
    "a text as a time": {"clock": {"monotonic": "x", "realtime": 1}},
    "targets that are a map": {"targets": {}},
    "a target that is a number": {"targets": [1]},
    "fields that are no names": {"events": {"exec": {"type": 1, "fields": [1]}}},
    "an event that is a number": {"events": {"exec": 1}},
    "an event without a type": {"events": {"exec": {"fields": []}}},
}


@pytest.mark.parametrize("what", HEADERS)
def test_a_header_that_is_nonsense_is_one_clear_error(tmp_path: Path, what: str) -> None:
    path = save(tmp_path, chained(**HEADERS[what]))
    for reads in (open_log, read_ends):
        with pytest.raises(BadLog, match=r"log\.ebpfaudit: (not a log|the header)"):
            reads(path)


_MEASURE = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from recorder.log.errors import BadLog
from recorder.log.reader import open_log
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    with open_log(Path(sys.argv[2])) as log:
        for event in log.events():
            pass
except BadLog:
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(
    "hostile",
    [
        lambda: chained() + OBJECTS["millions of maps"],
        lambda: chained() + b"\xdc\x00\x3c" + MANY_SEALED_MAPS,
        lambda: chained() + OBJECTS["millions of strings"],
        lambda: chained(block(MANY_MAPS)),
        lambda: chained(block(MANY_STRINGS[:-9])),
        lambda: chained(block(bomb(1 << 30), codec="zstd", size=4 << 20)),
        lambda: (
            b"\xdf\x00\x00\xff\xff" + b"".join(codec.pack(n) + b"\xc6\x00\x3f\xff\xff" + bytes(10) for n in range(9))
        ),
    ],
)
def test_a_hostile_log_costs_bounded_memory(tmp_path: Path, hostile: Callable[[], bytes]) -> None:
    path = save(tmp_path, hostile())
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(ROOT), str(path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 200 << 10, f"{int(done.stdout) >> 10} MB for a log of {path.stat().st_size} bytes"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_log_or_one_clear_error(data: bytes) -> None:
    stream = Stream()
    try:
        for _ in stream.feed(data):
            pass
    except (BadLog, NewerLog):
        return
    assert stream.header is None


@given(st.binary(max_size=60))
def test_any_bytes_in_a_block_are_events_or_one_clear_error(data: bytes) -> None:
    head, parsed = streamed([chained(block(data))])
    assert isinstance(parsed, Block)
    try:
        list(decode_block(head, parsed))  # type: ignore[arg-type]
    except BadLog:
        return


# A log that arrives.


@given(st.lists(st.integers(0, 5000), max_size=12))
def test_a_stream_in_any_pieces_gives_the_same_objects(cuts: list[int]) -> None:
    whole = small()
    places = sorted({0, len(whole), *(c for c in cuts if c < len(whole))})
    stream = Stream()
    kept = b""
    found = []
    for start, end in itertools.pairwise(places):
        for raw, parsed in stream.feed(whole[start:end]):
            kept += raw
            found.append(parsed)
        assert kept + bytes(0) == whole[: len(kept)]
        assert len(kept) + stream.pending == end
    assert found == streamed([whole])
    assert kept == whole
    assert isinstance(stream.end, End)


def test_a_stream_byte_by_byte_gives_the_same_objects() -> None:
    whole = small()
    assert streamed([whole[i : i + 1] for i in range(len(whole))]) == streamed([whole])


def test_a_stream_that_was_changed_gives_what_came_before_and_an_error() -> None:
    objects = shell_session().objects(split=4)
    broken = bytearray(objects[2])
    broken[-40] ^= 1
    stream = Stream()
    found = stream.feed(b"".join([*objects[:2], bytes(broken), *objects[3:]]))
    assert [next(found)[0], next(found)[0]] == objects[:2]
    with pytest.raises(BadLog, match="damaged"):
        next(found)


# Ends.


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.ebpfaudit")), ids=lambda p: p.stem)
def test_the_ends_alone_say_the_same_as_the_whole_log(path: Path) -> None:
    with open_log(path) as log:
        assert read_ends(path) == (log.header, log.end)


def test_a_damaged_end_record_is_none(tmp_path: Path) -> None:
    whole = bytearray(small())
    whole[-50] ^= 1
    path = save(tmp_path, bytes(whole))
    assert read_ends(path)[1] is None
    with open_log(path) as log:
        assert log.end is None


# The format is enough to write a reader from.


def as_tiny(event: Event) -> tuple[str, dict[str, Any]]:
    header = {"time": event.time, "seq": event.seq, "target": event.target, "session": event.session, "pid": event.pid}
    return event.type, {**header, **event.fields}


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.ebpfaudit")), ids=lambda p: p.stem)
def test_a_reader_of_60_lines_agrees_with_the_real_one(path: Path) -> None:
    with open_log(path) as log:
        ours = sorted(map(as_tiny, log.events()), key=repr)
    assert sorted(tiny_reader.events(path.read_bytes()), key=repr) == ours
    assert ours


def test_the_small_reader_is_small_and_stands_alone() -> None:
    text = (Path(__file__).parent / "tiny_reader.py").read_text()
    assert len(text.splitlines()) < 60
    imported = {line.split()[1].split(".")[0] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert imported == {"hashlib", "sys", "collections", "typing", "msgpack", "zstandard"}


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_the_small_reader_finds_a_change(at: int, change: int) -> None:
    whole = bytearray(small())
    whole[at % len(whole)] ^= change
    try:
        changed = list(tiny_reader.objects(bytes(whole)))
    except (ValueError, KeyError, TypeError, AttributeError, msgpack.UnpackException):
        return
    assert len(changed) < len(list(tiny_reader.objects(small())))


def test_events_with_several_long_tails_still_make_blocks_that_can_be_read(tmp_path: Path) -> None:
    written: list[bytes] = []
    log = LogWriter(written.append, header())
    long = [bytes([i]) * 4000 for i in range(4)]
    own = len(events.layouts()[TYPES["exec"]].own)
    log.add(PROCESS_LANE, [[TYPES["exec"], i, i, 1, 1, 7, *[0] * own, *long] for i in range(600)])
    log.add(BYTE_LANE, [[TYPES["exit"], i, i, 1, i, 7, 0, 0, 0] for i in range(5000)])
    log.end("stopped", {})
    with opened(tmp_path, b"".join(written)) as reading:
        assert reading.damage is None
        assert len(list(reading.events())) == 5600
