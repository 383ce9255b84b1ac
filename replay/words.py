"""What several reports say in the same words."""

from replay.escape import printable, shell_line
from replay.model import Gap

RECORDER_DIED = "recorder_died"
"""Reason of a gap of which nobody knows the size."""

BEFORE_RECORDING = "before_recording"
"""Reason of a gap at the beginning of a session: no loss."""

PROBES = {
    "probes_off": "ftrace or kprobes were turned off on the node: what they tell is not recorded from here on",
    "probes_on": "ftrace and kprobes are on again on the node: what they tell is recorded from here on",
}
"""What the reasons of gaps say that are the beginning and the end of a time of which nobody knows what is missing."""

_MAX_COMMAND = 120


def count(number: int, what: str) -> str:
    """1 byte, 1,234 bytes."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def probe_runs(number: int) -> str:
    """1 run of a probe, 240 runs of probes."""
    return f"{number:,} run{' of a probe' if number == 1 else 's of probes'}"


def short_command(argv: tuple[bytes, ...]) -> str:
    """A command within a sentence: safe to print, cut to 120 characters."""
    line = shell_line(argv)
    return line if len(line) <= _MAX_COMMAND else f"{line[:_MAX_COMMAND]} …"


def lost(events: int, lost_bytes: int) -> str:
    """What is missing, in words."""
    parts = [count(events, "event")] * bool(events) + [count(lost_bytes, "byte")] * bool(lost_bytes)
    return " and ".join(parts) or "nothing"


def pairs(of: list[tuple[str, str]]) -> str:
    """A line for each name and value; values that are empty are left out."""
    return "".join(f"{name + ':':<13}{value}\n" for name, value in of if value)


def gap_note(gap: Gap) -> str:
    """What is missing here, where and why, in one line."""
    stream = {"out": " of output", "in": " of input"}.get(gap.direction, "")
    what = lost(gap.events, gap.bytes)
    if gap.reason == RECORDER_DIED:
        return "!! the recorder died: what happened from here on is not recorded"
    if gap.reason == BEFORE_RECORDING and what == "nothing" and not gap.direction:
        return "(began before the recording: what was before is not recorded)"
    if gap.reason in PROBES:
        return f"!! {PROBES[gap.reason]}"
    missing = "an unknown amount" if what == "nothing" else what
    return f"!! missing: {missing}{stream} ({printable(gap.reason).replace('_', ' ')})"
