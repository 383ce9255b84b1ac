"""Installed the way kubectl users install plugins: the real krew, the archive of `make krew`, a real cluster."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from kubectl_ebpfaudit import __version__
from tests.cluster.commands import ROOT, leave, recorders, shell, type_in
from tests.cluster.conftest import Victim
from tests.cluster.node import Missing, Node, requirements

_SECONDS = 120
_NEEDS = "kubectl-ebpfaudit needs CPython 3.10 to 3.14 on the PATH"
_DAMAGED = "error: this copy of kubectl-ebpfaudit is damaged"


@dataclass(frozen=True)
class Built:
    """What `make krew` leaves: the archive and its manifest; and the program, unpacked."""

    archive: Path
    manifest: Path
    program: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    try:
        folder = requirements.krew_archive()
    except Missing as missing:
        pytest.skip(f"needs: {missing}")
    [archive] = folder.glob(f"kubectl-ebpfaudit_v{__version__}_linux_{_arch()}.tar.gz")
    kept = tmp_path_factory.mktemp("krew")
    shutil.copy(archive, kept)
    shutil.copy(folder / "krew-manifest.yaml", kept / "ebpfaudit.yaml")
    subprocess.run(["tar", "xzf", archive.name], cwd=kept, check=True)
    return Built(kept / archive.name, kept / "ebpfaudit.yaml", kept / "kubectl-ebpfaudit")


def _arch() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


class Krew:
    """krew as a user of the cluster has it, in a folder of its own."""

    def __init__(self, node: Node, programs: Path, root: Path) -> None:
        self._node, self._programs, self._root = node, programs, root

    def run(self, *argv: str) -> "subprocess.CompletedProcess[str]":
        env = {"KREW_ROOT": str(self._root), "KREW_NO_UPGRADE_CHECK": "1", "PATH": f"{self._root}/bin:{self._programs}"}
        command = self._node.command(argv, env=env)
        return subprocess.run(command.argv, env=command.env, capture_output=True, text=True, timeout=_SECONDS)

    def done(self, *argv: str) -> str:
        """What it prints. It must succeed."""
        ran = self.run(*argv)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout


@pytest.fixture
def krew(node: Node, tmp_path: Path) -> Krew:
    return Krew(node, requirements.krew(), tmp_path / "krew")


@pytest.fixture
def index(node: Node, built: Built, tmp_path: Path) -> Iterator[Path]:
    """A krew index, a git repository, that has this version as 0.0.1; its archive is served over HTTP."""
    server_argv = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(tmp_path), "0"]
    served = node.command(server_argv)
    shutil.copy(built.archive, tmp_path)
    index = tmp_path / "index"
    (index / "plugins").mkdir(parents=True)
    with subprocess.Popen(
        served.argv,
        env=served.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        try:
            assert server.stdout
            found = re.search(r"port (\d+)", server.stdout.readline())
            assert found
            manifest = yaml.safe_load(built.manifest.read_text())
            manifest["spec"]["platforms"][0]["uri"] = f"http://127.0.0.1:{found[1]}/{built.archive.name}"
            subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(index)], check=True)
            _publish(index, manifest, "v0.0.1")
            yield index
        finally:
            server.terminate()


def _publish(index: Path, manifest: dict[str, object], version: str) -> None:
    spec = manifest["spec"]
    assert isinstance(spec, dict)
    spec["version"] = version
    (index / "plugins" / "ebpfaudit.yaml").write_text(yaml.safe_dump(manifest))
    git = ["git", "-C", str(index), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", version], check=True)


def test_manifest_passes_the_validator_of_the_index(built: Built, tmp_path: Path) -> None:
    whole = tmp_path / "ebpfaudit.yaml"
    shutil.copy(ROOT / "krew-manifest.yaml", whole)
    validate = str(requirements.krew() / "validate-krew-manifest")
    done = subprocess.run([validate, "-manifest", str(whole), "-skip-install"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ours, one = (yaml.safe_load(path.read_text()) for path in (whole, built.manifest))
    assert ours["spec"]["version"] == f"v{__version__}"
    assert {key: value for key, value in ours["spec"].items() if key != "platforms"} == {
        key: value for key, value in one["spec"].items() if key != "platforms"
    }
    digest = hashlib.sha256(built.archive.read_bytes()).hexdigest()
    assert [platform["sha256"] for platform in one["spec"]["platforms"]] == [digest]


def test_archive_is_the_same_when_it_is_built_again(built: Built) -> None:
    again = requirements.krew_archive() / built.archive.name
    assert again.read_bytes() == built.archive.read_bytes()
    assert again.stat().st_size < 25e6
    listed = subprocess.run(["tar", "tvzf", str(again)], capture_output=True, text=True, check=True).stdout
    assert [(line.split()[0], line.split()[-1]) for line in listed.splitlines()] == [
        ("-rw-r--r--", "LICENSE"),
        ("-rwxr-xr-x", "kubectl-ebpfaudit"),
    ]


def test_installed_by_krew_it_records_lists_and_replays_through_kubectl(
    krew: Krew, node: Node, victim: Victim, index: Path, built: Built, tmp_path: Path
) -> None:
    krew.done("krew", "index", "add", "default", str(index))
    krew.done("krew", "install", "ebpfaudit")
    assert krew.done("kubectl", "ebpfaudit", "version").startswith(f"kubectl ebpfaudit {__version__}")
    record = node.command(
        ["kubectl", "ebpfaudit", "record", victim.pod, "-n", victim.namespace, "--sessions", "1"],
        env={"PATH": f"{tmp_path}/krew/bin"},
    )
    with subprocess.Popen(
        record.argv, env=record.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as live:
        assert live.stderr
        for line in live.stderr:
            if line.startswith("Recording "):
                break
        with shell(node, victim.namespace, victim.pod) as terminal:
            type_in(terminal, "echo 'seen by 'all", b"seen by all\r\n")
            leave(terminal)
        said = live.communicate(timeout=_SECONDS)[1]
    assert live.returncode == 0, said
    assert recorders(node) == []
    assert victim.pod in krew.done("kubectl", "ebpfaudit", "list")
    assert "bash --norc" in krew.done("kubectl", "ebpfaudit", "show", "latest")
    assert "seen by all" in krew.done("kubectl", "ebpfaudit", "replay", "latest")

    manifest = yaml.safe_load((index / "plugins" / "ebpfaudit.yaml").read_text())
    _publish(index, manifest, "v0.0.2")
    krew.done("krew", "upgrade")
    assert (
        yaml.safe_load((tmp_path / "krew" / "receipts" / "ebpfaudit.yaml").read_text())["spec"]["version"] == "v0.0.2"
    )
    assert "bash --norc" in krew.done("kubectl", "ebpfaudit", "show", "latest")
    krew.done("krew", "uninstall", "ebpfaudit")
    assert krew.run("kubectl", "ebpfaudit", "version").returncode != 0


def test_manifest_and_archive_can_be_installed_from_files(krew: Krew, built: Built) -> None:
    krew.done("krew", "install", f"--manifest={built.manifest}", f"--archive={built.archive}")
    assert krew.done("kubectl", "ebpfaudit", "version").startswith(f"kubectl ebpfaudit {__version__}")


def _start(built: Built, path: Path, env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Starts the program with nothing else on the PATH than `path` and what its script needs."""
    for name in ("mkdir", "sh"):
        (path / name).symlink_to(shutil.which(name) or "")
    return subprocess.run(
        [str(built.program), "version"],
        env={"PATH": str(path), **env},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )


def _python(path: Path, name: str, version: str) -> None:
    """A Python that says it is of that version."""
    (path / name).write_text(f"#!/bin/sh\necho '{version}'\n")
    (path / name).chmod(0o755)


def test_without_a_python_it_says_what_it_needs(built: Built, tmp_path: Path) -> None:
    path = tmp_path / "bin"
    path.mkdir()
    ran = _start(built, path, {"HOME": str(tmp_path)})
    assert ran.returncode == 1
    assert ran.stderr == f"error: {_NEEDS}, and finds none: install one\n"


def test_python_that_is_too_old_is_named_and_a_newer_one_beside_it_taken(built: Built, tmp_path: Path) -> None:
    path = tmp_path / "bin"
    path.mkdir()
    _python(path, "python3", "3.8 cpython")
    ran = _start(built, path, {"HOME": str(tmp_path)})
    assert ran.returncode == 1
    assert f"and finds {path}/python3 (3.8 cpython): install one\n" in ran.stderr
    (path / f"python{sys.version_info[0]}.{sys.version_info[1]}").symlink_to(sys.executable)
    ran = subprocess.run(
        [str(built.program), "version"], env={"PATH": str(path), "HOME": str(tmp_path)}, capture_output=True, text=True
    )
    assert ran.stdout.startswith(f"kubectl ebpfaudit {__version__}"), ran.stderr


def test_two_versions_at_once_each_run_their_own_code(built: Built, tmp_path: Path) -> None:
    """As during an upgrade: both unpack themselves into one folder."""
    newer = tmp_path / "newer"
    program = built.program.read_bytes()
    newer.write_bytes(program[: program.index(b"PK\x03\x04")])
    with zipfile.ZipFile(built.program) as one, zipfile.ZipFile(newer, "a") as other:
        for entry in one.infolist():
            data = one.read(entry)
            if entry.filename == "site-packages/recorder/log/__init__.py":
                data = data.replace(f'"{__version__}"'.encode(), b'"99.0.0"')
            if entry.filename == "environment.json":
                data = json.dumps({**json.loads(data), "build_id": "99"}).encode()
            other.writestr(entry, data)
    newer.chmod(0o755)
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    for path, version in ((built.program, __version__), (newer, "99.0.0"), (built.program, __version__)):
        ran = subprocess.run([str(path), "version"], env=env, capture_output=True, text=True)
        assert ran.stdout.startswith(f"kubectl ebpfaudit {version},"), ran.stderr


def test_folder_that_cannot_be_written_is_named(built: Built, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = subprocess.run(
        [str(built.program), "version"],
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "file")},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    assert re.fullmatch(
        r"error: kubectl-ebpfaudit unpacks itself into \S+, which cannot be written: make it writable, .*\n", ran.stderr
    )


def test_unpacked_copy_that_is_damaged_is_told_with_what_to_remove(built: Built, tmp_path: Path) -> None:
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([str(built.program), "version"], env=env, check=True, capture_output=True)
    [removed] = tmp_path.rglob("kubectl_ebpfaudit/printing.py")
    shutil.rmtree(removed.parent / "__pycache__", ignore_errors=True)
    removed.unlink()
    ran = subprocess.run([str(built.program), "version"], env=env, capture_output=True, text=True)
    assert ran.returncode == 1
    assert re.fullmatch(rf"{_DAMAGED} \(.*printing.*\): remove \S+, .*\n", ran.stderr)
