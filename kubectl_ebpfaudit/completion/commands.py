"""The verbs with their options and arguments, as commands.json has them."""

import json
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("commands.json")


@dataclass(frozen=True)
class Option:
    """An option: its names, whether a value follows, and which values there are if they are few."""

    names: tuple[str, ...]
    takes_value: bool
    choices: tuple[str, ...]
    help: str

    @property
    def name(self) -> str:
        """Its long name."""
        return self.names[-1]


@dataclass(frozen=True)
class Argument:
    """An argument as the help names it, such as RECORDING[/SESSION]; `many`: it may be given again and again."""

    metavar: str
    many: bool
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Verb:
    """A verb."""

    name: str
    help: str
    options: tuple[Option, ...]
    arguments: tuple[Argument, ...]

    def option(self, name: str) -> Option | None:
        """The option of that name, long or short."""
        return next((option for option in self.options if name in option.names), None)

    def argument(self, place: int) -> Argument | None:
        """The argument in that place, from 0."""
        if place < len(self.arguments):
            return self.arguments[place]
        return self.arguments[-1] if self.arguments and self.arguments[-1].many else None


def commands() -> dict[str, Verb]:
    """All verbs by name."""
    found = json.loads(FILE.read_text(encoding="utf-8"))
    return {
        name: Verb(
            name,
            of["help"],
            tuple(Option(tuple(o["names"]), o["value"], tuple(o["choices"]), o["help"]) for o in of["options"]),
            tuple(Argument(a["metavar"], a["many"], tuple(a["choices"])) for a in of["arguments"]),
        )
        for name, of in found.items()
    }
