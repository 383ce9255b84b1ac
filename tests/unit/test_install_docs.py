"""The README's ways to install. Of krew tests/cluster/test_krew.py runs all of it; of pipx, test_wheel.py the wheel."""

import os
import re
import subprocess
from pathlib import Path

from kubectl_ebpfaudit import __version__
from tests.support.cli import ROOT


def _section() -> str:
    return (ROOT / "README.md").read_text().partition("\n## Install\n")[2].partition("\n## ")[0]


def test_files_that_are_named_are_those_of_this_version() -> None:
    named = re.findall(r"kubectl[-_]ebpfaudit[-_]v?(\d+\.\d+\.\d+)", _section())
    assert len(named) == 2
    assert set(named) == {__version__}
    assert f"version: v{__version__}" in (ROOT / "krew-manifest.yaml").read_text()


def test_a_link_to_the_checkout_is_a_plugin(tmp_path: Path) -> None:
    [line] = [line for line in _section().splitlines() if line.strip().startswith("ln -s")]
    command = line.replace("/usr/local/bin/", f"{tmp_path}/")
    subprocess.run(["sh", "-c", command], cwd=ROOT, check=True)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["kubectl-ebpfaudit", "version"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert __version__ in done.stdout
