"""The documentation, against the code and against itself."""

import importlib.util
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from kubectl_ebpfaudit.app import VERBS, command_line
from recorder.log import codec, format
from recorder.log.objects import MAX_ABOUT_BYTES
from recorder.log.writer import BLOCK_BYTES
from replay.exports import FORMATS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"])
OPTION = re.compile(r"^  (?:(-\w), )?(--[a-z-]+)", re.M)
COMMAND = re.compile(r"kubectl ebpfaudit ([a-z]+)([^\n]*)")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")


def generate(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, ROOT / "scripts/generate-docs", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@cache
def help_of(verb: str) -> str:
    return CliRunner().invoke(command_line([verb, "version"]), [verb, "--help"]).stdout


def anchors(page: Path) -> set[str]:
    """What GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_tables_of_the_log_format_are_those_of_event_h() -> None:
    done = generate("--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_table_that_differs_is_shown_and_then_written_anew(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    good = (DOCS / "log-format.md").read_text()
    page.write_text(good.replace("| `ns_pid` |", "| `nspid` |"))
    done = generate("--check", page)
    assert done.returncode == 1
    assert "-| `nspid` |" in done.stdout
    assert "+| `ns_pid` |" in done.stdout
    assert generate(page).returncode == 0
    assert page.read_text() == good


def test_a_page_without_its_tables_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# No table\n")
    assert "has the blocks []" in generate("--check", page).stderr


def test_the_log_format_names_the_version_and_the_limits_of_the_code() -> None:
    text = (DOCS / "log-format.md").read_text()
    assert text.startswith("# The log format, version {}.{}\n".format(*format.VERSION))
    for what, size in (
        ("an object", codec.MAX_OBJECT_BYTES),
        ("a `bin`", codec.MAX_BIN_BYTES),
        ("a block's `size`", format.MAX_BLOCK_BYTES),
        ("a `str`", codec.MAX_STR_BYTES),
    ):
        assert f"| {what} | {size >> 20} MiB |" in text
    assert f"| elements of an array or map | {codec.MAX_ITEMS:,} |" in text
    assert f"| maps in one object | {codec.MAX_MAPS:,} |" in text
    assert f"| `about` of a `target_start` | {MAX_ABOUT_BYTES >> 10} KiB |" in text
    assert f"about {BLOCK_BYTES >> 10} KiB are collected" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text()):
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there), f"{target}#{anchor}"


def test_the_index_names_every_page() -> None:
    named = {
        (index.parent / target).resolve()
        for index in (DOCS / "README.md", DOCS / "adr" / "README.md")
        for target, _ in LINK.findall(index.read_text())
    }
    assert set(DOCS.rglob("*.md")) - named == {DOCS / "README.md"}


def _nav() -> list[str]:
    """The pages of the site, in the order of its menu."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    config["docs_dir"] = str(DOCS)

    def pages(value: Any) -> list[str]:
        if isinstance(value, str):
            return [value]
        return [page for part in (value.values() if isinstance(value, dict) else value) for page in pages(part)]

    return pages(_hook().on_config(config)["nav"])


def _hook() -> Any:
    source = importlib.util.spec_from_file_location("site_nav", ROOT / "scripts" / "site_nav.py")
    assert source
    assert source.loader
    module = importlib.util.module_from_spec(source)
    source.loader.exec_module(module)
    return module


def test_every_page_is_in_the_menu_of_the_site_once() -> None:
    assert sorted(_nav()) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def test_the_index_has_the_order_of_the_menu() -> None:
    first = [page for page in _nav() if "/" not in page and page != "README.md"]
    links = [target for target, _ in LINK.findall((DOCS / "README.md").read_text())]
    assert [target for target in links if target in first] == first


def test_other_tools_are_described_with_sources_and_a_date() -> None:
    begin, *tools = (DOCS / "comparison.md").read_text().split("\n## ")
    assert re.search(r"looked up on \d{4}-\d\d-\d\d", begin)
    for tool in tools:
        assert "](https://" in tool, tool.partition("\n")[0]
        name = tool.partition("\n")[0]
        assert f"](#{re.sub(r'[^a-z0-9 -]', '', name.lower()).replace(' ', '-')})" in begin, name


def test_every_verb_has_an_example_and_a_place_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for verb in VERBS:
        assert f"kubectl ebpfaudit {verb}" in help_of(verb).partition("Example")[2], verb
        assert re.search(rf"^\| `{verb}\b", readme, re.M), verb


@pytest.mark.parametrize("verb", ["record", "attach", "status", "stop", "cleanup"])
def test_every_option_of_recording_is_in_the_pages_on_clusters(verb: str) -> None:
    page = "".join((DOCS / name).read_text() for name in ("usage-cluster.md", "connecting.md"))
    for names in OPTION.findall(help_of(verb)):
        found = [name for name in names if name and re.search(rf"(?<![\w-]){name}(?![\w-])", page)]
        assert found or "--help" in names, names


def test_the_page_on_exports_has_every_format_option_and_table() -> None:
    page = (DOCS / "export.md").read_text()
    for name in FORMATS:
        assert f"`{name}`" in page, name
        assert f"--format {name}" in page or name == "asciicast-v3", name
    for _, long in OPTION.findall(help_of("export")):
        assert long in page or long in ("--help", "--verbose", "--write"), long


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_command_lines_of_the_docs_name_verbs_and_options_that_there_are(page: Path) -> None:
    text = page.read_text().replace("\\\n", " ")
    for verb, rest in COMMAND.findall(text):
        assert verb in VERBS, verb
        known = set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", help_of(verb)))
        ours = re.split(r"[|#`]| -- ", rest)[0]
        assert set(re.findall(r"(?<=[\s\[])--?[a-zA-Z][\w-]*", ours)) <= known | {"-A"}, rest
