"""Every verb has a page with a real example, and every page says what the verb does now."""

import re
from pathlib import Path

import pytest

from kubectl_ebpfaudit.app import VERBS
from tests import verb_pages
from tests.cluster import verb_pages as cluster_pages


@pytest.mark.parametrize("page", verb_pages.pages(), ids=lambda page: page.stem)
def test_a_page_shows_what_its_examples_print(page: Path) -> None:
    assert verb_pages.generated(page) == page.read_text(), "make help-texts writes it anew"


def test_the_walk_through_an_incident_shows_what_its_commands_print() -> None:
    assert verb_pages.walked(verb_pages.INCIDENT) == verb_pages.INCIDENT.read_text(), "make help-texts writes it anew"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_page_with_an_example_and_every_option(verb: str) -> None:
    text = (verb_pages.PAGES / f"{verb}.md").read_text()
    assert f"$ kubectl ebpfaudit {verb}" in text, "a block of the kind console"
    for option, _ in verb_pages.options(verb):
        assert f"| `{option}`".replace("|", "\\|")[2:] in text, option


@pytest.mark.parametrize("verb", cluster_pages.ORDER)
def test_an_example_from_the_cluster_has_what_its_command_lines_printed(verb: str) -> None:
    blocks = cluster_pages.examples(verb)
    assert blocks
    for block in blocks:
        runs = re.split(r"^\$ kubectl ebpfaudit .*\n", block, flags=re.M)
        assert len(runs) > 1
        assert all(printed.strip() for printed in runs[1:]), "EBPFAUDIT_VERB_PAGES=1 make test-cluster writes it"


def test_no_page_is_about_a_verb_that_there_is_not() -> None:
    assert {page.stem for page in verb_pages.pages()} <= set(VERBS)


def test_a_page_that_differs_is_found(tmp_path: Path) -> None:
    page = tmp_path / "version.md"
    page.write_text("```console\n$ kubectl ebpfaudit version\nnonsense\n```\n")
    assert re.search(r"version\n.*\d+\.\d+", verb_pages.generated(page), re.S)
