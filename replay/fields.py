"""Reads the fields of an event or a header, which a hostile log may have left out or given another type."""

from recorder.log.events import Event
from recorder.log.format import Header
from replay.escape import text


def number(event: Event, name: str) -> int:
    """The field as a number, 0 if it is missing or none."""
    value = event.fields.get(name)
    return value if value.__class__ is int else 0


def data(event: Event, name: str) -> bytes:
    """The field as bytes, empty if it is missing or none."""
    value = event.fields.get(name)
    return value if value.__class__ is bytes else b""


def node_name(header: Header) -> str:
    """The name of the node that a log was written on, not escaped; empty if it does not tell."""
    node = header.raw.get("node")
    name = node.get("name") if isinstance(node, dict) else None
    return text(name) if name else ""


def keeps_input(header: Header) -> bool:
    """Whether what is typed is in the log: not with `record --no-input`."""
    options = header.raw.get("options")
    return not (isinstance(options, dict) and options.get("input") is False)


class Enums:
    """Names for numbers, as the log's header gives them: without the prefix that all of an enum share."""

    def __init__(self, header: Header) -> None:
        self._names: dict[str, dict[int, str]] = {}
        enums = header.raw.get("enums")
        for enum, constants in enums.items() if isinstance(enums, dict) else ():
            if isinstance(enum, str) and isinstance(constants, dict):
                names = {v: k for k, v in constants.items() if isinstance(v, int) and isinstance(k, str)}
                self._names[enum] = {value: _short(enum, name) for value, name in names.items()}

    def name(self, enum: str, value: int) -> str:
        """The name of `value`, such as `ring_full`; the number itself if it has none."""
        return self._names.get(enum, {}).get(value) or str(value)

    def flags(self, enum: str, value: int) -> list[str]:
        """The names of the bits that are set in `value`."""
        return [self.name(enum, 1 << bit) for bit in range(value.bit_length()) if value >> bit & 1]


def _short(enum: str, constant: str) -> str:
    """GAP_RING_FULL of gap_reason -> ring_full; TTY_DIRECTION_OUT of tty_direction -> out."""
    name = constant.lower()
    for prefix in (f"{enum}_", f"{enum.split('_')[0]}_"):
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name
