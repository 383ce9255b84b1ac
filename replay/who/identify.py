"""Joins a whole recording with audit logs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from replay.clock import rfc3339, to_second
from replay.escape import text
from replay.run import Member, Run
from replay.who.audit_log import AuditLog
from replay.who.fit import DEBUG_START_NS, Place
from replay.who.identity import UNKNOWN, Identity
from replay.who.kept import person_data
from replay.who.match import match
from replay.who.request import ATTACH, DEBUG, Request, Seen

_NOT_FROM_HERE = (
    "no request of the audit log fits: a probe, a hook, or somebody on the node, or one of another API server"
)
_WHY = {
    ATTACH: "it attached to the container's own program, and no session began with that",
    DEBUG: "no session of the recording fits: is its container recorded?",
}


@dataclass(frozen=True)
class Other:
    """A request to a pod of the recording that no session comes from, and why."""

    request: Request
    why: str

    def as_data(self) -> dict[str, Any]:
        """As JSON has it."""
        of = self.request
        return {
            "auditID": of.audit_id,
            "kind": of.kind,
            **person_data(of.person),
            "namespace": of.namespace,
            "pod": of.pod,
            "container": of.container or None,
            "command": None if of.command is None else [text(word) for word in of.command],
            "received": rfc3339(of.received),
            "ended": None if of.ended is None else rfc3339(of.ended),
            "code": of.code or None,
            "why": self.why,
        }


def wanted(run: Run, skew: int) -> Callable[[Seen], bool]:
    """Whether a request may have to do with the recording: its pods, its time. `skew`: ns."""
    pods = {(of.target.namespace, of.target.pod) for _, timeline in run.logs for of in timeline.targets.values()}
    begin = min([run.started, *(of.session.started for of in run.sessions)]) - DEBUG_START_NS - skew
    end = max(run.last, run.ended or 0) + skew

    def is_wanted(seen: Seen) -> bool:
        return (seen.namespace, seen.pod) in pods and begin <= seen.received <= end

    return is_wanted


def has_pods(run: Run) -> bool:
    """Whether the recording knows the pod of any of its targets."""
    return any(of.target.pod for _, timeline in run.logs for of in timeline.targets.values())


def identify(run: Run, logs: list[AuditLog], skew: int) -> tuple[dict[int, Identity], list[Other]]:
    """(who each session was, by its number in the run; the requests that no session comes from)."""
    requests = {key: of for log in logs for key, of in log.requests.items()}
    found = match([_place(member) for member in run.sessions], requests.values(), skew)
    who = {
        member.number: _say_why(of, member, logs) if of.confidence == UNKNOWN else of
        for member, of in zip(run.sessions, found, strict=True)
    }
    explained = {(one.audit_id, one.received) for of in found for one in of.requests}
    others = [
        Other(of, _why(of))
        for of in sorted(requests.values(), key=lambda of: of.received)
        if (of.audit_id, of.received) not in explained and not _was_before(run, of)
    ]
    return who, others


def _was_before(run: Run, of: Request) -> bool:
    return of.received < run.started and of.ended is not None and of.ended < run.started


def _place(member: Member) -> Place:
    target = member.target
    if not target:
        return Place(member.session, "", "", "")
    return Place(member.session, target.namespace, target.pod, target.container)


def _say_why(of: Identity, member: Member, logs: list[AuditLog]) -> Identity:
    session = member.session
    if session.from_node:
        return replace(of, reason="it entered from the node, past the API server")
    if session.is_probe:
        return replace(of, reason=f"the kubelet's {session.kind}: no request of the audit log fits")
    for log in logs:
        if not log.covers(session.started, session.started):
            begin, end = (to_second(time) if time else "?" for time in (log.begin, log.end))
            return replace(of, reason=f"the audit log does not cover its time: it goes from {begin} to {end}")
    return replace(of, reason=_NOT_FROM_HERE)


def _why(of: Request) -> str:
    if of.refused:
        return f"refused ({of.code})"
    return _WHY.get(of.kind, "no session of the recording fits")
