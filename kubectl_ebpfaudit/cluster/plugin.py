"""Credentials from a program that the kubeconfig names: `aws`, `gke-gcloud-auth-plugin`, `kubelogin`.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

import json
import os
import re
import subprocess
import sys
import time
from datetime import datetime, timezone
from typing import Any

from kubectl_ebpfaudit.cluster.credentials import Credentials
from kubectl_ebpfaudit.cluster.errors import NoContext, NoCredentials
from kubectl_ebpfaudit.cluster.kubeconfig import Context
from replay.escape import printable

_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_EARLY_SECONDS = 10.0
"""Credentials that expire so soon are renewed already: they have to be good when they arrive."""

_QUIET_SECONDS = 60.0
"""How long a plugin may take that has nobody to ask."""


class Plugin:
    """Runs the program when its credentials are needed and it has given none, or they expire."""

    def __init__(self, context: Context, entry: Any) -> None:
        """`entry` is the user's exec. Raises NoContext if it makes no sense. Runs nothing."""
        self._context = context
        if not isinstance(entry, dict):
            raise self._malformed("exec is not keys with values")
        self._command = entry.get("command")
        self._version = entry.get("apiVersion")
        self._arguments = entry.get("args") or []
        self._mode = entry.get("interactiveMode") or "IfAvailable"
        self._hint = str(entry.get("installHint") or "")
        if not isinstance(self._command, str) or not self._command:
            raise self._malformed("exec names no command")
        if self._version not in _VERSIONS:
            raise self._malformed(f"its apiVersion {self._version} is none of {', '.join(_VERSIONS)}")
        if not isinstance(self._arguments, list) or not all(isinstance(a, str) for a in self._arguments):
            raise self._malformed("its args are no list of text")
        try:
            self._environment = {str(item["name"]): str(item["value"]) for item in entry.get("env") or []}
        except (TypeError, KeyError) as error:
            raise self._malformed("its env is no list of name and value") from error
        self._cluster = _cluster(context.cluster) if entry.get("provideClusterInfo") else None
        self._given: Credentials | None = None

    def credentials(self) -> Credentials:
        """Those that are valid now. Raises NoCredentials."""
        if self._given is None or self._expired():
            self._given = self._parse(self._run())
        return self._given

    def reject(self) -> None:
        """The API server does not accept them: the next ones are new."""
        self._given = None

    def _expired(self) -> bool:
        expiry = self._given.expiry if self._given else None
        return expiry is not None and expiry - _EARLY_SECONDS <= time.time()

    def _run(self) -> bytes:
        asks = self._mode != "Never" and sys.stdin is not None and sys.stdin.isatty()
        if self._mode == "Always" and not asks:
            raise self._failed("it wants to ask something, and standard input is no terminal")
        spec: dict[str, Any] = {"interactive": asks}
        if self._cluster:
            spec["cluster"] = self._cluster
        info = {"apiVersion": self._version, "kind": "ExecCredential", "spec": spec}
        try:
            done = subprocess.run(
                [str(self._command), *self._arguments],
                stdin=None if asks else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=None if asks else subprocess.PIPE,
                env={**os.environ, **self._environment, "KUBERNETES_EXEC_INFO": json.dumps(info)},
                timeout=None if asks else _QUIET_SECONDS,
                check=False,
            )
        except FileNotFoundError as error:
            hint = " ".join(self._hint.split())
            raise self._failed(f"there is no such program: install it{f' ({hint})' if hint else ''}") from error
        except subprocess.TimeoutExpired as error:
            raise self._failed(f"it took more than {_QUIET_SECONDS:.0f} s") from error
        except (OSError, ValueError) as error:
            raise self._failed(getattr(error, "strerror", None) or str(error)) from error
        if done.returncode != 0:
            said = (done.stderr or b"").decode(errors="replace").strip().splitlines()
            reason = f"it ended with exit code {done.returncode}"
            raise self._failed(f"{reason}: {said[-1]}" if said else reason, said)
        return done.stdout

    def _parse(self, data: bytes) -> Credentials:
        try:
            answer = json.loads(data)
            status = answer["status"]
            texts = [
                status.get(k) or "" for k in ("token", "clientCertificateData", "clientKeyData", "expirationTimestamp")
            ]
            version = answer["apiVersion"]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._failed("what it printed is no ExecCredential with a status") from error
        if version != self._version:
            raise self._failed(f"it printed apiVersion {version}, and the kubeconfig wants {self._version}")
        if not all(isinstance(text, str) for text in texts):
            raise self._failed("its status holds what is no text")
        token, certificate, key, expiry = texts
        if bool(certificate) != bool(key) or not (token or certificate):
            raise self._failed("it printed neither a token nor a certificate with its key")
        if not (token.isascii() and token.isprintable()):
            raise self._failed("it printed a token that is none")
        return Credentials(token, certificate, key, self._time(expiry) if expiry else None)

    def _time(self, text: str) -> float:
        try:
            # Python 3.10 reads neither Z nor fractions of any other length than 3 and 6.
            parsed = datetime.fromisoformat(re.sub(r"\.\d+", "", text.strip().upper()).replace("Z", "+00:00"))
        except ValueError as error:
            raise self._failed(f"its expirationTimestamp is no time: {text}") from error
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)).timestamp()

    def _malformed(self, reason: str) -> NoContext:
        where = f"the kubeconfig {self._context.path} cannot be used"
        return NoContext(printable(f"{where}: the credential plugin of context {self._context.name}: {reason}"))

    def _failed(self, reason: str, details: list[str] | None = None) -> NoCredentials:
        message = f"no credentials: the plugin {self._command} of context {self._context.name}: {reason}"
        return NoCredentials(printable(message), "\n".join(map(printable, details or [])))


def _cluster(cluster: dict[str, Any]) -> dict[str, Any]:
    """What a plugin is told of the cluster if it asks to be (provideClusterInfo)."""
    names = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url")
    found = {name: cluster[name] for name in names if name in cluster}
    for extension in cluster.get("extensions") or []:
        if isinstance(extension, dict) and extension.get("name") == "client.authentication.k8s.io/exec":
            found["config"] = extension.get("extension")
    return found
