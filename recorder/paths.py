"""Turns the paths that the probes give round: they come from the inside out, bpf/exec.c."""

from recorder import events
from recorder.events import Event

_LAYOUTS = {layout.name: layout for layout in events.layouts().values()}
_EXEC, _FILE = _LAYOUTS["exec"], _LAYOUTS["exec_file"]
_CWD = 1 + _EXEC.fields.index("cwd")
_PATH, _FLAGS = 1 + _FILE.fields.index("path"), 1 + _FILE.fields.index("flags")
_MEMFD = events.enums()["file_flag"]["FILE_MEMFD"]


def turn(arrived: list[Event]) -> None:
    """Puts the paths of events from the ring the right way round, in place."""
    for event in arrived:
        if event[0] == _EXEC.type:
            event[_CWD] = _turned(event[_CWD])
        elif event[0] == _FILE.type:
            lies_nowhere = event[_FLAGS] & _MEMFD
            event[_PATH] = event[_PATH].removesuffix(b"\0") if lies_nowhere else _turned(event[_PATH])


def _turned(components: bytes) -> bytes:
    return b"/" + b"/".join(components.split(b"\0")[-2::-1])
