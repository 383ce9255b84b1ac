"""Spellings of options that kubectl takes (github.com/spf13/pflag), and the command line's library does not."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_LEVEL = re.compile(r"-([a-zA-Z]*)v=?(\d+)|--v(?:erbose)?=(\d+)")
_ALONE = re.compile(r"-([a-zA-Z]*)v|--v(?:erbose)?")


@dataclass(frozen=True)
class Spelling:
    """The options of one verb: `flags` are those that take no value, `valued` those that do, as they are written."""

    flags: frozenset[str]
    valued: frozenset[str]

    def usual(self, words: Sequence[str]) -> list[str]:
        """The same words: -v with a level, or alone for 1; -o=json as -ojson; --flag=true as --flag."""
        found: list[str] = []
        rest = iter(enumerate(words))
        for at, word in rest:
            if word == "--":
                return found + list(words[at:])
            after = words[at + 1] if at + 1 < len(words) else ""
            if word in self.valued:  # what follows is its value, whatever it looks like
                found.append(word)
                found += [value for _, value in [next(rest, (0, ""))] if at + 1 < len(words)]
            elif (level := _LEVEL.fullmatch(word)) and self._are_flags(level[1]):
                found += _level(level[1], level[2] or level[3])
            elif (alone := _ALONE.fullmatch(word)) and self._are_flags(alone[1]):
                found += _level(alone[1], next(rest)[1] if after.isdecimal() else "1")
            else:
                found += self._other(word)
        return found

    def _other(self, word: str) -> list[str]:
        name, equals, value = word.partition("=")
        if equals and len(name) == 2 and name in self.valued:
            return [name, value]
        if equals and name in self.flags and value in ("true", "false"):
            return [name] * (value == "true")
        return [word]

    def _are_flags(self, letters: str | None) -> bool:
        return all(f"-{letter}" in self.flags for letter in letters or "")


def _level(letters: str | None, level: str) -> list[str]:
    return [f"-{letters}"] * bool(letters) + [f"--verbose={level}"]


def of_parameters(parameters: Iterable[object]) -> Spelling:
    """The spelling of a command with these parameters."""
    flags: set[str] = set()
    valued: set[str] = set()
    for parameter in parameters:
        if getattr(parameter, "param_type_name", "") == "option":
            names = set(getattr(parameter, "opts", ()))
            (flags if getattr(parameter, "is_flag", False) or "-h" in names else valued).update(names)
    return Spelling(frozenset(flags), frozenset(valued - {"-v", "--verbose"}))
