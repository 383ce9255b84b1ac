"""The layout of what kernel and recorder share: what a C compiler says is what Python reads."""

import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from recorder import events, pipes, scope, sieve

ROOT = Path(__file__).parents[2]
BPF = ROOT / "bpf"

# Field order of the map values, as recorder/scope.py unpacks them, and their formats there.
MAP_VALUES = {
    "target_state": (("next_seq[0]", "next_seq[1]", "lost[0]", "lost[1]"), scope._STATE),
    "numbers": (("next_session", "next_tty"), scope._NUMBERS),
    "process": (("target", "session", "newcomer", "reserved", "start_time"), scope._PROCESS),
    "terminal": (
        (
            "out_offset", "in_offset", "devpts", "target", "session", "number", "leader", "owner", "index", "rows",
            "cols", "closed", "quiet",
        ),
        scope._TERMINAL,
    ),
    "stream": (
        ("offset", "start_time", "inode", "target", "session", "number", "fd", "owner", "flags", "closed", "ns_pid"),
        pipes._STREAM,
    ),
}  # fmt: skip


def structs(path: Path) -> str:
    """The struct definitions of common.c, which as a whole only bcc compiles."""
    text = path.read_text()
    return "".join(
        "struct " + part.split("};")[0] + "};\n"
        for part in text.split("\nstruct ")[1:]
        if "(" not in part.split(" {")[0] and not part.startswith("stream_buffer")
    )


def sizes(path: Path) -> str:
    """Its macros that are numbers."""
    return "".join(re.findall(r"^#define \w+ \d+$\n", path.read_text(), re.M))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, int]]:
    """What the compiler says: {"struct": (size, 0), "struct.field": (offset, size)}."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        pytest.skip("needs: a C compiler")
    asked = {f"{name}_event": member_names(layout) for name, layout in by_name().items()}
    asked["event_header"] = [f.name for f in next(iter(by_name().values())).header]
    asked |= {name: list(fields) for name, (fields, _) in MAP_VALUES.items()}
    asked["sieve"] = [*sieve.FIELDS, "pids", "slaves"]
    lines = []
    for name, members in asked.items():
        lines.append(f'printf("{name} %zu 0\\n", sizeof(struct {name}));')
        for member in members:
            lines.append(
                f'printf("{name}.{member} %zu %zu\\n", offsetof(struct {name}, {member}), '
                f"sizeof(((struct {name} *)0)->{member}));"
            )
    folder = tmp_path_factory.mktemp("layout")
    (folder / "layout.c").write_text(
        "#include <stddef.h>\n#include <stdio.h>\n"
        "typedef unsigned char __u8;\ntypedef unsigned short __u16;\n"
        "typedef unsigned int __u32;\ntypedef unsigned long long __u64;\n"
        "typedef __u16 u16;\ntypedef __u32 u32;\ntypedef __u64 u64;\n"
        f'#include "{BPF / "event.h"}"\n{sizes(BPF / "common.c")}'
        f"{structs(BPF / 'common.c')}{structs(BPF / 'stream.c')}\n"
        f"int main(void) {{ {' '.join(lines)} return 0; }}\n"
    )
    # -Wpadded -Werror: the compiler itself says whether there is padding.
    subprocess.run(
        [compiler, "-Wall", "-Wpadded", "-Werror", "-o", str(folder / "layout"), str(folder / "layout.c")], check=True
    )
    said = subprocess.run([folder / "layout"], capture_output=True, text=True, check=True).stdout
    return {name: (int(one), int(two)) for name, one, two in map(str.split, said.splitlines())}


def by_name() -> dict[str, events.Layout]:
    return {layout.name: layout for layout in events.layouts().values()}


def member_names(layout: events.Layout) -> list[str]:
    """The C members after the header, in the order in which Python reads them."""
    return [f.name for f in layout.own] + [f"{f.name}_size" for f in layout.tails]


def offsets(layout: struct.Struct, first: int = 0) -> list[tuple[int, int]]:
    """(offset, size) of each element of a format without padding between them, from element `first` on."""
    order, codes = layout.format[0], "".join(c * int(n or 1) for n, c in pieces(layout.format[1:]))
    found = []
    at = 0
    for code in codes:
        size = struct.calcsize(order + code)
        found.append((at, size))
        at += size
    return found[first:]


def pieces(text: str) -> list[tuple[str, str]]:
    """(count, code) of each item of a struct format, padding left out."""
    found, count = [], ""
    for c in text:
        if c.isdigit():
            count += c
            continue
        if c != "x":
            found.append((count, c))
        count = ""
    return found


@pytest.mark.parametrize("name", list(by_name()))
def test_an_event_is_decoded_as_the_compiler_lays_it_out(name: str, compiled: dict[str, tuple[int, int]]) -> None:
    layout = by_name()[name]
    size = compiled[f"{name}_event"][0]
    assert layout.fixed.size == size
    assert size % 8 == 0
    header = len(layout.header)
    said = [compiled[f"{name}_event.{member}"] for member in member_names(layout)]
    assert offsets(layout.fixed, header) == said


def test_the_header_of_events_is_decoded_as_the_compiler_lays_it_out(compiled: dict[str, tuple[int, int]]) -> None:
    layout = by_name()["clock"]
    fields = [compiled[f"event_header.{f.name}"] for f in layout.header]
    assert offsets(layout.fixed)[: len(fields)] == fields
    assert compiled["event_header"][0] == sum(fields[-1])


@pytest.mark.parametrize("name", MAP_VALUES)
def test_a_map_value_is_read_as_the_compiler_lays_it_out(name: str, compiled: dict[str, tuple[int, int]]) -> None:
    fields, layout = MAP_VALUES[name]
    assert layout.size == compiled[name][0]
    assert offsets(layout) == [compiled[f"{name}.{f}"] for f in fields]
    assert all(compiled[f"{name}.{f}"][1] for f in fields)


def test_lanes_and_limits_are_the_same_on_both_sides() -> None:
    defined = dict(
        line.split()[1:3] for line in (BPF / "common.c").read_text().splitlines() if line.startswith("#define ")
    )
    assert (int(defined["LANE_PROCESS"]), int(defined["LANE_BYTES"])) == (scope.PROCESS, scope.BYTES)
    assert int(defined["MAX_TARGETS"]) == scope.MAX_TARGETS
    assert 64 * int(defined["SIEVE_WORDS"]) == sieve.BITS


def test_the_sieve_is_one_page_and_written_as_the_compiler_lays_it_out(compiled: dict[str, tuple[int, int]]) -> None:
    assert [compiled[f"sieve.{field}"] for field in sieve.FIELDS] == [(8 * at, 8) for at in range(len(sieve.FIELDS))]
    assert compiled["sieve.pids"][0] == 64
    assert compiled["sieve"][0] <= 4096
