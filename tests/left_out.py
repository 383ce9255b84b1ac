"""Pytest plugin: no test is left out silently.

A test that cannot run on a machine says so with `pytest.skip("needs: REASON")`. These are listed at the very
end, and with CI=true they fail the run. A skip for any other reason is an error.
"""

import os
from collections import Counter
from collections.abc import Generator
from pathlib import PurePosixPath
from typing import TypeVar

import pytest

PREFIX = "needs:"
_left_out = pytest.StashKey[Counter[tuple[str, str]]]()

_Report = TypeVar("_Report", pytest.TestReport, pytest.CollectReport)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_left_out] = Counter()
    config.pluginmanager.register(_Collector(config.stash[_left_out]), "left-out-collector")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _without_other_skips((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _without_other_skips((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)  # outermost: what this prints comes after pytest's last line
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    yield
    left_out = session.config.stash[_left_out]
    if not left_out:
        return
    in_ci = os.environ.get("CI") == "true"
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None:
        terminal.ensure_newline()
        terminal.section("left out: an error under CI" if in_ci else "left out", red=in_ci, yellow=not in_ci)
        for line in _table(left_out):
            terminal.line(line)
    if in_ci and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


class _Collector:
    """Counts the tests, and modules, that were left out, by folder and reason."""

    def __init__(self, left_out: Counter[tuple[str, str]]) -> None:
        self._left_out = left_out

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._count(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._count(report)

    def _count(self, report: _Report) -> None:
        reason = _skip_reason(report)
        if reason is not None:
            folder = str(PurePosixPath(report.nodeid.partition("::")[0]).parent)
            self._left_out[folder, reason.removeprefix(PREFIX).strip()] += 1


def _skip_reason(report: _Report) -> str | None:
    """The reason a skip was given; None for what is no skip (an expected failure is none)."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return None
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")


def _without_other_skips(report: _Report) -> _Report:
    reason = _skip_reason(report)
    if reason is not None and not reason.startswith(PREFIX):
        report.outcome = "failed"
        report.longrepr = f"skipped with {reason!r}: a reason must begin with {PREFIX!r}"
    return report


def _table(left_out: Counter[tuple[str, str]]) -> list[str]:
    rows = [(str(count), folder, reason) for (folder, reason), count in sorted(left_out.items())]
    rows.insert(0, ("count", "what", "needs"))
    width = max(len(folder) for _, folder, _ in rows)
    return [f"{count:>5}  {folder:<{width}}  {reason}" for count, folder, reason in rows]
