"""Joins sessions with requests. What two can be is said of both; certain is only what nothing else explains.

A request makes one session at most, and a session comes from one request at most: from none if it is a probe, a
hook, or somebody on the node.
"""

from collections.abc import Iterable, Sequence

from replay.clock import duration
from replay.who.fit import Fit, Place, fit
from replay.who.identity import CERTAIN, LIKELY, POSSIBLE, UNKNOWN, Identity, asked
from replay.who.request import Request

Candidates = dict[int, list[Fit]]
"""By the place of the session among those that are matched."""


def match(places: Sequence[Place], requests: Iterable[Request], skew: int) -> list[Identity]:
    """Who each session was, in the same order. `skew` (ns): how far the clocks of node and API server may differ."""
    known = sorted(requests, key=lambda request: request.received)
    candidates = {at: _fits(place, known, skew) for at, place in enumerate(places)}
    found: dict[int, Identity] = {}
    for group in _groups(candidates):
        found |= _settle(group, {at: candidates[at] for at in group}, places)
    return [found[at] for at in range(len(places))]


def _fits(place: Place, requests: list[Request], skew: int) -> list[Fit]:
    found = [one for request in requests if (one := fit(place, request, skew))]
    return sorted(found, key=lambda one: abs(place.session.started - one.request.received))


def _groups(candidates: Candidates) -> list[list[int]]:
    """The sessions that share requests, directly or by way of others."""
    by_request: dict[int, list[int]] = {}
    for at, fits in candidates.items():
        for one in fits:
            by_request.setdefault(id(one.request), []).append(at)
    groups, seen = [], set()
    for begin in candidates:
        group, todo = [], [begin]
        while todo:
            at = todo.pop()
            if at in seen:
                continue
            seen.add(at)
            group.append(at)
            for one in candidates[at]:
                todo += by_request.pop(id(one.request), [])
        if group:
            groups.append(sorted(group))
    return groups


def _settle(group: list[int], fits: Candidates, places: Sequence[Place]) -> dict[int, Identity]:
    """Who the sessions of one group were."""
    requests = {id(one.request): one.request for at in group for one in fits[at]}
    if not requests:
        return {at: Identity(UNKNOWN, "no request of the audit log fits") for at in group}
    if len(group) == len(requests) == 1:
        [at] = group
        return {at: _only(fits[at][0], places[at])}
    if len({request.person.name for request in requests.values()}) == 1 and len(group) <= len(requests):
        return {at: _one_person(fits[at], len(requests)) for at in group}
    if forced := _forced(fits):
        why = "the only one that leaves one for each session"
    elif all(request.ended is not None for request in requests.values()):
        forced = _forced({at: [one for one in fits[at] if one.ends_together] for at in group})
        why = "the only one that ended with it"
    if forced:
        return {at: _forced_to(forced[at], len(requests), places[at], why) for at in group}
    return {at: _several(fits[at], len(group)) for at in group}


def _evidence(one: Fit) -> str:
    said = " ".join(one.missing)
    what = [word for word in ("container", "command") if f"the {word}" not in said]
    return ", ".join(["pod", *what])


def _after(one: Fit, place: Place) -> str:
    delay = place.session.started - one.request.received
    return f"{duration(abs(delay))} {'after' if delay >= 0 else 'before'} the request"


def _only(one: Fit, place: Place) -> Identity:
    began = f"it began {_after(one, place)}" + ", and both ended together" * one.ends_together
    if one.missing:
        reason = f"same {_evidence(one)}; {began}; no other fits; {'; '.join(one.missing)}"
        return Identity(LIKELY, reason, (asked(one.request),))
    return Identity(CERTAIN, f"same {_evidence(one)}; {began}; no other fits", (asked(one.request),))


def _one_person(fits: list[Fit], count: int) -> Identity:
    unknown = any(one.missing for one in fits)
    reason = f"same {_evidence(fits[0])}; {count} requests fit, all of the same user"
    return Identity(LIKELY if unknown else CERTAIN, reason, tuple(asked(one.request) for one in fits))


def _forced(fits: Candidates) -> dict[int, Fit] | None:
    """The one way to give each session a request of its own, if it follows step by step; else None."""
    left = dict(fits)
    taken: set[int] = set()
    chosen: dict[int, Fit] = {}
    while left:
        single = None
        for at, of in left.items():
            free = [one for one in of if id(one.request) not in taken]
            if len(free) == 1:
                single = at, free[0]
                break
        if single is None:
            return None
        at, one = single
        chosen[at] = one
        taken.add(id(one.request))
        del left[at]
    return chosen


def _forced_to(one: Fit, count: int, place: Place, why: str) -> Identity:
    reason = f"same {_evidence(one)}; it began {_after(one, place)}; of {count} requests that fit, {why}"
    return Identity(LIKELY, reason, (asked(one.request),))


def _several(fits: list[Fit], sessions: int) -> Identity:
    beside = f", and {sessions - 1} more of the sessions" if sessions > 1 else ""
    reason = f"same {_evidence(fits[0])}; {len(fits)} {'request fits' if len(fits) == 1 else 'requests fit'} it{beside}"
    return Identity(POSSIBLE, reason, tuple(asked(one.request) for one in fits))
