"""What is known of who a session was: one person for certain, likely, or several who may have been it."""

from dataclasses import dataclass

from replay.who.request import Person, Request

CERTAIN, LIKELY, POSSIBLE, UNKNOWN = "certain", "likely", "possible", "unknown"

_MAX_NAMES = 4


@dataclass(frozen=True)
class Asked:
    """A request that a session may come from. Times are ns since 1970-01-01 UTC."""

    audit_id: str
    person: Person
    received: int
    ended: int | None = None


@dataclass(frozen=True)
class Identity:
    """Who a session was, how sure that is, and why. Unknown with `reason` if no request fits.

    `requests` are all that fit, the likeliest first; of a person who is possible there are others beside.
    """

    confidence: str
    reason: str
    requests: tuple[Asked, ...] = ()

    @property
    def people(self) -> tuple[Person, ...]:
        """Who it may have been, each once."""
        found: dict[str, Person] = {}
        for asked in self.requests:
            found.setdefault(asked.person.name, asked.person)
        return tuple(found.values())

    @property
    def person(self) -> Person | None:
        """Who it was, unless it may have been several, or nobody is known."""
        return self.people[0] if len(self.people) == 1 else None

    @property
    def user(self) -> str:
        """Who it was in a few words, not safe to print: alice; alice or bob? if it is no more than possible."""
        names = [person.name for person in self.people]
        if len(names) > _MAX_NAMES:
            names[_MAX_NAMES - 1 :] = [f"{len(names) - _MAX_NAMES + 1} others"]
        return " or ".join(names) + "?" * bool(names and self.confidence == POSSIBLE)


def asked(request: Request) -> Asked:
    """The request as it is kept."""
    return Asked(request.audit_id, request.person, request.received, request.ended)
