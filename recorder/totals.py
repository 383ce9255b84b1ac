"""Counts what a log holds, for its end record and for who asks how it goes."""

from recorder import events
from recorder.events import Event

_LAYOUTS = {layout.name: layout for layout in events.layouts().values()}
_START, _EXEC, _OUT, _IN, _GAP = (_LAYOUTS[name].type for name in ("session_start", "exec", "tty_out", "tty_in", "gap"))
_STREAM = _LAYOUTS["stream_data"].type


class Totals:
    """`counts` are those of an end record, docs/log-format.md."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(
            ("sessions", "execs", "output_bytes", "input_bytes", "lost_events", "lost_bytes"), 0
        )

    def add(self, written: list[Event]) -> None:
        """Counts events that went into the log."""
        counts = self.counts
        for event in written:
            kind = event[0]
            if kind == _OUT:
                counts["output_bytes"] += len(event[8])
            elif kind == _EXEC:
                counts["execs"] += 1
            elif kind == _IN:
                counts["input_bytes"] += event[9] + len(event[10])
            elif kind == _STREAM:
                counts["output_bytes" if event[9] else "input_bytes"] += event[7] + len(event[10])
            elif kind == _START:
                counts["sessions"] += 1
            elif kind == _GAP:
                counts["lost_events"] += event[7]
                counts["lost_bytes"] += event[9]
