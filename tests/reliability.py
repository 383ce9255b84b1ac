"""Pytest plugin: tests of faults say what came of them, and docs/reliability.md tells it.

A test marked `fault("what happens")` fills in the fixture `outcome`. With EBPFAUDIT_RELIABILITY=1 the run writes the
rows of the tests that passed, and why others are expected to fail, into the page's table. `python -m tests.reliability
--check` says whether the table has exactly the faults that tests declare; what else its rows say may differ from run
to run.
"""

import ast
import os
import re
import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reliability.md"
_BLOCK = re.compile(r"(<!-- generated: faults -->\n).*?(<!-- end -->\n)", re.S)
_HEAD = ("Fault", "What is lost", "Exit code of `record`", "What the user sees")


@dataclass
class Outcome:
    """What a fault led to, for somebody who reads it in a table; all in words but the exit code."""

    lost: str = ""
    exit_code: int | None = None
    sees: str = ""


_rows = pytest.StashKey[dict[str, tuple[str, ...]]]()
_passed = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(what): a row of docs/reliability.md; the test fills in `outcome`")
    config.stash[_rows] = {}


@pytest.fixture
def outcome(request: pytest.FixtureRequest) -> Iterator[Outcome]:
    """To be filled in by a test that is marked `fault`; what a test that passed says goes into the table."""
    marker = request.node.get_closest_marker("fault")
    assert marker, "a test with an `outcome` is marked fault(…)"
    found = Outcome()
    yield found
    if request.node.stash.get(_passed, False):
        assert found.lost, "the test does not say what is lost"
        code = "–" if found.exit_code is None else str(found.exit_code)
        request.config.stash[_rows][marker.args[0]] = (found.lost, code, found.sees or "nothing")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "call":
        short = getattr(report, "wasxfail", None)
        item.stash[_passed] = report.passed and short is None
        if short and report.skipped and (marker := item.get_closest_marker("fault")):
            item.config.stash[_rows][marker.args[0]] = (f"falls short: {short.removeprefix('reason: ')}", "–", "–")
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    rows = session.config.stash[_rows]
    if rows and os.environ.get("EBPFAUDIT_RELIABILITY") == "1":
        PAGE.write_text(with_rows(PAGE.read_text(), declared(ROOT / "tests"), rows))


def declared(folder: Path) -> list[str]:
    """The faults that the tests below `folder` declare, in the order of files and lines."""
    found = []
    for path in sorted(folder.rglob("test_*.py")):
        calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
        marks = (call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "fault")
        found += [ast.literal_eval(mark.args[0]) for mark in sorted(marks, key=lambda mark: mark.lineno)]
    return found


def rows_of(page: str) -> dict[str, tuple[str, ...]]:
    """What the page's table says of each fault. Raises ValueError if the page has no table."""
    if not (block := _BLOCK.search(page)):
        raise ValueError("the page has no block `<!-- generated: faults -->` … `<!-- end -->`")
    lines = [line for line in block[0].splitlines() if line.startswith("| ")][1:]
    cells = (re.split(r"(?<!\\) \| ", line.removeprefix("| ").removesuffix(" |")) for line in lines)
    return {name: tuple(cell.replace("\\|", "|") for cell in rest) for name, *rest in cells}


def with_rows(page: str, faults: list[str], rows: dict[str, tuple[str, ...]]) -> str:
    """The page with a row for each of `faults`, in that order: a new one, or the one that it has."""
    known = {**rows_of(page), **rows}
    table = [_line(_HEAD), "|---|---|---|---|", *(_line((name, *known[name])) for name in faults if name in known)]
    return _BLOCK.sub(lambda found: found[1] + "\n".join(table) + "\n" + found[2], page)


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def differences(page: str, faults: list[str]) -> list[str]:
    """What keeps the page's table from being that of these faults, a line each."""
    named = list(rows_of(page))
    return [
        *(f"no row for: {name}" for name in faults if name not in named),
        *(f"no test for: {name}" for name in named if name not in faults),
        *(f"declared twice: {name}" for name in {name for name in faults if faults.count(name) > 1}),
    ]


def main() -> None:
    if sys.argv[1:] != ["--check"]:
        sys.exit("usage: python -m tests.reliability --check")
    if wrong := differences(PAGE.read_text(), declared(ROOT / "tests")):
        hint = "run the tests of faults with EBPFAUDIT_RELIABILITY=1"
        sys.exit("\n".join([*wrong, f"{PAGE.name} is not what the tests declare: {hint}"]))


if __name__ == "__main__":
    main()
