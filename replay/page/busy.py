"""When a terminal was busy: how much came out of it in each stretch of time."""

_MAX_STRETCHES = 4096


class Busy:
    """Adds up output in stretches of equal length, which grow as time goes on: a few thousand are always enough."""

    def __init__(self) -> None:
        self.length = 1
        """ms of a stretch."""
        self._sums: dict[int, int] = {}

    def add(self, at: int, size: int) -> None:
        """Takes note of `size` characters at `at` ms."""
        stretch = at // self.length
        self._sums[stretch] = self._sums.get(stretch, 0) + size
        if len(self._sums) > _MAX_STRETCHES:
            self._grow()

    def _grow(self) -> None:
        self.length *= 2
        sums: dict[int, int] = {}
        for stretch, size in self._sums.items():
            sums[stretch // 2] = sums.get(stretch // 2, 0) + size
        self._sums = sums

    def stretches(self) -> list[tuple[int, int]]:
        """(where each began, in ms; how many characters came in it)"""
        return [(stretch * self.length, size) for stretch, size in self._sums.items()]
