"""What a node needs of this machine, and what is built for it."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

APP_IMAGE = "docker.io/ebpfaudit/app:test"

_REPOSITORY = Path(__file__).parents[3]
_BUILD = _REPOSITORY / "build"
_CANNOT = 3  # what our build scripts end with when the machine lacks something
_PROGRAMS = {
    "containerd": "containerd",
    "ctr": "containerd",
    "etcd": "etcd-server",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "runc": "runc",
    "setpriv": "util-linux",
    "sysctl": "procps",
}
_CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))


class Missing(Exception):
    """This machine cannot run a node; the message says what it lacks."""


def check() -> None:
    """Raises Missing unless all programs are here and may be used."""
    if os.geteuid() != 0:
        raise Missing("root")
    packages = {package for program, package in _PROGRAMS.items() if shutil.which(program) is None}
    if not any((folder / "bridge").exists() for folder in _CNI_FOLDERS):
        packages.add("containernetworking-plugins")
    if packages:
        raise Missing(f"packages: apt-get install --no-install-recommends {' '.join(sorted(packages))}")


def cni_folder() -> Path:
    """Where this machine has its CNI plugins."""
    return next(folder for folder in _CNI_FOLDERS if (folder / "bridge").exists())


def testnode() -> Path:
    """The binary with Kubernetes in it, built unless it is there."""
    path = _BUILD / "testnode"
    _build("scripts/build-testnode", str(path))
    return path


def recorder_image() -> tuple[Path, str]:
    """The recorder's image: the archive and the image's name."""
    path = _BUILD / "recorder.tar"
    return path, _build("scripts/build-image", str(path))


def foreign_recorder_image(architecture: str) -> Path:
    """The archive of the recorder's image for machines of that architecture, which this one need not be."""
    path = _BUILD / f"recorder-{architecture}.tar"
    _build("scripts/build-image", "--arch", architecture, str(path))
    return path


def recorder_image_index() -> Path:
    """The OCI layout, in a tar file, with the recorder's images of all architectures; its digest is beside it."""
    path = _BUILD / "recorder.oci.tar"
    _build("scripts/build-image-index", str(path))
    return path


def recorder_image_again(path: Path) -> None:
    """Makes the recorder's image anew out of the same packages, and nothing else that was kept."""
    _build("scripts/build-image", "--again", str(path))


def krew() -> Path:
    """The folder with the real krew and validate-krew-manifest."""
    path = _BUILD / "krew-client"
    _build("scripts/build-krew-client", str(path))
    return path


def krew_archive() -> Path:
    """The folder with the archive for this machine, as `make krew` builds it, and a manifest that names it alone."""
    arch = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    _build(sys.executable, "scripts/build-krew", f"linux_{arch}")
    return _BUILD / "krew"


def app_image() -> Path:
    """The archive of APP_IMAGE, which the pods under test run."""
    path = _BUILD / "app.tar"
    containerfile = Path(__file__).with_name("app.Containerfile").relative_to(_REPOSITORY)
    _build("scripts/build-image", "--file", str(containerfile), "--name", APP_IMAGE, str(path))
    return path


def _build(*command: str) -> str:
    done = subprocess.run(command, cwd=_REPOSITORY, capture_output=True, text=True)
    if done.returncode == _CANNOT:
        raise Missing(done.stderr.strip().splitlines()[-1])
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout.strip()
