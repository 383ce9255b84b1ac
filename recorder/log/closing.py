"""The end of a log whose recorder has died: a gap of unknown size, and an end record.

Written by the client, once it is certain that nothing more of the log will ever come.
"""

from recorder.log.format import PROCESS_LANE, RECORDER_DIED
from recorder.log.stream import Stream
from recorder.log.writer import LogWriter


def close_log(stream: Stream) -> list[bytes]:
    """The objects that follow what came through `stream`. Empty if its header does not know of such gaps."""
    header = stream.header
    assert header
    numbers = {name: number for number, (name, _) in header.fields.items()}
    enums = header.raw.get("enums")
    reasons = enums.get("gap_reason") if isinstance(enums, dict) else None
    reason = reasons.get("GAP_RECORDER_DIED") if isinstance(reasons, dict) else None
    if reason is None or "gap" not in numbers:
        return []
    objects: list[bytes] = []
    writer = LogWriter.resume(objects.append, stream.last_digest, stream.blocks, stream.events, numbers["gap"])
    names = header.fields[numbers["gap"]][1]
    fields = [{"reason": reason, "time": stream.last_time, "first_seq": None, "seq": None}.get(n, 0) for n in names]
    writer.add(PROCESS_LANE, [[numbers["gap"], *fields]])
    writer.end(RECORDER_DIED, {}, stream.last_time)
    return objects
