"""Without the internet: docs/air-gapped.md, with a registry of this cluster's own."""

import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubectl_ebpfaudit import __version__
from kubectl_ebpfaudit.image import NAME
from tests.cluster.client import ROOT, Client, recorders
from tests.cluster.commands import leave, shell, type_in
from tests.cluster.conftest import Victim
from tests.cluster.node import Missing, Node, requirements
from tests.cluster.node.wait import until

_SECONDS = 60.0
_REGISTRY = "127.0.0.1:5000"
_CONFIG = """\
version: 0.1
storage:
  filesystem: {{rootdirectory: {folder}}}
http: {{addr: "{address}"}}
"""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a release brings of the image."""
    folder = tmp_path_factory.mktemp("release")
    try:
        archive = requirements.recorder_image_index()
    except Missing as missing:
        pytest.skip(f"needs: {missing}")
    for path in (archive, archive.with_suffix(".digest")):
        shutil.copy(path, folder)
    return folder


@pytest.fixture
def registry(node: Node, tmp_path: Path) -> Iterator[str]:
    """The address of an empty registry that the node reaches."""
    for package in ("docker-registry", "skopeo"):
        if not shutil.which(package):
            pytest.skip(f"needs: packages: apt-get install --no-install-recommends {package}")
    config = tmp_path / "registry.yml"
    config.write_text(_CONFIG.format(folder=tmp_path / "registry", address=_REGISTRY))
    serve = node.command(["docker-registry", "serve", str(config)])
    said = tmp_path / "registry.err"
    with said.open("w") as stderr, subprocess.Popen(serve.argv, env=serve.env, stderr=stderr) as program:
        try:
            until(lambda: "listening on" in said.read_text(), _SECONDS, said.read_text)
            yield _REGISTRY
        finally:
            program.kill()


def _documented(beginning: str) -> str:
    """The command of the page that begins like this, with the lines that it goes on in."""
    page = (ROOT / "docs" / "air-gapped.md").read_text()
    found = re.search(rf"^    ({re.escape(beginning)}(?:.*\\\n)*.*)$", page, re.M)
    assert found, beginning
    return found[1].partition("   #")[0].replace("X.Y.Z", __version__)


def _platforms(archive: Path) -> dict[str, int]:
    """How many bytes of each architecture's image a registry stores."""
    with tarfile.open(archive) as tar:

        def blob(digest: str) -> dict[str, list[dict[str, str]]]:
            file = tar.extractfile(f"./blobs/{digest.replace(':', '/')}")
            assert file
            read: dict[str, list[dict[str, str]]] = json.loads(file.read())
            return read

        top = tar.extractfile("./index.json")
        assert top
        [entry] = json.loads(top.read())["manifests"]
        found = {}
        for manifest in blob(entry["digest"])["manifests"]:
            layers = blob(manifest["digest"])["layers"]
            platform: dict[str, str] = manifest["platform"]  # type: ignore[assignment]
            found[platform["architecture"]] = sum(int(layer["size"]) for layer in layers)
    return found


def test_one_name_has_the_images_of_both_architectures_none_over_100_megabytes(index: Path) -> None:
    sizes = _platforms(index / "recorder.oci.tar")
    assert set(sizes) == {"amd64", "arm64"}
    assert max(sizes.values()) < 100e6


def test_mirrored_as_the_page_says_it_is_pulled_and_records_by_the_digest_of_the_release(
    node: Node, victim: Victim, registry: str, index: Path, tmp_path: Path
) -> None:
    def run(command: str) -> str:
        # The page's registry has a certificate, this one has none.
        here = command.replace("registry.example", registry).replace(
            "skopeo copy", "skopeo copy --dest-tls-verify=false"
        )
        ready = node.command(["sh", "-c", here])
        done = subprocess.run(ready.argv, env=ready.env, cwd=index, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    digest = (index / "recorder.oci.digest").read_text().strip()
    assert run(_documented("skopeo inspect")) == f"{digest.removeprefix('sha256:')}  -\n"
    run(_documented("skopeo copy"))
    options = _documented("kubectl ebpfaudit record web-0 -n shop --image registry.example")
    image = options.rpartition("--image ")[2].replace("$(cat recorder.oci.digest)", digest)
    assert image == f"registry.example/ebpfaudit/recorder@{digest}"

    client, log = Client(node, tmp_path / "client"), tmp_path / "log"
    image = image.replace("registry.example", registry)
    with client.record(victim.namespace, victim.pod, log, "--image", image, "--sessions", "1") as record:
        [pod] = recorders(node)
        with shell(node, victim.namespace, victim.pod) as terminal:
            type_in(terminal, "echo 'seen by 'all", b"seen by all\r\n")
            leave(terminal)
        assert record.wait() == 0
    assert pod["spec"]["containers"][0]["image"] == image
    assert "nothing was lost" in record.said


def test_image_load_puts_it_into_containerd_under_the_name_that_record_asks_for(node: Node) -> None:
    # The image's cache is that of who runs the tests, and not the cluster's user's.
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = os.environ.get("EBPFAUDIT_CACHE") or f"{caches}/kubectl-ebpfaudit-build"
    environment = {"CONTAINERD_ADDRESS": str(node.containerd), "EBPFAUDIT_CACHE": cache}
    names = ["ctr", "--namespace", "k8s.io", "images"]
    remove, listed, load = (
        node.command(argv, env=environment)
        for argv in (
            [*names, "remove", f"{NAME}:{__version__}"],
            [*names, "list", "--quiet"],
            [str(ROOT / "scripts" / "image-load"), "containerd"],
        )
    )
    subprocess.run(remove.argv, env=remove.env, check=True, capture_output=True)
    done = subprocess.run(load.argv, env=load.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith(f"{NAME}:{__version__} is in containerd\n")
    there = subprocess.run(listed.argv, env=listed.env, check=True, capture_output=True, text=True).stdout
    assert f"{NAME}:{__version__}" in there.splitlines()


@pytest.mark.parametrize("program", ["kind", "minikube", "k3s"])
def test_a_cluster_whose_program_is_missing_is_named(program: str) -> None:
    if shutil.which(program):
        pytest.skip(f"needs: a machine without {program}")
    done = subprocess.run([ROOT / "scripts" / "image-load", program], capture_output=True, text=True)
    assert done.returncode == 3
    assert done.stderr.startswith(f"image-load: {program} is not installed here")
