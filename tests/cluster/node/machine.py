"""One machine of the cluster: a kubelet and a containerd, with a folder, a cgroup, mounts and an address of their own.

All machines share the cluster's network namespace; their programs listen on their own addresses in it.
"""

import subprocess
from pathlib import Path

from tests.cluster.node import config
from tests.cluster.node.place import Place, cgroup_mounts
from tests.cluster.node.programs import Programs


class Machine:
    """What is started on it is up to its user: `containerd` first, `kubelet` once there is an API server."""

    def __init__(self, place: Place, number: int, binary: Path) -> None:
        self._place, self._number, self._binary = place, number, binary
        self.name = f"node{number}"
        self.folder = place.folder / self.name
        self.folder.mkdir()
        config.write_machine(self.folder, number)
        _make_cgroup(place.name)
        _make_cgroup(place.name, self.name)
        address = f"ip address add {config.address(number)}/32 dev lo"
        subprocess.run(["nsenter", f"--net={place.netns}", *address.split()], check=True)
        self.programs = Programs(place.netns, self.folder)

    @property
    def cgroup(self) -> str:
        """The cgroup above those of its pods."""
        return f"/{self._place.name}/{self.name}"

    @property
    def containerd(self) -> Path:
        """The socket at which it answers."""
        return self.folder / "containerd.sock"

    def start_containerd(self) -> None:
        self.programs.start("containerd", ["containerd", "--config", str(self.folder / "containerd.toml")])

    def start_kubelet(self) -> None:
        flags = [
            f"--kubeconfig={config.kubeconfig(self._place.folder, 'admin')}",
            f"--config={self.folder}/kubelet.yaml",
            f"--root-dir={self.folder}/kubelet",
            f"--cert-dir={self.folder}/kubelet-pki",
            f"--hostname-override={self.name}",
            f"--node-ip={config.address(self._number)}",
            f"--cgroup-root={self.cgroup}",
        ]
        self.programs.start("kubelet", [str(self._binary), "kubelet", *flags])

    def containerd_answers(self) -> bool:
        return self._ctr("version").returncode == 0

    def load_image(self, archive: Path) -> None:
        """Puts the images of a docker archive on the machine. Raises RuntimeError."""
        done = self._ctr("image", "import", str(archive))
        if done.returncode != 0:
            raise RuntimeError(f"{self.name} takes no {archive}: {done.stderr}\n{self.programs.tail('containerd')}")

    def _ctr(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        address = f"--address={self.containerd}"
        command = [*self.programs.inside, "ctr", address, "--namespace=k8s.io", *arguments]
        return subprocess.run(command, capture_output=True, text=True)


def _make_cgroup(*path: str) -> None:
    """Makes the cgroup in every hierarchy of this machine, unless it is there."""
    for mount in cgroup_mounts():
        folder = mount.joinpath(*path)
        folder.mkdir(exist_ok=True)
        # cgroup v2 hands controllers down only where it is told to; the kubelet wants them in its root.
        controllers = folder / "cgroup.controllers"
        for above in (folder.parent, folder) if controllers.exists() else ():
            for controller in (above / "cgroup.controllers").read_text().split():
                (above / "cgroup.subtree_control").write_text(f"+{controller}")
