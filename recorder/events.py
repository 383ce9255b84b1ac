"""Decodes what the probes put into the rings, by the one list of events, bpf/event.h.

`layouts()` reads that header; nothing about an event is written down a second time in Python.
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

EVENT_H = Path(__file__).parent.parent / "bpf" / "event.h"

_CODES = {"__u8": "B", "__u16": "H", "__u32": "I", "__u64": "Q"}
_STRUCT = re.compile(r"^struct (\w+) \{\n(.*?)^\};", re.M | re.S)
_ENUM = re.compile(r"^enum (\w+) \{\n(.*?)^\};", re.M | re.S)
_CONSTANT = re.compile(r"^\t(\w+) = (\d+), /\* (.*) \*/$")
_FIELD = re.compile(
    r"^\t(?:struct (?P<struct>\w+)|(?P<type>__u(?:8|16|32|64))) (?P<name>\w+);(?: /\* (?P<about>.*) \*/)?$"
)
_TAIL = re.compile(r"^\tTAIL\((?P<name>\w+)\); /\* (?P<about>.*) \*/$")

HEADER_FIELDS = ("time", "seq", "target", "session", "pid")

Event = list[Any]
"""An event as a log holds it: [type, time, seq, target, session, pid, the event's own fields …]."""


@dataclass(frozen=True)
class Field:
    """One field: its C type (`bytes` for a tail) and the comment that explains it."""

    name: str
    type: str
    about: str


@dataclass(frozen=True)
class Layout:
    """One kind of event: its name, its type number and its fields, those of the header apart."""

    name: str
    type: int
    about: str
    header: tuple[Field, ...]
    own: tuple[Field, ...]
    tails: tuple[Field, ...]

    @cached_property
    def fixed(self) -> struct.Struct:
        """The part of known size, native byte order, as the compiler lays it out without padding."""
        sizes = [_CODES[f.type] for f in (*self.header, *self.own)] + ["I"] * len(self.tails)
        codes = "".join(sizes)
        pad = -struct.calcsize("=" + codes) % 8
        return struct.Struct(f"={codes}{pad}x")

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Names of what an event holds after its type, in the order of the log."""
        return (*HEADER_FIELDS, *(f.name for f in self.own), *(f.name for f in self.tails))

    def decoder(self) -> Callable[[Any, int], Event]:
        """A function of (buffer, offset) that gives the event that begins there."""
        unpack, size, kind = self.fixed.unpack_from, self.fixed.size, self.type
        plain, tails = 6 + len(self.own), len(self.tails)

        if not tails:

            def decode(buffer: Any, at: int) -> Event:
                v = unpack(buffer, at)
                return [kind, v[0], v[1], v[3], v[4], v[5], *v[6:plain]]

        elif tails == 1:

            def decode(buffer: Any, at: int) -> Event:
                v = unpack(buffer, at)
                at += size
                return [kind, v[0], v[1], v[3], v[4], v[5], *v[6:plain], bytes(buffer[at : at + v[plain]])]

        else:

            def decode(buffer: Any, at: int) -> Event:
                v = unpack(buffer, at)
                event = [kind, v[0], v[1], v[3], v[4], v[5], *v[6:plain]]
                at += size
                for n in v[plain:]:
                    event.append(bytes(buffer[at : at + n]))
                    at += n
                return event

        return decode


def _parse_struct(body: str, name: str) -> tuple[list[Field], list[Field]]:
    plain: list[Field] = []
    tails: list[Field] = []
    lines = body.splitlines()
    if name != "event_header" and lines.pop(0) != "\tstruct event_header h;":
        raise ValueError(f"{EVENT_H}: struct {name} does not begin with the header")
    at = 0
    for line in lines:
        if tail := _TAIL.match(line):
            tails.append(Field(tail["name"], "bytes", tail["about"]))
            size = 4
        elif (field := _FIELD.match(line)) and field["type"] and field["about"]:
            if field["name"] != "reserved":
                plain.append(Field(field["name"], field["type"], field["about"]))
                if tails:
                    raise ValueError(f"{EVENT_H}: struct {name}: {field['name']} comes after a TAIL")
            elif line != lines[-1]:
                raise ValueError(f"{EVENT_H}: struct {name}: reserved is not the last")
            size = struct.calcsize(_CODES[field["type"]])
        else:
            raise ValueError(f"{EVENT_H}: struct {name}: cannot read {line!r}")
        if at % size:
            raise ValueError(f"{EVENT_H}: struct {name}: {line!r} is not aligned")
        at += size
    if at % 8:
        raise ValueError(f"{EVENT_H}: struct {name}: its size is no multiple of 8")
    return plain, tails


def parse_enums(text: str) -> dict[str, dict[str, tuple[int, str]]]:
    """The enums of event.h: {enum: {constant: (value, comment)}}."""
    return {
        name: {m[1]: (int(m[2]), m[3]) for m in map(_CONSTANT.match, body.splitlines()) if m}
        for name, body in _ENUM.findall(text)
    }


def parse(text: str) -> dict[int, Layout]:
    """The layouts that the text of event.h describes, by type number.

    Raises ValueError for a line that does not follow the rules at its top.
    """
    structs = {name: _parse_struct(body, name) for name, body in _STRUCT.findall(text)}
    header = tuple(structs["event_header"][0])
    found = {}
    for constant, (value, about) in parse_enums(text)["event_type"].items():
        name = constant.removeprefix("EVENT_").lower()
        if f"{name}_event" not in structs:
            raise ValueError(f"{EVENT_H}: {constant} has no struct {name}_event")
        own, tails = structs[f"{name}_event"]
        found[value] = Layout(name, value, about, header, tuple(own), tuple(tails))
    return found


def layouts() -> dict[int, Layout]:
    """The layouts of this version, by type number."""
    return parse(EVENT_H.read_text())


def enums() -> dict[str, dict[str, int]]:
    """The values of this version's enums: {enum: {constant: value}}."""
    return {
        name: {constant: value for constant, (value, _) in constants.items()}
        for name, constants in parse_enums(EVENT_H.read_text()).items()
    }


def header_entries() -> dict[str, dict[str, object]]:
    """What a log's header says of the events: {name: {"type": number, "fields": names in order}}."""
    return {layout.name: {"type": layout.type, "fields": list(layout.fields)} for layout in layouts().values()}
