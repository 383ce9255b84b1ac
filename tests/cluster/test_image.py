"""The recorder's image as `make image` builds it: for which machines, what it is made of, and always the same."""

import hashlib
import json
import os
import struct
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from kubectl_ebpfaudit import __version__
from tests.cluster.node import Missing, requirements

SBOM = "usr/share/doc/kubectl-ebpfaudit/recorder.spdx.json"
_LABELS = "io.github.kubectl-ebpfaudit"
_ELF_MACHINE = {"amd64": 62, "arm64": 183}  # EM_X86_64, EM_AARCH64 of elf.h


@dataclass(frozen=True)
class Image:
    """A docker archive."""

    architecture: str
    archive: Path

    @property
    def beside(self) -> Path:
        return self.archive.with_suffix(".spdx.json")

    @cached_property
    def config(self) -> dict[str, Any]:
        with tarfile.open(self.archive) as tar:
            [manifest] = json.loads(_read(tar, "manifest.json"))
            config: dict[str, Any] = json.loads(_read(tar, manifest["Config"]))
        return config

    @property
    def labels(self) -> dict[str, str]:
        labels: dict[str, str] = self.config["config"]["Labels"]
        return labels

    def files(self) -> Iterator[tuple[str, bytes]]:
        """The regular files of all layers, by their path without a leading /."""
        with tarfile.open(self.archive) as tar:
            [manifest] = json.loads(_read(tar, "manifest.json"))
            for name in manifest["Layers"]:
                with tarfile.open(fileobj=tar.extractfile(name)) as layer:
                    for member in layer:
                        if member.isreg():
                            yield member.name, _read(layer, member)


def _read(tar: tarfile.TarFile, member: str | tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file
    return file.read()


def _native() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


@pytest.fixture(scope="module", params=["amd64", "arm64"])
def image(request: pytest.FixtureRequest) -> Image:
    try:
        if request.param == _native():
            return Image(request.param, requirements.recorder_image()[0])
        return Image(request.param, requirements.foreign_recorder_image(request.param))
    except Missing as missing:
        pytest.skip(f"needs: {missing}")


@pytest.fixture(scope="module")
def files(image: Image) -> dict[str, bytes]:
    return dict(image.files())


def test_every_program_and_library_is_of_the_architecture_that_the_image_names(
    image: Image, files: dict[str, bytes]
) -> None:
    assert image.config["architecture"] == image.architecture
    machines = {name: struct.unpack_from("<H", data, 18)[0] for name, data in files.items() if data[:4] == b"\x7fELF"}
    assert len(machines) > 40
    assert set(machines.values()) == {_ELF_MACHINE[image.architecture]}


def test_it_lists_every_package_in_spdx_beside_the_archive_inside_it_and_in_its_labels(
    image: Image, files: dict[str, bytes]
) -> None:
    said = image.beside.read_bytes()
    assert files[SBOM] == said
    assert image.labels[f"{_LABELS}.sbom"] == f"/{SBOM}"
    assert image.labels[f"{_LABELS}.sbom.sha256"] == hashlib.sha256(said).hexdigest()
    checked = subprocess.run(
        [Path(sys.executable).with_name("pyspdxtools"), "--infile", image.beside], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr

    listed = json.loads(said)
    packages = {package["name"]: package for package in listed["packages"]}
    status = {
        name.rpartition("/")[2]: dict(line.split(": ", 1) for line in data.decode().splitlines() if line[0] != " ")
        for name, data in files.items()
        if name.startswith("var/lib/dpkg/status.d/")
    }
    assert {"libc6", "libllvm14", "python3-bpfcc", "python3.11-minimal"} <= set(status)
    for name, entry in status.items():
        package = packages[name]
        assert package["versionInfo"] == entry["Version"]
        assert len(package["checksums"][0]["checksumValue"]) == 64
        assert package["externalRefs"][0]["referenceLocator"].endswith(f"?arch={entry['Architecture']}&distro=bookworm")
    assert dict(pair.split("=", 1) for pair in image.labels[f"{_LABELS}.packages"].split()) == {
        name: entry["Version"] for name, entry in status.items()
    }
    assert packages["kubectl-ebpfaudit"]["versionInfo"] == __version__
    assert packages["msgpack"]["externalRefs"][0]["referenceLocator"] == "pkg:pypi/msgpack@1.0.3"
    assert packages["zlib1g"]["licenseDeclared"] == "Zlib"


@pytest.mark.slow
def test_it_comes_out_the_same_when_it_is_made_again(tmp_path: Path) -> None:
    try:
        first, again = requirements.recorder_image()[0], tmp_path / "again.tar"
    except Missing as missing:
        pytest.skip(f"needs: {missing}")
    requirements.recorder_image_again(again)
    assert again.with_suffix(".spdx.json").read_bytes() == first.with_suffix(".spdx.json").read_bytes()
    assert again.read_bytes() == first.read_bytes()
