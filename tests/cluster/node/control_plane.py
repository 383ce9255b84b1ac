"""The programs that make machines a cluster: etcd, the API server, its controllers and a scheduler."""

from pathlib import Path

from tests.cluster.node import config
from tests.cluster.node.programs import Programs


def start_api_server(programs: Programs, folder: Path, binary: Path, authorization: str) -> None:
    """Starts it with its etcd; it answers a moment later. `folder` is where config.write() has written."""
    programs.start("etcd", ["etcd", "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync"])
    programs.start("kube-apiserver", [str(binary), "kube-apiserver", *_api_server_flags(folder, authorization)])


def start_controllers(programs: Programs, folder: Path, binary: Path) -> None:
    """Starts who waits for an API server and gives up soon if there is none."""
    common = [
        f"--kubeconfig={config.kubeconfig(folder, 'admin')}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",  # there is nobody to lose against
    ]
    keys = f"--service-account-private-key-file={folder}/accounts.key"
    programs.start("kube-controller-manager", [str(binary), "kube-controller-manager", *common, keys])
    programs.start("kube-scheduler", [str(binary), "kube-scheduler", *common])


def _api_server_flags(folder: Path, authorization: str) -> list[str]:
    return [
        "--etcd-servers=http://127.0.0.1:2379",
        "--bind-address=127.0.0.1",
        f"--advertise-address={config.address(1)}",
        f"--tls-cert-file={folder}/server.crt",
        f"--tls-private-key-file={folder}/server.key",
        f"--service-account-key-file={folder}/accounts.key",
        f"--service-account-signing-key-file={folder}/accounts.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={config.SERVICES}",
        f"--token-auth-file={folder}/tokens.csv",
        f"--client-ca-file={folder}/server.crt",
        f"--authorization-mode={authorization}",
        "--allow-privileged=true",
        # Its name is in no DNS.
        "--kubelet-preferred-address-types=InternalIP",
        f"--audit-policy-file={folder}/audit-policy",
        f"--audit-log-path={folder}/audit.log",
    ]
