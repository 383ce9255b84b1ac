"""Reads kubeconfig files as kubectl does: several are merged, and of each name the first one counts.

https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig has the rules. What is wrong
with a file is said with the place in it: the library that takes the result would only name types of Python.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from kubectl_ebpfaudit.cluster.errors import NoContext
from kubectl_ebpfaudit.cluster.overrides import Overrides
from replay.escape import printable

_DEFAULT = "~/.kube/config"
_PATHS = {
    "clusters": ("certificate-authority",),
    "users": ("client-certificate", "client-key", "tokenFile"),
}
"""Entries that are paths, relative to the file that they are in."""

_AUTH_PROVIDERS = ("oidc", "gcp")
"""Those that the library knows; of others it says nothing and asks as nobody."""

_OF_NOBODY = ("as", "as-groups", "as-uid", "as-user-extra")
"""What of a user is no credential."""

_SINGULAR = {"contexts": "context", "clusters": "cluster", "users": "user"}


@dataclass(frozen=True)
class Context:
    """One context with the cluster and the user that it means; `path` says where they are from."""

    name: str
    namespace: str
    cluster: dict[str, Any]
    user: dict[str, Any]
    path: str

    def document(self) -> dict[str, Any]:
        """The same as a kubeconfig of its own, with absolute paths."""
        context = {"cluster": "cluster", "user": "user"}
        return {
            "current-context": self.name,
            "contexts": [{"name": self.name, "context": context}],
            "clusters": [{"name": "cluster", "cluster": self.cluster}],
            "users": [{"name": "user", "user": self.user}],
        }


def locate(given: str | None) -> tuple[str, list[Path]]:
    """What names the files (--kubeconfig, which is one, else $KUBECONFIG, else the usual one), and those that exist."""
    named = [given] if given else (os.environ.get("KUBECONFIG") or _DEFAULT).split(os.pathsep)
    files = [Path(os.path.expanduser(part)) for part in named if part]
    return os.pathsep.join(map(str, files)), [file for file in files if file.exists()]


def read(path: str, files: list[Path], wanted: str | None, overrides: Overrides) -> Context:
    """The context of that name, else the current one, as `overrides` change it. Raises NoContext."""
    merged, current = _merge(path, files)
    contexts = merged["contexts"]
    name = wanted or current
    context: dict[str, Any] = {}
    where = f"context {name}" if name else "the command line"
    if name in contexts:
        context = contexts[name]
    elif name:
        there = printable(", ".join(sorted(contexts))) or "none"
        raise NoContext(f"there is no context {printable(name)} in {printable(path)}; there is: {there}")
    elif not (overrides.server or overrides.cluster):
        raise NoContext(
            f"the kubeconfig {printable(path)} cannot be used: it has no current-context; "
            "choose one with --context or kubectl config use-context"
        )
    context = overrides.of_context(context)
    has_cluster = context.get("cluster") or not overrides.server
    cluster = overrides.of_cluster(_named(merged, context, "cluster", where, path) if has_cluster else {})
    user = overrides.of_user(_named(merged, context, "user", where, path) if context.get("user") else {})
    if isinstance(cluster.get("server"), str) and cluster["server"] and "://" not in cluster["server"]:
        cluster["server"] = f"http://{cluster['server']}"  # whatever is said on TLS
    _check_server(cluster, str(context.get("cluster", "")), path)
    _check_user(user, context.get("user"), path)
    if str(cluster["server"]).startswith("http://"):  # anybody on the way would read the credentials
        user = {key: value for key, value in user.items() if key in _OF_NOBODY}
    return Context(
        name or "none", _text(context.get("namespace"), f"the namespace of {where}", path), cluster, user, path
    )


def _merge(path: str, files: list[Path]) -> tuple[dict[str, dict[str, Any]], str]:
    """The entries of all files by kind and name, and the current context. Raises NoContext."""
    merged: dict[str, dict[str, Any]] = {kind: {} for kind in _SINGULAR}
    current, is_empty = "", bool(files)
    for file in files:
        content = _load(file)
        if content is None:
            continue
        is_empty = False
        current = current or _text(content.get("current-context"), "current-context", file)
        for kind, known in merged.items():
            for name, value in _entries(content, kind, file).items():
                known.setdefault(name, value)
    if is_empty:
        raise _unusable(path, "it is empty")
    return merged, current


def _load(file: Path) -> dict[str, Any] | None:
    """What a file says; None if that is nothing. Raises NoContext."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f" in line {mark.line + 1}" if mark else ""
        raise _unusable(file, f"it is no YAML: {error.problem}{line}") from error
    except yaml.YAMLError as error:
        raise _unusable(file, f"it is no YAML: {str(error).splitlines()[0]}") from error
    except UnicodeDecodeError as error:
        raise _unusable(file, "it is no text") from error
    except OSError as error:
        raise _unusable(file, error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:  # such as a date with a 13th month, or endless nesting
        raise _unusable(file, f"it is no YAML that makes sense: {error}") from error
    return None if content is None else _mapping(content, "the file", file)


def _entries(content: dict[str, Any], kind: str, file: Path) -> dict[str, dict[str, Any]]:
    """The clusters, contexts or users of a file by name, with their paths made absolute."""
    entries = content.get(kind)
    if entries is None:
        return {}
    if not isinstance(entries, list):
        raise _unusable(file, f"{kind} is {_kind(entries)}, not a list")
    found: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(entries, 1):
        entry = _mapping(entry, f"number {number} of {kind}", file)
        name = _text(entry.get("name"), f"the name of number {number} of {kind}", file)
        if not name:
            raise _unusable(file, f"number {number} of {kind} has no name")
        value = entry.get(_SINGULAR[kind])
        value = {} if value is None else _mapping(value, f"{_SINGULAR[kind]} {name}", file)
        for key in _PATHS.get(kind, ()):
            if value.get(key):
                relative = _text(value[key], f"{key} of {_SINGULAR[kind]} {name}", file)
                value[key] = str(file.parent.absolute() / relative)
        if isinstance(plugin := value.get("exec"), dict) and os.sep in str(plugin.get("command", "")):
            plugin["command"] = str(file.parent.absolute() / str(plugin["command"]))
        found.setdefault(name, value)
    return found


def _named(
    merged: dict[str, dict[str, Any]], context: dict[str, Any], what: str, where: str, path: str
) -> dict[str, Any]:
    """The cluster or the user that a context names."""
    name = _text(context.get(what), f"the {what} of {where}", path)
    if not name:
        raise _unusable(path, f"{where} names no {what}")
    if name not in merged[f"{what}s"]:
        raise _unusable(path, f"{where} names the {what} {name}, which is not there")
    return dict(merged[f"{what}s"][name])


def _check_server(cluster: dict[str, Any], name: str, path: str) -> None:
    server = cluster.get("server")
    if not server:
        raise _unusable(path, f"cluster {name} has no server")
    try:
        parts = urlsplit(str(server))
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise _unusable(path, f"the server of cluster {name} is no URL: {server}")


def _check_user(user: dict[str, Any], name: object, path: str) -> None:
    provider = user.get("auth-provider")
    if isinstance(provider, dict) and provider.get("name") not in _AUTH_PROVIDERS:
        reason = f"the auth-provider {provider.get('name')} of user {name} is one that kubectl has given up as well"
        raise _unusable(path, f"{reason}: log in with a credential plugin (exec)")
    groups = user.get("as-groups") or []
    extra = user.get("as-user-extra") or {}
    if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
        raise _unusable(path, f"as-groups of user {name} is no list of text")
    if not isinstance(extra, dict) or not all(isinstance(k, str) and isinstance(v, list) for k, v in extra.items()):
        raise _unusable(path, f"as-user-extra of user {name} is not keys with lists")
    if (groups or extra or user.get("as-uid")) and not user.get("as"):
        raise _unusable(path, f"user {name} has groups to act in (as-groups), and nobody to act as (as)")
    _text(user.get("as"), f"as of user {name}", path)


def _mapping(value: object, what: str, file: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _unusable(file, f"{what} is {_kind(value)}, not keys with values")
    return value


def _text(value: object, what: str, file: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _unusable(file, f"{what} is {_kind(value)}, not text")
    return value


def _kind(value: object) -> str:
    names = {str: "text", list: "a list", dict: "keys with values", bool: "yes or no", int: "a number"}
    return names.get(type(value), "nothing" if value is None else f"a {type(value).__name__}")


def _unusable(path: object, reason: str) -> NoContext:
    return NoContext(f"the kubeconfig {printable(str(path))} cannot be used: {printable(reason)}")
