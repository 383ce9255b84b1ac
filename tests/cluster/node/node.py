"""The cluster: start it, use it as a user would, break parts of it, stop it."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from tests.cluster.node import config, control_plane, leftovers, requirements
from tests.cluster.node.machine import Machine
from tests.cluster.node.place import Place, new_place, registry_lock
from tests.cluster.node.wait import until
from tests.support.proxy import Proxy

_SECONDS = 60
"""For a start, and for a pod to be Ready: ten times what either takes."""


@dataclass(frozen=True)
class Command:
    """How to run a program as a user of the cluster: for subprocess, or for a Terminal."""

    argv: list[str]
    env: dict[str, str]


class Node:
    """A running cluster: of one node, until more are added."""

    def __init__(self, place: Place, binary: Path, images: Sequence[Path], seconds: float, authorization: str) -> None:
        self._place, self._binary, self._images = place, binary, images
        self._seconds, self._authorization = seconds, authorization
        self._namespaces = count(1)
        for folder in ("bin", "home"):
            (place.folder / folder).mkdir()
        (place.folder / "bin" / "kubectl").symlink_to(binary)
        config.write(place)
        _make_network(place)
        self._machines = [Machine(place, 1, binary)]
        self._programs = self._machines[0].programs  # the control plane runs there, too
        self._start()

    @classmethod
    def start(
        cls,
        images: Sequence[Path] = (),
        *,
        binary: Path | None = None,
        seconds: float = _SECONDS,
        authorization: str = "RBAC",
    ) -> "Node":
        """Clears away what dead runs left and starts a node; returns when it is Ready and has these images.

        The node ends with the thread that calls this, at the latest. `binary` is its Kubernetes, built if none is
        given; `seconds` the deadline for each of its parts, and for pods; `authorization` the API server's mode. Raises
        Missing.
        """
        requirements.check()
        binary = binary or requirements.testnode()
        with registry_lock():
            leftovers.clear()
            place = new_place()
        try:
            return cls(place, binary, images, seconds, authorization)
        except BaseException:
            with registry_lock():
                leftovers.remove(place)
            raise

    def stop(self) -> None:
        with registry_lock():
            leftovers.remove(self._place)
        for machine in self._machines:
            machine.programs.reap()

    def add_node(self) -> str:
        """Adds a node with the same images, node2 the first; returns its name once it is Ready."""
        self._machines.append(machine := Machine(self._place, len(self._machines) + 1, self._binary))
        machine.start_containerd()
        self._until(f"the containerd of {machine.name} is up", machine.containerd_answers)
        self._join(machine)
        return machine.name

    @property
    def nodes(self) -> list[str]:
        """The names of the nodes, oldest first."""
        return [machine.name for machine in self._machines]

    def load_image(self, archive: Path) -> None:
        """Puts the images of a docker archive on node1."""
        self._machines[0].load_image(archive)

    @property
    def containerd(self) -> Path:
        """The socket of node1's containerd."""
        return self._machines[0].containerd

    def restart(self, program: str, *, kill: bool = False, on: str = "node1") -> None:
        """Restarts kube-apiserver, or the kubelet or containerd of a node, as a service manager would.

        With `kill` it gets no chance to end in good order. Returns when it does its work again. To be called from
        the thread that started the cluster.
        """
        machine = self._machine(on)
        machine.programs.restart(program, kill)
        since = time.time()
        if program == "kube-apiserver":
            self._until("the API server is up", self._api_is_ready)
        elif program == "containerd":
            self._until("containerd is up", machine.containerd_answers)
        self._until(f"{on} knows its pods", lambda: self._knows_its_pods(on))
        if program == "kubelet":
            self._until(f"{on} is Ready", lambda: self._was_ready_after(since, on))

    @property
    def netns(self) -> Path:
        """The network namespace in which the API server is 127.0.0.1:6443."""
        return self._place.netns

    @property
    def cgroup(self) -> str:
        """The cgroup above those of all pods."""
        return f"/{self._place.name}"

    def kubeconfig(self, user: str = "admin", port: int = config.API_PORT) -> Path:
        """With another port the API server is reached by way of a proxy that listens there."""
        return config.kubeconfig(self._place.folder, user, port)

    def proxy(self) -> Proxy:
        """A proxy in front of the API server; `kubeconfig(user, proxy.port)` leads through it."""
        return Proxy(("127.0.0.1", config.API_PORT), self.netns)

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
            logs = "\n".join(machine.programs.tail("kubelet", "containerd") for machine in self._machines)
            raise RuntimeError(f"{error}\n{described.stdout.decode(errors='replace')}\n{logs}") from None

    def pods_everywhere(self) -> list[dict[str, Any]]:
        """All pods of the cluster, as the API shows them."""
        items: list[dict[str, Any]] = self.get("pods", "--all-namespaces")["items"]
        return items

    def get(self, *arguments: str) -> dict[str, Any]:
        """What `kubectl get … -o json` says."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "--output", "json").stdout)
        return found

    @property
    def audit_log(self) -> Path:
        """Where the API server notes exec, attach and ephemeral containers: a JSON object a line."""
        return self._place.folder / "audit.log"

    def audit_events(self) -> list[dict[str, Any]]:
        """What the API server has noted so far of exec, attach and ephemeral containers, oldest first."""
        log = self.audit_log
        # A last line without an end is still being written.
        lines = log.read_bytes().split(b"\n")[:-1] if log.exists() else []
        return [json.loads(line) for line in lines]

    def _start(self) -> None:
        first = self._machines[0]
        first.start_containerd()
        control_plane.start_api_server(self._programs, self._place.folder, self._binary, self._authorization)
        self._until("containerd is up", (first.folder / "containerd.sock").exists)
        self._join(first, self._start_controllers)

    def _start_controllers(self) -> None:
        self._until("the API server is up", self._api_is_ready)
        control_plane.start_controllers(self._programs, self._place.folder, self._binary)

    def _join(self, machine: Machine, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Makes a machine a node that takes pods."""
        # The images, seconds of work, go in while the rest starts.
        with ThreadPoolExecutor() as pool:
            imports = [pool.submit(machine.load_image, archive) for archive in self._images]
            meanwhile()
            machine.start_kubelet()
            self._until(f"{machine.name} is Ready", lambda: self._was_ready_after(0, machine.name))
            # The controller takes the taint away once it has seen that; pods stay Pending until then.
            untainted = "{.kind}{.spec.taints}"
            self._until("pods may be scheduled", lambda: self._node(machine.name, untainted) == b"Node")
            for done in imports:
                done.result()

    def _machine(self, name: str) -> Machine:
        return next(machine for machine in self._machines if machine.name == name)

    def _api_is_ready(self) -> bool:
        return self._succeeds("get", "--raw", "/readyz")

    def _knows_its_pods(self, name: str) -> bool:
        """Whether the kubelet can ask containerd and has heard from the API server; to start with, neither is so."""
        kubelet = f"/api/v1/nodes/{name}/proxy"
        if not self._succeeds("get", "--raw", f"{kubelet}/runningpods/"):
            return False
        known = self.kubectl("get", "--raw", f"{kubelet}/pods", check=False).stdout
        uids = {pod["metadata"]["uid"] for pod in json.loads(known or "{}").get("items") or []}
        assigned = self.get("pods", "--all-namespaces", f"--field-selector=spec.nodeName={name}")["items"]
        return {pod["metadata"]["uid"] for pod in assigned} <= uids

    def _was_ready_after(self, moment: float, name: str) -> bool:
        """Whether the node has said after this moment (s since 1970) that it is Ready."""
        ready = "{range .status.conditions[?(@.type=='Ready')]}{.status} {.lastHeartbeatTime}{end}"
        status, _, said = self._node(name, ready).decode().partition(" ")
        # To the second: the one that the moment lies in says nothing.
        return status == "True" and datetime.fromisoformat(said.replace("Z", "+00:00")).timestamp() > moment

    def _node(self, name: str, path: str) -> bytes:
        return self.kubectl("get", "node", name, f"--output=jsonpath={path}", check=False).stdout

    def _succeeds(self, *arguments: str) -> bool:
        return self.kubectl(*arguments, check=False).returncode == 0

    def _until(self, what: str, holds: Callable[[], bool]) -> None:
        def checked() -> bool:
            for machine in self._machines:
                machine.programs.check()
            return holds()

        def why() -> str:
            return "\n".join([f"not true that {what}", *(m.programs.tail() for m in self._machines)])

        until(checked, self._seconds, why)

    def _wait(self, thing: str, condition: str, *, namespace: str) -> None:
        timeout = f"--timeout={self._seconds:g}s"
        self.kubectl("--namespace", namespace, "wait", f"--for={condition}", thing, timeout)


def _make_network(place: Place) -> None:
    subprocess.run(["ip", "netns", "add", place.name], check=True)
    inside = ["nsenter", f"--net={place.netns}"]
    for command in ("ip link set lo up", "sysctl --quiet --write net.ipv4.ip_forward=1"):
        subprocess.run([*inside, *command.split()], check=True)
