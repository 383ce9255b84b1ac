"""A browser for all tests here, and reports to open in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.page.document import document
from replay.recording import opened
from tests.support import browser


@pytest.fixture(scope="session")
def one_page() -> Iterator[browser.Page]:
    if reason := browser.missing():
        pytest.skip(f"needs: {reason}")
    with browser.page() as page:
        yield page


@pytest.fixture
def page(one_page: browser.Page) -> Iterator[browser.Page]:
    """A page, which at the end must not have complained, nor asked for anything but the report itself."""
    one_page.complaints.clear()
    one_page.requests.clear()
    one_page.size(1400, 900)
    one_page.look()
    yield one_page
    assert not one_page.complaints
    assert all(url.endswith("/report.html") for url in one_page.requests), one_page.requests


def report(log: Path, folder: Path) -> Path:
    """The report of a recording, as a file."""
    file = folder / "report.html"
    with opened(log) as recording:
        file.write_text(document(recording), "utf-8")
    return file
