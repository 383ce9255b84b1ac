"""The node itself: start it, use it as a user would, stop it."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from tests.cluster.node import config, leftovers, requirements
from tests.cluster.node.place import Place, cgroup_mounts, new_place, registry_lock
from tests.cluster.node.programs import Programs
from tests.cluster.node.wait import until

NAME = "node1"
_START_SECONDS = 60
_POD_SECONDS = 60


@dataclass(frozen=True)
class Command:
    """How to run a program as a user of the cluster: for subprocess, or for a Terminal."""

    argv: list[str]
    env: dict[str, str]


class Node:
    """A running one-node cluster."""

    def __init__(self, place: Place, binary: Path, images: Sequence[Path]) -> None:
        self._place = place
        self._namespaces = count(1)
        for folder in ("bin", "home"):
            (place.folder / folder).mkdir()
        (place.folder / "bin" / "kubectl").symlink_to(binary)
        config.write(place)
        _make_cgroups(place)
        _make_network(place)
        self._programs = Programs(place)
        self._start(str(binary), images)

    @classmethod
    def start(cls, images: Sequence[Path] = ()) -> "Node":
        """Clears away what dead runs left and starts a node; returns when it is Ready and has these images.

        The node ends with the thread that calls this, at the latest. Raises Missing.
        """
        requirements.check()
        binary = requirements.testnode()
        with registry_lock():
            leftovers.clear()
            place = new_place()
        try:
            return cls(place, binary, images)
        except BaseException:
            with registry_lock():
                leftovers.remove(place)
            raise

    def stop(self) -> None:
        with registry_lock():
            leftovers.remove(self._place)
        self._programs.reap()

    @property
    def netns(self) -> Path:
        """The network namespace in which the API server is 127.0.0.1:6443."""
        return self._place.netns

    @property
    def cgroup(self) -> str:
        """The cgroup above those of all pods."""
        return f"/{self._place.name}"

    def kubeconfig(self, user: str = "admin") -> Path:
        return config.kubeconfig(self._place.folder, user)

    def certificate(self, user: str, group: str) -> tuple[Path, Path]:
        """A certificate that the API server accepts for this user, and its key."""
        return config.client_certificate(self._place.folder, user, group)

    def command(self, argv: Sequence[str], *, user: str = "admin", env: Mapping[str, str] | None = None) -> Command:
        """Any program, run by a user of the cluster: in its network, with its kubectl and an own home.

        `env` is added last; a PATH in it comes before the cluster's kubectl.
        """
        home = self._place.folder / "home" / user
        home.mkdir(exist_ok=True)
        added = dict(env or {})
        path = [added.pop("PATH", ""), str(self._place.folder / "bin"), os.environ.get("PATH", os.defpath)]
        # XDG folders lie in the home of whoever runs the tests, with recordings that are none of the tests'.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
        return Command(
            ["nsenter", f"--net={self._place.netns}", "--", *argv],
            {
                **kept,
                "HOME": str(home),
                "KUBECONFIG": str(self.kubeconfig(user)),
                "PATH": os.pathsep.join(filter(None, path)),
                **added,
            },
        )

    def kubectl(
        self, *arguments: str, check: bool = True, input: str | bytes | None = None, user: str = "admin"
    ) -> "subprocess.CompletedProcess[bytes]":
        """Runs kubectl; returns its exit code, stdout and stderr. If it fails, RuntimeError says why."""
        command = self.command(["kubectl", *arguments], user=user)
        data = input.encode() if isinstance(input, str) else input
        source: dict[str, Any] = {"stdin": subprocess.DEVNULL} if data is None else {"input": data}
        done = subprocess.run(command.argv, env=command.env, capture_output=True, **source)
        if check and done.returncode != 0:
            stderr = done.stderr.decode(errors="replace")
            raise RuntimeError(f"kubectl {' '.join(arguments)} ended with {done.returncode}: {stderr}")
        return done

    def apply(self, manifest: str | Mapping[str, Any], *, namespace: str = "default") -> None:
        """Applies a manifest: YAML, or one object as a dict."""
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        self.kubectl("--namespace", namespace, "apply", "--filename", "-", input=text)

    def fresh_namespace(self) -> str:
        """Makes a namespace that pods can be made in, and returns its name."""
        name = f"test-{next(self._namespaces)}"
        self.kubectl("create", "namespace", name)
        # Pods are refused until the controller has made it.
        self._wait("serviceaccount/default", "create", namespace=name)
        return name

    def wait_ready(self, pod: str, *, namespace: str) -> None:
        """Returns once the pod, which may be yet to come, is Ready; RuntimeError has what kept it from it."""
        try:
            self._wait(f"pod/{pod}", "create", namespace=namespace)
            self._wait(f"pod/{pod}", "condition=Ready", namespace=namespace)
        except RuntimeError as error:
            described = self.kubectl("--namespace", namespace, "describe", "pod", pod, check=False)
            logs = self._programs.tail("kubelet", "containerd")
            raise RuntimeError(f"{error}\n{described.stdout.decode(errors='replace')}\n{logs}") from None

    def pods_everywhere(self) -> list[dict[str, Any]]:
        """All pods of the cluster, as the API shows them."""
        items: list[dict[str, Any]] = self.get("pods", "--all-namespaces")["items"]
        return items

    def get(self, *arguments: str) -> dict[str, Any]:
        """What `kubectl get … -o json` says."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "--output", "json").stdout)
        return found

    def load_image(self, archive: Path) -> None:
        """Puts the images of a docker archive on the node."""
        self._containerd("image", "import", str(archive))

    def audit_events(self) -> list[dict[str, Any]]:
        """What the API server has noted so far of exec, attach and ephemeral containers, oldest first."""
        log = self._place.folder / "audit.log"
        # A last line without an end is still being written.
        lines = log.read_bytes().split(b"\n")[:-1] if log.exists() else []
        return [json.loads(line) for line in lines]

    def _start(self, binary: str, images: Sequence[Path]) -> None:
        folder = self._place.folder
        start = self._programs.start
        start("containerd", ["containerd", "--config", str(folder / "containerd.toml")])
        start("etcd", ["etcd", "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync"])
        start("kube-apiserver", [binary, "kube-apiserver", *_apiserver_flags(folder)])
        self._until("containerd is up", (folder / "containerd.sock").exists)
        # The images, seconds of work, go in while the rest starts.
        with ThreadPoolExecutor() as pool:
            imports = [pool.submit(self.load_image, archive) for archive in images]
            self._until("the API server is up", lambda: self._succeeds("get", "--raw", "/readyz"))
            self._start_clients(binary)
            for done in imports:
                done.result()

    def _start_clients(self, binary: str) -> None:
        start = self._programs.start
        admin = f"--kubeconfig={self.kubeconfig()}"
        loopback = "--bind-address=127.0.0.1"
        leader = "--leader-elect=false"  # there is nobody to lose against
        keys = f"--service-account-private-key-file={self._place.folder}/accounts.key"
        start("kubelet", [binary, "kubelet", admin, *_kubelet_flags(self._place)])
        start("kube-controller-manager", [binary, "kube-controller-manager", admin, keys, loopback, leader])
        start("kube-scheduler", [binary, "kube-scheduler", admin, loopback, leader])
        ready = "{.status.conditions[?(@.type=='Ready')].status}"
        self._until("the node is Ready", lambda: self._node(ready) == b"True")
        # The controller takes the taint away once it has seen that; pods stay Pending until then.
        self._until("pods may be scheduled", lambda: self._node("{.kind}{.spec.taints}") == b"Node")

    def _node(self, path: str) -> bytes:
        return self.kubectl("get", "node", NAME, f"--output=jsonpath={path}", check=False).stdout

    def _succeeds(self, *arguments: str) -> bool:
        return self.kubectl(*arguments, check=False).returncode == 0

    def _until(self, what: str, holds: Callable[[], bool]) -> None:
        def checked() -> bool:
            self._programs.check()
            return holds()

        until(checked, _START_SECONDS, lambda: f"not true that {what}\n{self._programs.tail()}")

    def _wait(self, thing: str, condition: str, *, namespace: str) -> None:
        timeout = f"--timeout={_POD_SECONDS}s"
        self.kubectl("--namespace", namespace, "wait", f"--for={condition}", thing, timeout)

    def _containerd(self, *arguments: str) -> None:
        address = f"--address={self._place.folder}/containerd.sock"
        command = [*self._programs.inside, "ctr", address, "--namespace=k8s.io", *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            log = self._programs.tail("containerd")
            raise RuntimeError(f"ctr {' '.join(arguments)}: {done.stderr}\n{log}")


def _apiserver_flags(folder: Path) -> list[str]:
    return [
        "--etcd-servers=http://127.0.0.1:2379",
        "--bind-address=127.0.0.1",
        f"--advertise-address={config.ADDRESS}",
        f"--tls-cert-file={folder}/server.crt",
        f"--tls-private-key-file={folder}/server.key",
        f"--service-account-key-file={folder}/accounts.key",
        f"--service-account-signing-key-file={folder}/accounts.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={config.SERVICES}",
        f"--token-auth-file={folder}/tokens.csv",
        f"--client-ca-file={folder}/server.crt",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",
        # Its name is in no DNS.
        "--kubelet-preferred-address-types=InternalIP",
        f"--audit-policy-file={folder}/audit-policy",
        f"--audit-log-path={folder}/audit.log",
    ]


def _kubelet_flags(place: Place) -> list[str]:
    return [
        f"--config={place.folder}/kubelet.yaml",
        f"--root-dir={place.folder}/kubelet",
        f"--cert-dir={place.folder}/kubelet-pki",
        f"--hostname-override={NAME}",
        f"--node-ip={config.ADDRESS}",
        f"--cgroup-root=/{place.name}",
    ]


def _make_cgroups(place: Place) -> None:
    for mount in cgroup_mounts():
        (mount / place.name).mkdir()
        # cgroup v2 hands controllers down only where it is told to; the kubelet wants them in its root.
        controllers = mount / place.name / "cgroup.controllers"
        for folder in (mount, mount / place.name) if controllers.exists() else ():
            for controller in (folder / "cgroup.controllers").read_text().split():
                (folder / "cgroup.subtree_control").write_text(f"+{controller}")


def _make_network(place: Place) -> None:
    subprocess.run(["ip", "netns", "add", place.name], check=True)
    inside = ["nsenter", f"--net={place.netns}"]
    for command in (
        "ip link set lo up",
        f"ip address add {config.ADDRESS}/32 dev lo",
        "sysctl --quiet --write net.ipv4.ip_forward=1",
    ):
        subprocess.run([*inside, *command.split()], check=True)
