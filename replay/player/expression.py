"""What is searched for in the player: a regular expression, in which case matters if there are capitals."""

from replay.search.pattern import Pattern


class Expression(Pattern):
    """One that was compiled; run it within `replay.search.watch.watched`. Raises WrongUsage if it is none."""

    def __init__(self, pattern: str) -> None:
        super().__init__(pattern, ignore_case=pattern == pattern.lower())
        self.pattern = pattern

    def search(self, text: str) -> bool:
        """Whether it is in `text`."""
        return self.find(text) is not None

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where it is in `text`. It is no call of its own: all rows of a picture together may take so long."""
        self.busy = True
        found = [match.span() for match in self._text.finditer(text) if match[0]]
        self.busy = False
        return found
