"""What options put in the place of a kubeconfig's entries, as k8s.io/client-go does in clientcmd/client_config.go."""

import os
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Overrides:
    """kubectl's options of these names; `cluster` and `user` name entries of the kubeconfig."""

    cluster: str | None = None
    user: str | None = None
    server: str | None = None
    token: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    certificate_authority: str | None = None
    tls_server_name: str | None = None
    insecure_skip_tls_verify: bool = False

    def of_context(self, context: dict[str, Any]) -> dict[str, Any]:
        """The context with the cluster and the user that were named instead."""
        named = {"cluster": self.cluster, "user": self.user}
        return {**context, **{kind: name for kind, name in named.items() if name}}

    def of_cluster(self, cluster: dict[str, Any]) -> dict[str, Any]:
        """The cluster's entry. Another server's certificate has another name; what is trusted is all or nothing."""
        found = dict(cluster)
        if self.insecure_skip_tls_verify or self.certificate_authority:
            for name in ("insecure-skip-tls-verify", "certificate-authority", "certificate-authority-data"):
                found.pop(name, None)
            if self.insecure_skip_tls_verify:
                found["insecure-skip-tls-verify"] = True
            if self.certificate_authority:
                found["certificate-authority"] = os.path.abspath(self.certificate_authority)
        if self.tls_server_name or self.server:
            found.pop("tls-server-name", None)
            if self.tls_server_name:
                found["tls-server-name"] = self.tls_server_name
        if self.server:
            found["server"] = self.server
        return found

    def of_user(self, user: dict[str, Any]) -> dict[str, Any]:
        """The user's entry. A token that is given is the only one."""
        found = dict(user)
        for name, path in (("client-certificate", self.client_certificate), ("client-key", self.client_key)):
            if path:
                found.pop(f"{name}-data", None)
                found[name] = os.path.abspath(path)
        if self.token:
            found.pop("tokenFile", None)
            found["token"] = self.token
        return found
