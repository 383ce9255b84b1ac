"""What `identify` prints: a line for each session, and the requests that no session comes from."""

from collections.abc import Iterable

from replay.clock import to_second
from replay.escape import printable, shell_line
from replay.run import Member
from replay.session_report import named
from replay.table import columns
from replay.who.identify import Other
from replay.who.identity import Identity
from replay.who.words import addresses

_HEADERS = ("SESSION", "TARGET", "STARTED", "USER", "CONFIDENCE", "FROM", "REASON")
_OTHER_HEADERS = ("TIME", "KIND", "POD", "USER", "FROM", "COMMAND", "WHY")
_MAX_COMMAND = 100
_NONE = "<none>"
_UNKNOWN = "<unknown>"


def sessions_table(members: Iterable[Member], who: dict[int, Identity]) -> str:
    """Who each session was."""
    rows = []
    for member in members:
        of = who[member.number]
        cells = [str(member.number), named(member.target), to_second(member.session.started)]
        cells += [printable(of.user) or _UNKNOWN, of.confidence, addresses(of) or _UNKNOWN, printable(of.reason)]
        rows.append(cells)
    return columns(_HEADERS, rows) if rows else ""


def others_table(others: Iterable[Other]) -> str:
    """The requests that no session comes from."""
    rows = []
    for other in others:
        of = other.request
        pod = "/".join(filter(None, (of.namespace, of.pod, of.container)))
        command = shell_line(of.command[:20])[:_MAX_COMMAND] if of.command else _NONE
        cells = [to_second(of.received), of.kind, printable(pod), printable(of.person.name)]
        cells += [printable(", ".join(of.person.source_ips)) or _UNKNOWN, command, other.why]
        rows.append(cells)
    return columns(_OTHER_HEADERS, rows) if rows else ""
