"""What is in the cluster, by asking kubectl: it is there, knows every way to log in, and starts in a moment."""

import subprocess
from collections.abc import Mapping, Sequence

_SECONDS = 3.0
"""Longer than anybody waits for a completion."""

_HANDED_ON = (
    "--context", "--cluster", "--user", "--kubeconfig", "--as", "--as-group", "--as-uid", "--server", "--token",
    "--client-certificate", "--client-key", "--certificate-authority", "--tls-server-name",
)  # fmt: skip
_FLAG = "--insecure-skip-tls-verify"
_TYPES = ("deploy", "sts", "ds", "rs", "job")
_RECORDERS = "app.kubernetes.io/name=ebpfaudit"
_RECORDERS_NAMESPACE = "ebpfaudit"


class Cluster:
    """The cluster and the namespace that the options of a command line name."""

    def __init__(self, given: Mapping[str, Sequence[str]]) -> None:
        self._options = [f"{name}={value}" for name in _HANDED_ON for value in given.get(name, ())]
        self._options += [_FLAG] * (_FLAG in given)
        self._namespace = [f"--namespace={value}" for value in given.get("--namespace", ())[-1:]]
        self._recorders = [*given.get("--recorder-namespace", ()), _RECORDERS_NAMESPACE][0]

    def contexts(self, word: str) -> list[str]:
        return self._complete(["config", "use-context"], word)

    def clusters(self, word: str) -> list[str]:
        return self._complete(["get", "--cluster"], word)

    def users(self, word: str) -> list[str]:
        return self._complete(["get", "--user"], word)

    def namespaces(self, word: str) -> list[str]:
        return self._complete(["get", "namespaces"], word)

    def nodes(self, word: str) -> list[str]:
        return self._complete(["get", "nodes"], word)

    def pods(self, word: str) -> list[str]:
        return self._complete([*self._namespace, "get", "pods"], word)

    def workloads(self, word: str) -> list[str]:
        """TYPE/NAME where a type was typed, else the types that begin so."""
        kind, slash, name = word.partition("/")
        if not slash:
            return [f"{of}/" for of in _TYPES if of.startswith(word)]
        return [f"{kind}/{one}" for one in self._complete([*self._namespace, "get", kind], name)]

    def containers(self, pod: str, word: str) -> list[str]:
        return self._complete([*self._namespace, "exec", pod, "--container"], word)

    def recorders(self, word: str) -> list[str]:
        """The recorders' pods."""
        where = [f"--namespace={self._recorders}", f"--selector={_RECORDERS}"]
        how = ["--output=name", "--request-timeout=2s"]
        lines = _lines(["kubectl", *self._options, "get", "pods", *where, *how])
        names = [line.removeprefix("pod/") for line in lines]
        return [name for name in names if name.startswith(word)]

    def _complete(self, command: list[str], word: str) -> list[str]:
        """What kubectl itself would complete; none if it cannot be asked."""
        lines = _lines(["kubectl", "__complete", *self._options, *command, word])
        found = [line.partition("\t")[0] for line in lines if not line.startswith(":")]
        return [one for one in found if one.startswith(word) and one != word + "/"]


def _lines(command: list[str]) -> list[str]:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.decode(errors="replace").splitlines() if done.returncode == 0 else []
