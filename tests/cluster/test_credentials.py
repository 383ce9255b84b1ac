"""How a user gets to the API server: certificates, credential plugins, proxies."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.commands import ROOT, run, short_record
from tests.cluster.conftest import Victim
from tests.cluster.node import Node


def _kubeconfig(node: Node, path: Path, user: Mapping[str, Any], cluster: Mapping[str, Any] | None = None) -> Path:
    """The node's kubeconfig with other entries for the user, and some for the cluster."""
    config = json.loads(node.kubeconfig().read_text())
    config["users"][0]["user"] = dict(user)
    config["clusters"][0]["cluster"].update(cluster or {})
    file = path / "kubeconfig"
    file.write_text(json.dumps(config))
    return file


def test_user_of_the_kubeconfig_that_acts_as_another_does(node: Node, tmp_path: Path) -> None:
    user = {"token": "admin-token", "as": "bob", "as-groups": ["system:masters", "x"]}
    ran = run(node, "doctor", "-o", "json", "--kubeconfig", str(_kubeconfig(node, tmp_path, user)))
    assert ran.code == 0
    assert ran.checks()["user"]["detail"].startswith("bob, groups: system:masters, x")


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def test_client_certificate_in_files_and_in_the_kubeconfig(node: Node, target: Victim, tmp_path: Path) -> None:
    certificate, key = node.certificate("carol", "system:masters")
    for user in (
        {"client-certificate": str(certificate), "client-key": str(key)},
        {"client-certificate-data": _encoded(certificate), "client-key-data": _encoded(key)},
    ):
        config = str(_kubeconfig(node, tmp_path, user))
        ran = run(node, *short_record(tmp_path, target), "--kubeconfig", config)
        assert (ran.code, ran.err) == (0, "")
    ran = run(node, "doctor", "-o", "json", "--kubeconfig", config)
    assert ran.checks()["user"]["detail"].startswith("carol, groups: system:masters")


def test_client_certificate_that_cannot_be_used_is_one_clear_line(node: Node, target: Victim, tmp_path: Path) -> None:
    certificate, key = node.certificate("dora", "nobody")
    other, _ = node.certificate("emil", "nobody")
    (tmp_path / "garbage").write_text("garbage")
    for user, code, says in (
        ({"client-certificate": "/nowhere", "client-key": str(key)}, 17, "File does not exist: /nowhere"),
        ({"client-certificate": str(tmp_path / "garbage"), "client-key": str(key)}, 6, "TLS: "),
        ({"client-certificate": str(other), "client-key": str(key)}, 6, "TLS: "),
        ({}, 5, 'user "system:anonymous" may not get pods'),
        ({"token": "wrong"}, 5, "does not accept the credentials of this context"),
    ):
        ran = run(node, *short_record(tmp_path, target), "--kubeconfig", str(_kubeconfig(node, tmp_path, user)))
        assert ran.code == code, ran.err
        assert says in ran.err
        assert re.fullmatch(r"error: .*\n", ran.err)
    ran = run(
        node,
        *short_record(tmp_path, target),
        "--kubeconfig",
        str(_kubeconfig(node, tmp_path, {}, {"certificate-authority": str(certificate)})),
    )
    assert ran.code == 6
    assert "cannot be reached: TLS: " in ran.err


def _plugin(path: Path, script: str, **more: Any) -> dict[str, Any]:
    """The entry of a user with a plugin that is this shell script; $runs is how often it has run before."""
    program = path / "plugin"
    counting = 'echo x >> "$0.runs"; runs=$(($(wc -l < "$0.runs") - 1))'
    program.write_text(f"#!/bin/sh\n{counting}\n{script}\n")
    program.chmod(0o755)
    (path / "plugin.runs").write_text("")
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": version, "command": "./plugin", "interactiveMode": "Never", **more}}


def _runs(path: Path) -> int:
    return len((path / "plugin.runs").read_text().splitlines())


def _credential(expires_in: int | None = None, **status: str) -> str:
    """A shell command that prints an ExecCredential; `expires_in` is seconds."""
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    if expires_in is None:
        return f"printf '%s\\n' '{json.dumps(answer)}'"
    answer["status"] = {**status, "expirationTimestamp": "WHEN"}
    when = f"$(date -u -d '{expires_in} seconds' +%Y-%m-%dT%H:%M:%SZ)"
    return f"printf '%s\\n' '{json.dumps(answer)}' | sed \"s/WHEN/{when}/\""


def test_plugin_gives_a_token_once(node: Node, target: Victim, tmp_path: Path) -> None:
    config = str(_kubeconfig(node, tmp_path, _plugin(tmp_path, _credential(3600, token="admin-token"))))
    ran = run(node, *short_record(tmp_path, target), "--kubeconfig", config)
    assert (ran.code, ran.err) == (0, "")
    assert _runs(tmp_path) == 1


def test_plugin_runs_again_when_its_token_expires(node: Node, target: Victim, tmp_path: Path) -> None:
    # Ten seconds before its time a token counts as expired.
    config = str(_kubeconfig(node, tmp_path, _plugin(tmp_path, _credential(5, token="admin-token"))))
    ran = run(node, *short_record(tmp_path, target), "--kubeconfig", config)
    assert (ran.code, ran.err) == (0, "")
    assert _runs(tmp_path) > 2


def test_plugin_runs_again_when_its_token_is_not_accepted(node: Node, target: Victim, tmp_path: Path) -> None:
    old, new = _credential(token="old-token"), _credential(token="admin-token")
    config = str(_kubeconfig(node, tmp_path, _plugin(tmp_path, f"[ $runs = 0 ] && {old} || {new}")))
    ran = run(node, *short_record(tmp_path, target), "--kubeconfig", config)
    assert (ran.code, ran.err) == (0, "")
    assert _runs(tmp_path) == 2


def test_plugin_gives_certificates_and_renews_them(node: Node, target: Victim, tmp_path: Path) -> None:
    certificate, key = node.certificate("frida", "system:masters")
    status = {"clientCertificateData": certificate.read_text(), "clientKeyData": key.read_text()}
    config = str(_kubeconfig(node, tmp_path, _plugin(tmp_path, _credential(5, **status))))
    ran = run(node, *short_record(tmp_path, target), "--kubeconfig", config)
    assert (ran.code, ran.err) == (0, "")
    assert _runs(tmp_path) > 2
    ran = run(node, "doctor", "-o", "json", "--kubeconfig", config)
    assert ran.checks()["user"]["detail"].startswith("frida, ")


def test_plugin_gets_its_environment_and_the_cluster(node: Node, tmp_path: Path) -> None:
    script = f'[ "$WHO" = admin ] && echo "$KUBERNETES_EXEC_INFO" > "$0.info"\n{_credential(token="admin-token")}'
    plugin = _plugin(tmp_path, script, env=[{"name": "WHO", "value": "admin"}], provideClusterInfo=True)
    ran = run(node, "doctor", "-o", "json", "--kubeconfig", str(_kubeconfig(node, tmp_path, plugin)))
    assert ran.checks()["user"]["status"] == "ok"
    info = json.loads((tmp_path / "plugin.info").read_text())
    assert info["spec"] == {"interactive": False, "cluster": {"server": "https://127.0.0.1:6443"}}


BROKEN_PLUGINS = [
    ("echo 'first line'; echo 'log in with: aws sso login' >&2; exit 3", "exit code 3: log in with: aws sso login"),
    ("printf 'no\\033[31mJSON'", "no ExecCredential with a status"),
    ("echo '{}'", "no ExecCredential with a status"),
    (_credential(), "neither a token nor a certificate with its key"),
    (_credential(token="a\nb"), "a token that is none"),
    (_credential(clientCertificateData="x"), "neither a token nor a certificate with its key"),
    (_credential(token="x").replace("/v1", "/v1beta1"), "printed apiVersion client.authentication.k8s.io/v1beta1"),
    (_credential(token="x", expirationTimestamp="soon"), "expirationTimestamp is no time: soon"),
]


@pytest.mark.parametrize(("script", "says"), BROKEN_PLUGINS, ids=lambda value: value[:25])
def test_plugin_that_fails_is_one_clear_line(
    node: Node, target: Victim, tmp_path: Path, script: str, says: str
) -> None:
    config = str(_kubeconfig(node, tmp_path, _plugin(tmp_path, script)))
    ran = run(node, *short_record(tmp_path, target), "--kubeconfig", config)
    assert ran.code == 17, ran.err
    assert re.match(r"error: no credentials: the plugin .*/plugin of context testnode: ", ran.err)
    assert says in ran.err
    assert ran.err.replace("\n", "").isprintable()


def test_plugin_that_is_missing_is_named_with_its_hint(node: Node, target: Victim, tmp_path: Path) -> None:
    plugin = _plugin(tmp_path, "", command="no-such-login", installHint="get it with\n\n  apt install it")
    ran = run(node, *short_record(tmp_path, target), "--kubeconfig", str(_kubeconfig(node, tmp_path, plugin)))
    assert ran.code == 17
    assert ran.err == (
        "error: no credentials: the plugin no-such-login of context testnode: there is no such program: "
        "install it (get it with apt install it)\n"
    )


# proxies


@contextmanager
def _proxy(node: Node, path: Path, *user: str) -> Iterator[int]:
    """The port of a proxy within the node's network, which leads to its API server; a user is NAME:PASSWORD."""
    argv = [sys.executable, "-m", "tests.support.http_proxy", "6443", str(path / "proxied"), *user]
    (path / "proxied").write_text("")
    command = node.command(argv)
    with subprocess.Popen(command.argv, env=command.env, cwd=ROOT, stdout=subprocess.PIPE) as program:
        try:
            assert program.stdout
            yield int(program.stdout.readline())
        finally:
            program.kill()


# A name that is in no DNS: only who asks the proxy gets there.
_ELSEWHERE = {"server": "https://api.invalid:6443", "tls-server-name": "127.0.0.1"}
_ADMIN = {"token": "admin-token"}


def test_proxy_of_the_kubeconfig_carries_requests_and_the_log(node: Node, target: Victim, tmp_path: Path) -> None:
    with _proxy(node, tmp_path) as port:
        cluster = {**_ELSEWHERE, "proxy-url": f"http://127.0.0.1:{port}"}
        config = str(_kubeconfig(node, tmp_path, _ADMIN, cluster))
        # kubectl asks NO_PROXY of no proxy that the kubeconfig names.
        ran = run(node, *short_record(tmp_path, target), "--kubeconfig", config, env={"NO_PROXY": "*"})
        assert (ran.code, ran.err) == (0, "")
    lines = (tmp_path / "proxied").read_text().splitlines()
    assert len(lines) >= 2  # the requests, and the exec session
    assert {line.split()[1] for line in lines} == {"api.invalid:6443"}


def test_proxy_of_the_environment_carries_requests_and_the_log(node: Node, target: Victim, tmp_path: Path) -> None:
    config = str(_kubeconfig(node, tmp_path, _ADMIN, _ELSEWHERE))
    with _proxy(node, tmp_path, "me:p@ss") as port:
        proxy = {"HTTPS_PROXY": f"http://me:p%40ss@127.0.0.1:{port}", "NO_PROXY": "other.invalid"}
        ran = run(node, *short_record(tmp_path, target), "--kubeconfig", config, env=proxy)
        assert (ran.code, ran.err) == (0, "")
        ran = run(node, "doctor", "--kubeconfig", config, "-o", "json", env=proxy)
        assert ran.checks()["API server"]["detail"].endswith(f"through the proxy 127.0.0.1:{port}")
        assert "p@ss" not in ran.out
        ran = run(node, *short_record(tmp_path, target), "--kubeconfig", config, env={**proxy, "NO_PROXY": ".invalid"})
        assert ran.code == 6
        assert "the API server https://api.invalid:6443 cannot be reached: " in ran.err
        wrong = {"HTTPS_PROXY": f"http://me:wrong@127.0.0.1:{port}"}
        ran = run(node, *short_record(tmp_path, target), "--kubeconfig", config, env=wrong)
        assert ran.code == 6
        assert f"cannot be reached through the proxy 127.0.0.1:{port}: " in ran.err
        assert "407" in ran.err
        assert "wrong" not in ran.err


def test_proxy_of_the_environment_is_not_asked_for_this_machine(node: Node, target: Victim, tmp_path: Path) -> None:
    ran = run(node, *short_record(tmp_path, target), env={"HTTPS_PROXY": "http://127.0.0.1:1"})
    assert (ran.code, ran.err) == (0, "")


def test_proxy_that_is_away_or_unusable_is_named(node: Node, target: Victim, tmp_path: Path) -> None:
    config = str(_kubeconfig(node, tmp_path, _ADMIN, {"proxy-url": "http://127.0.0.1:1"}))
    ran = run(node, *short_record(tmp_path, target), "--kubeconfig", config)
    assert ran.code == 6
    assert "cannot be reached through the proxy 127.0.0.1:1: Connection refused" in ran.err
    config = str(_kubeconfig(node, tmp_path, _ADMIN, {"proxy-url": "socks5://127.0.0.1:1"}))
    ran = run(node, *short_record(tmp_path, target), "--kubeconfig", config)
    assert ran.code == 17
    assert "the proxy-url of the kubeconfig is for a proxy of the kind socks5" in ran.err
