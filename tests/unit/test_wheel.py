"""What pip and pipx install: built as for a release, put into an empty environment."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "v1-shell.ebpfaudit"
DIGEST = f"sha256:{'0123456789abcdef' * 4}"


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


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as a release has it: of a checkout whose client knows its recorder's image."""
    tree = tmp_path_factory.mktemp("release")
    run(ROOT / "scripts" / "release-tree", DIGEST, tree, cwd=tree)
    build: list[str | Path] = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--wheel",
        "--outdir",
        tree / "dist",
        tree,
    ]
    run(*build, cwd=tree)
    [wheel] = (tree / "dist").glob("*.whl")
    return wheel


def test_a_release_starts_the_image_of_its_own_digest_and_a_checkout_that_of_its_version(
    released: Path, installed: Path, tmp_path: Path
) -> None:
    """The place of a recorder says what `record` starts."""
    code = "from kubectl_ebpfaudit.cluster.pod import Place; print(Place('node').image)"
    version = "import kubectl_ebpfaudit.__main__ as m; m.main()"
    by_name = run(installed / "python", "-c", code, cwd=tmp_path).strip()
    assert re.fullmatch(r"docker\.io/ebpfaudit/recorder:[0-9.]+", by_name)
    with zipfile.ZipFile(released) as file:
        file.extractall(tmp_path / "released")
    for python_code, arguments, said in (
        (code, [], f"{by_name}@{DIGEST}\n"),
        (version, ["version"], f"\nrecorder image {by_name}@{DIGEST}\n"),
    ):
        first = f"import sys; sys.path.insert(0, {str(tmp_path / 'released')!r}); {python_code}"
        assert run(installed / "python", "-c", first, *arguments, cwd=tmp_path).endswith(said)


def test_a_digest_that_is_none_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [ROOT / "scripts" / "release-tree", "sha256:short", tmp_path / "tree"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert not (tmp_path / "tree").exists()


@pytest.mark.slow
def test_pipx_installs_it_with_all_that_it_needs(wheel: Path, tmp_path: Path) -> None:
    """What it depends on comes from the package index, in the versions that the tests have."""
    pinned = re.findall(
        r"^([a-zA-Z0-9_.-]+==[^ \n]+(?: ;[^\\\n]*)?) \\$", (ROOT / "requirements/dev.txt").read_text(), re.M
    )
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("\n".join(pinned))
    places = {
        "HOME": str(tmp_path),
        "PIPX_HOME": str(tmp_path / "pipx"),
        "PIPX_BIN_DIR": str(tmp_path / "bin"),
        "PIPX_MAN_DIR": str(tmp_path / "man"),
    }
    pipx: list[str | Path] = [sys.executable, "-m", "pipx", "install", "--python", sys.executable]
    run(*pipx, "--pip-args", f"--constraint {constraints}", wheel, cwd=tmp_path, **places)
    program, home = tmp_path / "bin" / "kubectl-ebpfaudit", {"EBPFAUDIT_HOME": str(tmp_path / "store")}
    assert "ls -la" in run(program, "show", GOLDEN, cwd=tmp_path, **home)
    parquet: list[str | Path] = [program, "export", GOLDEN, "--format", "parquet", "-w", tmp_path / "x"]
    refused = subprocess.run(parquet, capture_output=True, text=True, env={**os.environ, **home})
    assert refused.returncode == 1
    assert refused.stderr == (
        "error: the format parquet needs pyarrow, which is not installed: pip install 'kubectl-ebpfaudit[parquet]'\n"
    )
