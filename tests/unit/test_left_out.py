"""The plugin that lists the tests a machine cannot run, in a pytest of its own."""

import pytest

SOME_NEED_ROOT = """
    import pytest

    def test_runs():
        pass

    @pytest.mark.parametrize("n", range(3))
    def test_root(n):
        pytest.skip("needs: root")
"""
MODULE_NEEDS_BTF = "import pytest\npytest.skip('needs: BTF', allow_module_level=True)"


def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, *, ci: str) -> pytest.RunResult:
    monkeypatch.setenv("CI", ci)
    return pytester.runpytest_inprocess("-p", "tests.left_out")


def last_lines(result: pytest.RunResult) -> list[str]:
    lines = [line.rstrip() for line in result.outlines]
    return lines[next(i for i, line in enumerate(lines) if "= left out" in line) + 1 :]


def test_what_is_left_out_is_counted_by_folder_and_reason_at_the_very_end(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(SOME_NEED_ROOT)
    pytester.mkpydir("kernel").joinpath("test_bpf.py").write_text(MODULE_NEEDS_BTF)

    result = run(pytester, monkeypatch, ci="")

    assert result.ret == pytest.ExitCode.OK
    assert last_lines(result) == ["count  what    needs", "    3  .       root", "    1  kernel  BTF"]


def test_in_ci_a_left_out_test_fails_the_run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile(SOME_NEED_ROOT)

    result = run(pytester, monkeypatch, ci="true")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, skipped=3)
    assert last_lines(result) == ["count  what  needs", "    3  .     root"]


def test_in_ci_a_run_of_which_nothing_remains_fails(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile(MODULE_NEEDS_BTF)

    assert run(pytester, monkeypatch, ci="true").ret == pytest.ExitCode.TESTS_FAILED


def test_in_ci_a_run_without_skips_passes(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile("def test_runs(): pass")

    result = run(pytester, monkeypatch, ci="true")

    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("*left out*")


@pytest.mark.parametrize(
    "body",
    [
        "def test_it(): pytest.skip('flaky')",
        "@pytest.mark.skip(reason='later')\ndef test_it(): pass",
        "@pytest.fixture\ndef broken(): pytest.skip('no idea')\ndef test_it(broken): pass",
    ],
    ids=["call", "mark", "fixture"],
)
def test_a_skip_without_a_need_is_an_error(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    pytester.makepyfile(f"import pytest\n{body}")

    result = run(pytester, monkeypatch, ci="")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*a reason must begin with 'needs:'*"])


def test_a_skipped_module_without_a_need_is_an_error(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile("import pytest\npytest.importorskip('no_such_module')")

    result = run(pytester, monkeypatch, ci="")

    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*a reason must begin with 'needs:'*"])


def test_an_expected_failure_is_not_left_out(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.xfail(reason='known')\ndef test_it(): assert False")

    assert run(pytester, monkeypatch, ci="true").ret == pytest.ExitCode.OK
