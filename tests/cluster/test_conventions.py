"""kubectl and the plugin with the same options: they reach the same server, as the same user, in the same namespace."""

import json
import re
import shutil
import stat
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.commands import CLIENT, ROOT
from tests.cluster.node import Node

Config = dict[str, Any]
_SECONDS = 60
# kubectl writes it in the first form since 1.33, and before that as the plugin does.
_ANSWER = re.compile(r'(?:"Response" verb="GET" url="|GET )(https?://[^/\s]+)(/[^?\s"]*)\S*(?: status=")? ?(\d\d\d)')
_USER = re.compile(r'(?:User|user) "(.*?)" (?:cannot|may not) get')


@dataclass(frozen=True)
class Reached:
    """What of a command line can be compared: the URL last asked and the answer, and as whom it was refused.

    Without an answer all are empty, and `failed` says that the command did. Who is not let in at all has the server's
    URL only: kubectl asks first which resources there are.
    """

    url: str
    status: str
    user: str
    failed: bool


@dataclass(frozen=True)
class Case:
    """Options, with what a test of them needs: FOLDER is a folder of its own."""

    options: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    change: Callable[[Config], object] = lambda config: None


def _user(config: Config) -> Config:
    found: Config = config["users"][0]["user"]
    return found


def _other(config: Config) -> None:
    """A second cluster, which is not there, with a user and a context."""
    config["clusters"].append({"name": "away", "cluster": {"server": "https://127.0.0.1:1"}})
    config["users"].append({"name": "wrong", "user": {"token": "wrong"}})
    context = {"cluster": config["clusters"][0]["name"], "user": config["users"][0]["name"], "namespace": "kube-public"}
    config["contexts"].append({"name": "public", "context": context})
    config["contexts"].append({"name": "lost", "context": {"cluster": "away", "user": "wrong"}})


_NOBODY = "--as nobody"
_VERSION = "client.authentication.k8s.io/v1"


def _with_plugin(command: str) -> Callable[[Config], object]:
    plugin = {"command": command, "apiVersion": _VERSION, "interactiveMode": "Never"}
    return lambda config: config["users"][0].update(user={"exec": plugin})


CASES = {
    "nothing": Case(),
    "context": Case(f"--context public {_NOBODY}", change=_other),
    "context that leads nowhere": Case("--context lost", change=_other),
    "context that there is not": Case("--context none"),
    "cluster": Case("--context lost --cluster testnode --user USER", change=_other),
    "cluster that there is not": Case("--cluster none"),
    "user": Case("--user wrong", change=_other),
    "user that there is not": Case("--user none"),
    "namespace": Case(f"-n kube-system {_NOBODY}"),
    "namespace with a sign": Case(f"-n=kube-system {_NOBODY}"),
    "namespace written together": Case(f"-nkube-system {_NOBODY}"),
    "long namespace": Case(f"--namespace=kube-system {_NOBODY}"),
    "as": Case(_NOBODY),
    "as a service account": Case("--as system:serviceaccount:default:default"),
    "as with a group that may": Case("--as bob --as-group system:masters"),
    "as with groups": Case("--as bob --as-group a --as-group=system:masters"),
    "as with a UID": Case("--as bob --as-uid 7"),
    "group of nobody": Case("--as-group a"),
    "as of the kubeconfig": Case(change=lambda config: _user(config).update({"as": "carl"})),
    "as before that of the kubeconfig": Case(_NOBODY, change=lambda config: _user(config).update({"as": "carl"})),
    "as with the groups of the kubeconfig": Case(
        _NOBODY, change=lambda config: _user(config).update({"as": "carl", "as-groups": ["system:masters"]})
    ),
    "group with the user of the kubeconfig": Case(
        "--as-group system:masters", change=lambda config: _user(config).update({"as": "carl"})
    ),
    "token": Case("--token wrong"),
    "token before a broken one": Case("--token admin-token", change=lambda config: _user(config).update(token="x")),
    "token before a plugin": Case("--token admin-token", change=_with_plugin("/none")),
    "plugin": Case(change=_with_plugin("FOLDER/plugin")),
    "plugin that there is not": Case(change=_with_plugin("FOLDER/none")),
    "token file": Case(change=lambda config: config["users"][0].update(user={"tokenFile": "token"})),
    "server": Case("--server https://127.0.0.1:6443"),
    "short server": Case("-s https://127.0.0.1:1"),
    "server that leads nowhere": Case("--server https://127.0.0.1:1"),
    "server and all else on the command line": Case(
        "--server https://127.0.0.1:6443 --certificate-authority CA --token admin-token", {"KUBECONFIG": "/none"}
    ),
    "server without a scheme": Case(
        "--server 127.0.0.1:6443 --certificate-authority CA --token admin-token", {"KUBECONFIG": "/none"}
    ),
    "insecure": Case("--insecure-skip-tls-verify", change=lambda config: None),
    "insecure with a sign": Case("--insecure-skip-tls-verify=true --server https://localhost:6443"),
    "another authority": Case("--certificate-authority FOLDER/other.crt"),
    "another name in the certificate": Case("--tls-server-name other.test"),
    "the right name in the certificate": Case("--server https://127.0.0.1:6443 --tls-server-name 127.0.0.1"),
    "certificate": Case(
        "--client-certificate FOLDER/user.crt --client-key FOLDER/user.key --user plain",
        change=lambda config: config["users"].append({"name": "plain", "user": {}}),
    ),
    "timeout": Case("--request-timeout 10s"),
    "timeout in minutes": Case("--request-timeout=1m"),
    "timeout in bare seconds": Case("--request-timeout 10"),
    "timeout in parts": Case("--request-timeout 1m1.5s"),
    "no timeout": Case("--request-timeout 0"),
    "timeout that is none": Case("--request-timeout 1d"),
    "timeout that is too short": Case("--request-timeout 1us"),
    "kubeconfig": Case("--kubeconfig FOLDER/config", {"KUBECONFIG": "/none"}),
    "kubeconfig that there is not": Case("--kubeconfig FOLDER/none"),
    "kubeconfig is one file": Case("--kubeconfig FOLDER/none:FOLDER/config"),
    "list of kubeconfigs": Case("--context public", {"KUBECONFIG": "FOLDER/second:FOLDER/config"}, _other),
    "list with a missing and an empty one": Case("", {"KUBECONFIG": "FOLDER/none:FOLDER/empty::FOLDER/config"}),
    "list whose first names the context": Case(_NOBODY, {"KUBECONFIG": "FOLDER/second:FOLDER/config"}, _other),
    "empty kubeconfig variable": Case("", {"KUBECONFIG": ""}),
    "level with a space": Case("-v 6"),
    "level together": Case("-v6"),
    "proxy of the environment, for elsewhere": Case(
        "--server https://api.invalid:6443 --tls-server-name 127.0.0.1", {"HTTPS_PROXY": "http://127.0.0.1:1"}
    ),
    "proxy of the environment, not for this machine": Case("", {"HTTPS_PROXY": "http://127.0.0.1:1"}),
    "proxy of the kubeconfig": Case(
        change=lambda config: config["clusters"][0]["cluster"].update({"proxy-url": "http://127.0.0.1:1"})
    ),
}  # fmt: skip


def _prepare(node: Node, folder: Path, case: Case) -> Config:
    """The files that cases name; gives the kubeconfig."""
    config: Config = json.loads(node.kubeconfig().read_text())
    case.change(config)
    (folder / "config").write_text(json.dumps(config).replace("FOLDER", str(folder)))
    second = {"apiVersion": "v1", "kind": "Config", "current-context": "public"}
    (folder / "second").write_text(json.dumps(second))
    (folder / "empty").write_text("")
    (folder / "token").write_text("admin-token\n")
    status = {"token": "admin-token"}
    credential = {"apiVersion": _VERSION, "kind": "ExecCredential", "status": status}
    plugin = folder / "plugin"
    plugin.write_text(f"#!/bin/sh\necho '{json.dumps(credential)}'\n")
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    for path, name in zip(node.certificate("erin", "nobody"), ("user.crt", "user.key"), strict=True):
        shutil.copy(path, folder / name)
    shutil.copy(folder / "user.crt", folder / "other.crt")
    return config


def _start(node: Node, argv: list[str], env: Mapping[str, str]) -> "subprocess.Popen[str]":
    command = node.command(argv, env=env)
    return subprocess.Popen(
        command.argv, env=command.env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def _reached(program: "subprocess.Popen[str]") -> Reached:
    with program:
        try:
            said = program.communicate(timeout=_SECONDS)[1]
        finally:
            program.kill()
    assert "Traceback" not in said, said
    answer, user = _ANSWER.findall(said), _USER.search(said)
    asked = [one for one in answer if one[1].endswith("/pods/none")] or answer
    server, path, status = asked[-1] if asked else ("", "", "")
    url = server if status in ("400", "401") else server + path
    return Reached(url, status, user[1] if user else "", program.returncode != 0)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_same_options_lead_to_the_same_place(node: Node, tmp_path: Path, case: Case) -> None:
    config = _prepare(node, tmp_path, case)
    authority = config["clusters"][0]["cluster"].get("certificate-authority", "")
    words = case.options.replace("FOLDER", str(tmp_path)).replace("CA", str(authority))
    options = words.replace("USER", config["users"][0]["name"]).split()
    named = {key: value.replace("FOLDER", str(tmp_path)) for key, value in case.env.items()}
    env = {"KUBECONFIG": str(tmp_path / "config"), "HOME": str(tmp_path), **named}
    level = [] if any(word.startswith("-v") for word in options) else ["-v=6"]
    kubectl = _start(node, ["kubectl", "get", "pod", "none", *options, *level], env)
    plugin = _start(node, [*CLIENT, "record", "none", *options, *level], env)
    with_kubectl, with_plugin = _reached(kubectl), _reached(plugin)
    assert with_plugin == with_kubectl


def test_what_is_compared_differs_between_cases(node: Node, tmp_path: Path) -> None:
    """Or the comparison would be one of nothing with nothing."""
    _prepare(node, tmp_path, Case(change=_other))
    env = {"KUBECONFIG": str(tmp_path / "config"), "HOME": str(tmp_path)}
    found = [
        _reached(_start(node, ["kubectl", "get", "pod", "none", "-v=6", *options], env))
        for options in ([], ["--as", "nobody"], ["-n", "kube-system"], ["--context", "lost"], ["--token", "wrong"])
    ]
    assert [one.status for one in found] == ["404", "403", "404", "", "401"]
    assert found[1].user == "nobody"
    assert "/namespaces/kube-system/" in found[2].url
