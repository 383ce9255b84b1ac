"""Every verb has a page with a real example, and every page says what the verb does now."""

import re
from pathlib import Path

import pytest

from kubectl_ebpfaudit.app import VERBS
from tests import verb_pages

DOCS = Path(__file__).parents[2] / "docs"
ELSEWHERE = {
    **dict.fromkeys(("record", "attach", "status", "stop", "cleanup", "doctor"), "usage-cluster.md"),
    "export": "export.md", "identify": "identify.md", "completion": "completion.md",
}  # fmt: skip
"""Verbs whose page is about more than one of them."""


@pytest.mark.parametrize("page", verb_pages.pages(), ids=lambda page: page.stem)
def test_a_page_shows_what_its_examples_print(page: Path) -> None:
    assert verb_pages.generated(page) == page.read_text(), "make help-texts writes it anew"


def test_the_walk_through_an_incident_shows_what_its_commands_print() -> None:
    assert verb_pages.walked(verb_pages.INCIDENT) == verb_pages.INCIDENT.read_text(), "make help-texts writes it anew"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_page_with_an_example_and_every_option(verb: str) -> None:
    name = ELSEWHERE.get(verb, f"{verb}.md" if (DOCS / f"{verb}.md").exists() else f"verbs/{verb}.md")
    text = (DOCS / name).read_text()
    assert f"kubectl ebpfaudit {verb}" in text
    if name.startswith("verbs/"):
        assert f"$ kubectl ebpfaudit {verb}" in text, "a block of the kind console"
        for option, _ in verb_pages.options(verb):
            assert f"| `{option}`".replace("|", "\\|")[2:] in text, option


def test_no_page_is_about_a_verb_that_there_is_not() -> None:
    assert {page.stem for page in verb_pages.pages()} <= set(VERBS)


def test_a_page_that_differs_is_found(tmp_path: Path) -> None:
    page = tmp_path / "version.md"
    page.write_text("```console\n$ kubectl ebpfaudit version\nnonsense\n```\n")
    assert re.search(r"version\n.*\d+\.\d+", verb_pages.generated(page), re.S)
