"""docs/coverage.md against the rows that are proven."""

import subprocess
import sys

from tests import coverage
from tests.kernel.tricks import ROWS


def test_the_page_says_what_the_rows_say() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.coverage", "--check"], cwd=coverage.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_a_row_that_has_changed_is_noticed_and_written_anew() -> None:
    page = coverage.PAGE.read_text()
    changed = page.replace(ROWS[0].seen, "nothing at all")
    assert changed != page
    assert coverage.with_tables(changed) == page


def test_no_two_rows_are_of_the_same() -> None:
    names = [row.what for row in ROWS]
    assert len(set(names)) == len(names)
