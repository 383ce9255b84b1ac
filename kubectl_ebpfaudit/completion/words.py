"""What of a command line is to be completed."""

from collections.abc import Mapping, Sequence

from kubectl_ebpfaudit.completion.commands import Argument, Option, Verb


class Wanted:
    """`word` is what was typed of it. It is a value of `option`, an option if `is_option`, else an argument.

    Without a verb it is one. `given` are the options before it with their values, `arguments` the arguments.
    """

    def __init__(self, word: str, verb: Verb | None = None, is_option: bool = False) -> None:
        self.word, self.verb, self.is_option = word, verb, is_option
        self.option: Option | None = None
        self.argument: Argument | None = None
        self.given: dict[str, list[str]] = {}
        self.arguments: list[str] = []


def wanted(words: Sequence[str], verbs: Mapping[str, Verb]) -> Wanted | None:
    """What the last of the `words` after the program's name is; None if nobody knows what may come there."""
    if not words:
        return None
    *before, word = words
    place = next((at for at, one in enumerate(before) if not one.startswith("-")), None)
    if place is None:
        return Wanted(word, is_option=word.startswith("-"))
    verb = verbs.get(before[place])
    if not verb:
        return None
    found = Wanted(word, verb)
    pending = _read(before[place + 1 :], verb, found)
    if pending:
        found.option = pending
    elif word.startswith("--") and "=" in word:
        name, _, found.word = word.partition("=")
        found.option = verb.option(name)
        return found if found.option and found.option.takes_value else None
    elif word.startswith("-"):
        found.is_option = True
    else:
        found.argument = verb.argument(len(found.arguments))
    return found


def _read(words: Sequence[str], verb: Verb, found: Wanted) -> Option | None:
    """Takes note of the options and arguments in `words`; gives the option whose value is yet to come."""
    pending: Option | None = None
    for one in words:
        if pending:
            found.given.setdefault(pending.name, []).append(one)
            pending = None
        elif one.startswith("--"):
            name, has_value, value = one.partition("=")
            option = verb.option(name)
            if option and has_value:
                found.given.setdefault(option.name, []).append(value)
            elif option:
                found.given.setdefault(option.name, [])
                pending = option if option.takes_value else None
        elif one.startswith("-") and len(one) > 1:
            pending = _short(one, verb, found)
        else:
            found.arguments.append(one)
    return pending


def _short(word: str, verb: Verb, found: Wanted) -> Option | None:
    """Takes note of -n, -nNAME, -n=NAME or -qv; gives the option whose value is yet to come."""
    for at, letter in enumerate(word[1:], 2):
        option = verb.option(f"-{letter}")
        if not option:
            return None
        values = found.given.setdefault(option.name, [])
        if option.takes_value:
            if word[at:]:
                values.append(word[at:].removeprefix("="))
                return None
            return option
    return None
