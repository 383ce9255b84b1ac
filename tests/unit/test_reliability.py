"""The table of faults: what tests declare and what the page says."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import reliability

EMPTY = "# Page\n<!-- generated: faults -->\n<!-- end -->\nrest\n"


def test_the_page_has_a_row_for_every_fault_that_a_test_declares() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.reliability", "--check"], cwd=reliability.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_faults_are_found_in_marks_of_tests_and_of_parameters(tmp_path: Path) -> None:
    (tmp_path / "test_b.py").write_text('pytest.param(1, marks=pytest.mark.fault("third"))')
    first = "@pytest.mark.fault('first')\ndef t(): fault('no')\n"
    (tmp_path / "test_a.py").write_text(f"{first}pytest.mark.fault('second')")
    assert reliability.declared(tmp_path) == ["first", "second", "third"]


def test_rows_keep_the_order_of_the_tests_and_what_was_not_run() -> None:
    page = reliability.with_rows(EMPTY, ["a", "b"], {"b": ("x | y", "3", "`error: z`")})
    page = reliability.with_rows(page, ["a", "b"], {"a": ("nothing", "0", "nothing")})
    assert list(reliability.rows_of(page)) == ["a", "b"]
    assert reliability.rows_of(page)["b"] == ("x | y", "3", "`error: z`")
    assert page.startswith("# Page\n")
    assert page.endswith("<!-- end -->\nrest\n")


def test_a_fault_that_no_test_declares_any_more_loses_its_row() -> None:
    page = reliability.with_rows(EMPTY, ["a", "b"], {"a": ("nothing",) * 3, "b": ("nothing",) * 3})
    assert list(reliability.rows_of(reliability.with_rows(page, ["b"], {}))) == ["b"]


def test_differences_are_named_one_by_one() -> None:
    page = reliability.with_rows(EMPTY, ["a", "b"], {"a": ("nothing",) * 3, "b": ("nothing",) * 3})
    assert reliability.differences(page, ["a", "b"]) == []
    assert reliability.differences(page, ["b", "c", "c"]) == [
        "no row for: c",
        "no row for: c",
        "no test for: a",
        "declared twice: c",
    ]


def test_a_page_without_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no block"):
        reliability.rows_of("# Page\n")


def test_a_test_that_passed_and_one_that_is_expected_to_fail_make_a_row(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = pytester.path / "page.md"
    page.write_text(EMPTY)
    (pytester.path / "conftest.py").write_text(
        "from pathlib import Path\n"
        "from tests import reliability\n"
        f"reliability.PAGE, reliability.ROOT = Path({str(page)!r}), Path({str(pytester.path)!r})\n"
    )
    folder = pytester.mkdir("tests")
    (folder / "test_x.py").write_text(
        "import pytest\n"
        "@pytest.mark.fault('good')\n"
        "def test_good(outcome): outcome.lost, outcome.exit_code = 'nothing', 0\n"
        "@pytest.mark.fault('bad')\n"
        "def test_bad(outcome): outcome.lost = 'nothing'; assert False\n"
        "@pytest.mark.fault('short')\n"
        "@pytest.mark.xfail(reason='too slow')\n"
        "def test_short(outcome): assert False\n"
    )
    monkeypatch.setenv("EBPFAUDIT_RELIABILITY", "1")
    done = pytester.runpytest_subprocess("-p", "tests.reliability", f"--rootdir={pytester.path}")
    done.assert_outcomes(passed=1, failed=1, xfailed=1)
    assert reliability.rows_of(page.read_text()) == {
        "good": ("nothing", "0", "nothing"),
        "short": ("falls short: too slow", "–", "–"),
    }
