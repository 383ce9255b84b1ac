"""A folder of logs as plain data: the shape of `replay.document`, with the log and node named everywhere."""

from typing import Any

from replay.clock import rfc3339
from replay.document import gap, log_document, session, watched
from replay.escape import text
from replay.fields import Enums
from replay.recording import Part
from replay.run import BROKEN, Member, Run
from replay.view import WHOLE, View


def run_document(run: Run, number: int | None = None, view: View = WHOLE) -> dict[str, Any]:
    """All of the run, or with one session only, as `show -o json` prints it.

    A session's `id` is its number in the run, `log_session` that in its log; `target` is a number in its log.
    """
    recording = run.recording
    ids = [text(of) for of in recording.ids]
    enums = {part: Enums(part.log.header) for part in recording.parts}
    return {
        "recording": {
            "id": ids[0] if len(ids) == 1 else None,
            "file": text(str(recording.path)),
            "started": rfc3339(run.started),
            "ended": None if run.ended is None else rfc3339(run.ended),
            "state": run.state,
            "lost_events": run.lost_events,
            "lost_bytes": run.lost_bytes,
            "gaps": [{**_where(part), **gap(of)} for part, timeline in run.logs for of in timeline.gaps],
            "logs": [
                *({"log": text(part.name), **log_document(timeline)} for part, timeline in run.logs),
                *(
                    {"log": text(log.name), "file": text(str(log.path)), "state": BROKEN, "damage": text(log.reason)}
                    for log in recording.broken
                ),
            ],
        },
        "targets": [
            {**_where(part), **watched(of), "log": text(part.name)}
            for part, timeline in run.logs
            for of in timeline.targets.values()
        ],
        "sessions": [
            {
                **session(member.session, member.target, enums[member.part], view),
                "id": member.number,
                **_part_of(run, member),
                **_where(member.part),
                "log_session": member.session.number,
            }
            for member in run.sessions
            if number in (None, member.number) and view.sessions([member.session])
        ],
    }


def _part_of(run: Run, member: Member) -> dict[str, int]:
    of = member.session.part_of
    return {"part_of": run.recording.number(member.part, of.number)} if of else {}


def _where(part: Part) -> dict[str, str]:
    return {"log": text(part.name), "node": part.node}
