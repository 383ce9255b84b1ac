"""docs/coverage.md: what is seen, what is not and why, from the rows that tests/kernel/test_coverage.py proves.

To add a row, add an entry to ROWS or UNSEEN of tests/kernel/tricks.py and run `python -m tests.coverage`, which writes
the page's tables anew; with --check it only says whether they are up to date.
"""

import re
import sys
from pathlib import Path

from tests.kernel.tricks import ROWS, UNSEEN, Row

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "coverage.md"


def tables() -> dict[str, str]:
    """The page's tables, by the name of their block."""
    kinds = dict.fromkeys(row.kind for row in ROWS)
    seen = {kind: _table(("What somebody does", "What `show` has of it"), _rows(kind)) for kind in kinds}
    return {**seen, "unseen": _table(("What", "Why"), list(UNSEEN.items()))}


def _rows(kind: str) -> list[tuple[str, str]]:
    return [(row.what, _told(row)) for row in ROWS if row.kind == kind]


def _told(row: Row) -> str:
    return f"{row.seen} ({row.only})" if row.only else row.seen


def _table(head: tuple[str, str], rows: list[tuple[str, str]]) -> str:
    return "".join(f"| {one} | {two} |\n" for one, two in (head, ("---", "---"), *rows))


def with_tables(page: str) -> str:
    """The page with the tables as they should be. Raises ValueError if a block of one is missing."""
    for name, table in tables().items():
        block = re.compile(rf"(<!-- generated: {re.escape(name)} -->\n).*?(<!-- end -->\n)", re.S)
        if not block.search(page):
            raise ValueError(f"{PAGE.name} has no block `<!-- generated: {name} -->` … `<!-- end -->`")
        page = block.sub(lambda found, table=table: found[1] + table + found[2], page)  # type: ignore[misc]
    return page


def main() -> None:
    page = PAGE.read_text()
    wanted = with_tables(page)
    if sys.argv[1:] == ["--check"]:
        if page != wanted:
            sys.exit(f"{PAGE.name} is not what the rows say: run python -m tests.coverage")
    else:
        PAGE.write_text(wanted)


if __name__ == "__main__":
    main()
