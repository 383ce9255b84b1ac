"""The files that the programs read. Everything in them is of this cluster, or this machine, alone."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.cluster.node import requirements
from tests.cluster.node.place import Place

# Each with its group. Only the first has any rights at the start.
USERS = {"admin": "system:masters", "alice": "developers"}
API_PORT = 6443
SERVICES = "10.96.0.0/16"


def address(number: int) -> str:
    """The IP address of a machine; the first has number 1."""
    return f"10.244.255.{number}"


def kubeconfig(folder: Path, user: str, port: int = API_PORT) -> Path:
    """The file with which a user reaches the API server at this port of 127.0.0.1; written if need be."""
    path = folder / f"kubeconfig-{user}-{port}"
    if not path.exists():
        path.write_text(_kubeconfig(folder, user, port))
        path.chmod(0o600)
    return path


def write(place: Place) -> None:
    """Fills the place's folder with what the control plane reads."""
    folder = place.folder
    _write_keys(folder)
    _write(folder / "tokens.csv", *(f'{user}-token,{user},{user},"{group}"' for user, group in USERS.items()))
    (folder / "audit-policy").write_text(_AUDIT_POLICY)


def write_machine(folder: Path, number: int) -> None:
    """Fills a machine's folder with what its kubelet and its containerd read."""
    (folder / "kubelet.yaml").write_text(_kubelet(folder, number))
    (folder / "containerd.toml").write_text(_containerd(folder))
    (folder / "cni").mkdir()
    (folder / "cni" / "pods.conflist").write_text(json.dumps(_network(number)))


def _write(path: Path, *lines: str) -> None:
    path.write_text("".join(f"{line}\n" for line in lines))


def _write_keys(folder: Path) -> None:
    """The API server's certificate, its own authority, and the key that signs service account tokens."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    _openssl(
        *["req", "-x509", *curve, "-days", "30", "-subj", "/CN=testnode"],
        *["-addext", "subjectAltName=IP:127.0.0.1"],
        # Python 3.13's strict verification wants an authority to say what its key is for.
        *["-addext", "keyUsage=critical,digitalSignature,keyCertSign"],
        *["-keyout", str(folder / "server.key"), "-out", str(folder / "server.crt")],
    )
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(folder / "accounts.key"))


def client_certificate(folder: Path, user: str, group: str) -> tuple[Path, Path]:
    """A new certificate of the API server's authority, and its key."""
    certificate, key, request = (folder / f"client-{user}.{kind}" for kind in ("crt", "key", "csr"))
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subject = f"/O={group}/CN={user}"
    _openssl("req", "-new", *curve, "-subj", subject, "-keyout", str(key), "-out", str(request))
    authority = ["-CA", str(folder / "server.crt"), "-CAkey", str(folder / "server.key"), "-CAcreateserial"]
    _openssl("x509", "-req", "-days", "30", "-in", str(request), *authority, "-out", str(certificate))
    return certificate, key


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


# JSON is YAML: what the standard library writes, Kubernetes reads.
def _kubeconfig(folder: Path, user: str, port: int) -> str:
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(folder / "server.crt")}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "testnode", "cluster": cluster}],
        "users": [{"name": user, "user": {"token": f"{user}-token"}}],
        "contexts": [{"name": "testnode", "context": {"cluster": "testnode", "user": user}}],
        "current-context": "testnode",
    }
    return json.dumps(config, indent=1)


def _kubelet(folder: Path, number: int) -> str:
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        # Nobody outside the node's network namespace can reach it.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "address": address(number),
        "healthzPort": 0,  # every machine's would be the same port of 127.0.0.1
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "containerRuntimeEndpoint": f"unix://{folder}/containerd.sock",
        "podLogsDir": str(folder / "pod-logs"),
        "resolvConf": "",
        # Neither works on every file system that a test machine may have, and no test needs them.
        "localStorageCapacityIsolation": False,
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "enforceNodeAllocatable": [],
        # A node under test is looked at more often than a real one.
        "nodeStatusUpdateFrequency": "2s",
        "syncFrequency": "2s",
        "fileCheckFrequency": "0s",
    }
    return json.dumps(config, indent=1)


def _containerd(folder: Path) -> str:
    return _CONTAINERD.format(folder=folder, app=requirements.APP_IMAGE, cni=requirements.cni_folder())


# What is asked of a container, by whom, at the start and at the end; nothing else, so that tests can read it.
_AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  resources:
  - {group: "", resources: [pods/exec, pods/attach, pods/ephemeralcontainers]}
- level: None
"""

_CONTAINERD = """\
version = 2
root = "{folder}/containerd"
state = "{folder}/containerd-state"
[grpc]
  address = "{folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  # Its command sleeps for ever, which is all that a pod's sandbox has to do.
  sandbox_image = "{app}"
  # Root in a container or a virtual machine may lack the right to lower an OOM score.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni}"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""


def _network(number: int) -> dict[str, Any]:
    return {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": f"pods{number}",
                "isGateway": True,
                "ipMasq": False,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": f"10.244.{number}.0/24"}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            }
        ],
    }
