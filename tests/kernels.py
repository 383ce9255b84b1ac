"""Pytest plugin: what tests on other kernels found, for the table in docs/kernels.md.

A test fills in the fixture `kernel_rows`; with EBPFAUDIT_KERNELS=1 a run writes those of the tests that passed into the
page. `KERNELS` is what there is to be tested, and what each of these kernels refuses; the page is held against it.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "kernels.md"
WAYS = ("fexit", "kprobe", "syscall")
_BLOCK = re.compile(r"(<!-- generated: kernels -->\n).*?(<!-- end -->\n)", re.S)
KINDS = {"tty": "Terminals", "exec_failed": "Failed execs", "stream": "Pipes"}
"""The kinds of probes that have more than one way, and what the table calls what they see."""
_HEAD = ("Kernel", "Machine", "Way", *KINDS.values())
_rows = pytest.StashKey[dict[tuple[str, str, str], tuple[str, ...]]]()
_passed = pytest.StashKey[bool]()


@dataclass(frozen=True)
class Kernel:
    """A kernel to test on: its version ("" is the newest), machine, fixture of tests/guest, and what it refuses."""

    version: str
    machine: str
    guest: str
    refuses: frozenset[tuple[str, str]] = frozenset()
    preempts: bool = False
    """Whether it may skip programs of type tracing, recorder/preemption.py."""

    @property
    def name(self) -> str:
        return f"{self.version or 'newest'}-{self.machine}"


KERNELS = (
    Kernel("5.10", "x86_64", "guest_5_10"),
    Kernel("6.1", "x86_64", "guest_6_1"),
    Kernel("6.12", "x86_64", "guest_6_12"),
    Kernel("", "x86_64", "guest_newest", preempts=True),
    Kernel("6.1", "aarch64", "guest_6_1_arm64", frozenset((kind, "fexit") for kind in KINDS)),
    Kernel("6.12", "aarch64", "guest_6_12_arm64"),
)

Rows = dict[tuple[str, str, str], tuple[str, ...]]
"""Release, and what the way of each of KINDS gave; by kernel, machine and way."""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_rows] = {}


@pytest.fixture
def kernel_rows(request: pytest.FixtureRequest) -> Iterator[Rows]:
    """To be filled in by a test; its rows count if it passes."""
    found: Rows = {}
    failed = request.session.testsfailed
    yield found
    if request.session.testsfailed == failed:
        request.config.stash[_rows] |= found


def pytest_sessionfinish(session: pytest.Session) -> None:
    rows = session.config.stash[_rows]
    if rows and os.environ.get("EBPFAUDIT_KERNELS") == "1":
        PAGE.write_text(with_rows(PAGE.read_text(), rows))


def declared() -> list[tuple[str, str, str]]:
    """The rows that the table has, in order."""
    return [(kernel.version or "newest", kernel.machine, way) for kernel in KERNELS for way in WAYS]


def rows_of(page: str) -> Rows:
    """What the page's table says. Raises ValueError if the page has no table."""
    if not (block := _BLOCK.search(page)):
        raise ValueError("the page has no block `<!-- generated: kernels -->` … `<!-- end -->`")
    lines = [line for line in block[0].splitlines() if line.startswith("| ")][1:]
    found: Rows = {}
    for line in lines:
        kernel, machine, way, *rest = line.removeprefix("| ").removesuffix(" |").split(" | ")
        version, _, release = kernel.partition(" (")
        found[version, machine, way.strip("`")] = (release.removesuffix(")"), *rest)
    return found


def with_rows(page: str, rows: Rows) -> str:
    """The page with these rows, and those that it had of what is declared still."""
    known = {**rows_of(page), **rows}
    table = ["| " + " | ".join(_HEAD) + " |", "|---" * len(_HEAD) + "|"]
    for key in declared():
        if key in known:
            version, machine, way = key
            release, *cells = known[key]
            table.append("| " + " | ".join((f"{version} ({release})", machine, f"`{way}`", *cells)) + " |")
    return _BLOCK.sub(lambda found: found[1] + "\n".join(table) + "\n" + found[2], page)
