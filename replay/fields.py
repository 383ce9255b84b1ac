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
        enums = header.raw.get("enums")
        self._raw = enums if isinstance(enums, dict) else {}
        self._names: dict[str, dict[int, str]] = {}

    def _of(self, enum: str) -> dict[int, str]:
        constants = self._raw.get(enum)
        names = constants.items() if isinstance(constants, dict) else ()
        return {value: _short(enum, name) for name, value in names if isinstance(value, int) and isinstance(name, str)}

    def name(self, enum: str, value: int) -> str:
        """The name of `value`, such as `ring_full`; the number itself if it has none."""
        if enum not in self._names:
            self._names[enum] = self._of(enum)
        return self._names[enum].get(value) or str(value)

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
