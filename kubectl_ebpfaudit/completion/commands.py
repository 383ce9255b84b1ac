"""The verbs with their options and arguments, as commands.json has them."""

import json
import os

FILE = os.path.join(os.path.dirname(__file__), "commands.json")

# Plain classes: dataclasses and pathlib would take as long to import as all the rest.


class Option:
    """An option: its names, whether a value follows, and which values there are if they are few."""

    def __init__(self, names: tuple[str, ...], takes_value: bool, choices: tuple[str, ...], text: str) -> None:
        self.names, self.takes_value, self.choices, self.help = names, takes_value, choices, text

    @property
    def name(self) -> str:
        """Its long name."""
        return self.names[-1]


class Argument:
    """An argument as the help names it, such as RECORDING[/SESSION]; `many`: it may be given again and again."""

    def __init__(self, metavar: str, many: bool, choices: tuple[str, ...]) -> None:
        self.metavar, self.many, self.choices = metavar, many, choices


class Verb:
    """A verb: what it does, in few words and in a sentence, its options and arguments."""

    def __init__(
        self, name: str, text: str, summary: str, options: tuple[Option, ...], arguments: tuple[Argument, ...]
    ) -> None:
        self.name, self.help, self.summary, self.options, self.arguments = name, text, summary, options, arguments

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
    with open(FILE, encoding="utf-8") as file:
        found = json.load(file)
    return {
        name: Verb(
            name,
            of["help"],
            of["summary"],
            tuple(Option(tuple(o["names"]), o["value"], tuple(o["choices"]), o["help"]) for o in of["options"]),
            tuple(Argument(a["metavar"], a["many"], tuple(a["choices"])) for a in of["arguments"]),
        )
        for name, of in found.items()
    }
