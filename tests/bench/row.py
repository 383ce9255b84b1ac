"""A line of the table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure: what, how much, the goal, and whether it is met."""

    name: str
    value: str
    goal: str
    met: bool
