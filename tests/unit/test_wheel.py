"""What pip and pipx install: built as for a release, put into an empty environment."""

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "v1-shell.ebpfaudit"


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env={**kept, **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, made from the sdist as `make dist` makes it."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    assert len(list(out.glob("*.tar.gz"))) == 1
    [wheel] = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has the wheel; what it depends on is that of the tests."""
    place = tmp_path_factory.mktemp("empty") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", place, cwd=place.parent)
    python = place / "bin" / "python"
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-deps",
        "--no-index",
        "--quiet",
    ]
    run(*pip, wheel, cwd=place.parent)
    [packages] = place.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place / "bin"


def test_the_wheel_holds_the_four_packages_and_nothing_compiled(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
    top = {name.partition("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {
        "bpf",
        "kubectl_ebpfaudit",
        "recorder",
        "replay",
    }
    assert wheel.name.endswith("-py3-none-any.whl")
    assert not [name for name in names if name.endswith((".so", ".pyd", ".dylib", ".o", ".a", ".pyc"))]
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_what_is_installed_works_away_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    home = {"EBPFAUDIT_HOME": str(tmp_path)}
    for command in ([installed / "kubectl-ebpfaudit"], [installed / "python", "-m", "kubectl_ebpfaudit"]):
        assert json.loads(run(*command, "version", "-o", "json", cwd=tmp_path, **home))["version"]
        assert "ls -la" in run(*command, "show", GOLDEN, cwd=tmp_path, **home)
    assert "AsciinemaPlayer" in run(
        installed / "kubectl-ebpfaudit", "export", GOLDEN, "--format", "html", cwd=tmp_path, **home
    )
    shown = run(installed / "python", "-c", "import recorder, replay; print(recorder.__file__)", cwd=tmp_path)
    assert shown.startswith(str(installed.parent))
    for verb in ("record", "doctor", "identify"):
        run(installed / "kubectl-ebpfaudit", verb, "-h", cwd=tmp_path, **home)
    assert "_kubectl_ebpfaudit" in run(installed / "kubectl-ebpfaudit", "completion", "bash", cwd=tmp_path)
    assert run(installed / "kubectl_complete-ebpfaudit", "verify", "--out", cwd=tmp_path).startswith("--output\t")


def test_the_recorder_finds_its_c_sources_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = "from recorder import events; print(sorted(layout.name for layout in events.layouts().values())[:2])"
    assert run(installed / "python", "-c", code, cwd=tmp_path) == "['clock', 'exec']\n"
