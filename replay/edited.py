"""A line of a terminal under the hands of a line editor, as text."""

from replay.player.cells import width

MAX_COLS = 1000
"""Columns of a terminal, at most: they are recorded, and a hostile one must not make work."""
_TAB = 8


class EditedLine:
    """What stands in it after text and sequences, on a terminal of `cols` columns: it may go on over several rows.

    A character that takes two columns is followed by an empty cell. No sequence reaches beyond the row that it is in,
    so that none costs more than a row.
    """

    def __init__(self, cols: int) -> None:
        self._cols = cols
        self._row = self._at = 0
        """The cells in which the row begins and the cursor stands: behind the last one, until something is written."""
        self._left: list[str] = []
        self._cells: list[str] = []
        self._last = ""
        """The character that was written last."""

    @property
    def is_at_margin(self) -> bool:
        """Whether the row is full: what is written next goes into the next one."""
        return self._at == self._row + self._cols

    def write(self, text: str) -> None:
        if self._at > len(self._cells):
            self._cells += " " * (self._at - len(self._cells))
        cells = list(text) if text.isascii() and "\t" not in text else self._spread(text)
        self._cells[self._at : self._at + len(cells)] = cells
        self._at += len(cells)
        self._last = text[-1:]
        self._row = max(self._row, (self._at - 1) // self._cols * self._cols)

    def _spread(self, text: str) -> list[str]:
        """`text` as the cells that it takes from the cursor on."""
        found: list[str] = []
        for char in text:
            place = self._at + len(found)
            left = self._cols - place % self._cols
            if char == "\t":
                columns = min(_TAB - (self._cols - left) % _TAB, left)
                passed = self._cells[place : place + columns] or ["\t"]
                found += passed + [""] * (columns - len(passed))
            elif (columns := width(char)) or not place:
                found += [""] * (left < columns) + [char] + [""] * (columns - 1)
            elif found:
                found[-1] += char
            else:
                self._cells[place - 1] += char
        return found

    def move(self, by: int) -> None:
        self.go(min(self._at - self._row, self._cols - 1) + by)

    def go(self, column: int) -> None:
        """To a column of this row, from 0."""
        self._at = self._row + min(max(column, 0), self._cols - 1)

    def control(self, final: str, arguments: str) -> None:
        first = arguments.split(";")[0].strip("?")
        number = int(first) if first.isdigit() else 0
        count = max(number, 1)
        if final in "CDa":
            self.move(-count if final == "D" else count)
        elif final in "G`":
            self.go(count - 1)
        elif final == "J" and number == 0:
            del self._cells[self._at :]
        elif final == "K":
            self._erase(number)
        elif final in "P@X":
            self._edit(final, min(count, self._cols))
        elif final == "b" and self._last not in ("", "\t"):
            self._repeat(count)
        elif final in "ABEFHdefJ":
            self._leave()

    def _repeat(self, count: int) -> None:
        """Writes the last character again, as often as the row has room for it (REP)."""
        room = self._row + self._cols - self._at
        self.write(self._last * min(count, room // (width(self._last) or 1)))

    def _edit(self, final: str, count: int) -> None:
        """Deletes, inserts or erases so many cells at the cursor; what the row has no room for is gone."""
        cells, at, end = self._cells, self._at, self._row + self._cols
        rest = cells[at:end]
        if not rest:
            return
        blank = [" "] * count
        if final == "@":
            edited = blank + rest
        elif final == "X":
            edited = blank[: len(rest)] + rest[count:]
        else:
            edited = rest[count:] + (blank if len(cells) > end else [])
        cells[at:end] = edited[: end - at]

    def _erase(self, part: int) -> None:
        cells, end = self._cells, self._row + self._cols
        if part == 0 and len(cells) <= end:
            del cells[self._at :]
        else:
            first, last = (self._at if part == 0 else self._row), (self._at + 1 if part == 1 else end)
            cells[first:last] = " " * len(cells[first:last])

    def _leave(self) -> None:
        """The cursor goes to another line of the screen: what is here stays as it is."""
        if line := "".join(self._cells).strip():
            self._left.append(line)
        self._cells, self._row, self._at = [], 0, 0

    def text(self) -> str:
        return "\n".join([*self._left, "".join(self._cells).rstrip()])
