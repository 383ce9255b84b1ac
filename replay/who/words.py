"""Who a session was, in words that are safe to print."""

from typing import Any

from replay.escape import printable
from replay.who.identity import Identity


def addresses(of: Identity) -> str:
    """Where the requests came from."""
    found = dict.fromkeys(address for person in of.people for address in person.source_ips)
    return printable(", ".join(found))


def in_words(of: Identity) -> str:
    """For the summary of a session: alice from 203.0.113.9, certain."""
    if not of.requests:
        return f"unknown: {printable(of.reason)}"
    where = f" from {addresses(of)}" if addresses(of) else ""
    return f"{printable(of.user)}{where}, {of.confidence}"


def in_brief(of: Identity | None) -> dict[str, Any]:
    """For exports, as {"who": …}; nothing if nobody knows. Text is not escaped."""
    if not of or not of.requests:
        return {}
    people = of.people
    return {
        "who": {
            "users": [person.user for person in people],
            "impersonators": list(dict.fromkeys(person.impersonator for person in people if person.impersonator)),
            "source_ips": list(dict.fromkeys(address for person in people for address in person.source_ips)),
            "confidence": of.confidence,
            "audit_ids": [one.audit_id for one in of.requests],
        }
    }
