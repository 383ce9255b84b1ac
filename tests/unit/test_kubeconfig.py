"""Kubeconfig files: what is taken from several of them, and what is said of broken ones."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from kubectl_ebpfaudit.cluster import kubeconfig
from kubectl_ebpfaudit.cluster.access import Access
from kubectl_ebpfaudit.cluster.connecting import connect
from kubectl_ebpfaudit.cluster.errors import NoContext, NoCredentials
from kubectl_ebpfaudit.cluster.overrides import Overrides
from kubectl_ebpfaudit.cluster.proxy import Proxy, choose
from replay.errors import WrongUsage

GOOD: dict[str, Any] = {
    "clusters": [{"name": "c", "cluster": {"server": "https://c.test"}}],
    "users": [{"name": "u", "user": {"token": "t"}}],
    "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    "current-context": "x",
}


def _with(**changes: Any) -> str:
    return json.dumps({**GOOD, **changes})


def _user(**user: Any) -> str:
    return _with(users=[{"name": "u", "user": user}])


def _cluster(**cluster: Any) -> str:
    return _with(clusters=[{"name": "c", "cluster": cluster}])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "it is empty"),
        ("# nothing\n", "it is empty"),
        ("a: [", "it is no YAML: expected the node content, but found '<stream end>' in line 1"),
        ("a: 1\n\tb: 2", "it is no YAML: found character '\\t' that cannot start any token in line 2"),
        ("\x00", "it is no YAML: unacceptable character"),
        ("a: 2020-13-45", "it is no YAML that makes sense: month must be in 1..12"),
        ("[" * 3000, "it is no YAML that makes sense: "),
        ("[]", "the file is a list, not keys with values"),
        ("just text", "the file is text, not keys with values"),
        ("<html>\n", "the file is text, not keys with values"),
        (_with(contexts=5), "contexts is a number, not a list"),
        (_with(clusters={"c": {}}), "clusters is keys with values, not a list"),
        (_with(users=["u"]), "number 1 of users is text, not keys with values"),
        (_with(users=[{"user": {}}]), "number 1 of users has no name"),
        (_with(users=[{"name": 5}]), "the name of number 1 of users is a number, not text"),
        (_with(contexts=[{"name": "x", "context": "c"}]), "context x is text, not keys with values"),
        (_with(contexts=[{"name": "x"}]), "context x names no cluster"),
        (
            _with(contexts=[{"name": "x", "context": {"cluster": "d"}}]),
            "context x names the cluster d, which is not there",
        ),
        (
            _with(contexts=[{"name": "x", "context": {"cluster": ["d"]}}]),
            "the cluster of context x is a list, not text",
        ),
        (
            _with(contexts=[{"name": "x", "context": {"cluster": "c", "user": "v"}}]),
            "context x names the user v, which is not there",
        ),
        (
            _with(contexts=[{"name": "x", "context": {"cluster": "c", "namespace": 5}}]),
            "the namespace of context x is a number, not text",
        ),
        (_with(**{"current-context": ""}), "it has no current-context; choose one with --context"),
        (_with(**{"current-context": []}), "current-context is a list, not text"),
        (_cluster(), "cluster c has no server"),
        (_cluster(server="ftp://c.test"), "the server of cluster c is no URL: ftp://c.test"),
        (_cluster(server="https://c:port"), "the server of cluster c is no URL: https://c:port"),
        (_cluster(server=5), "the server of cluster c is no URL: 5"),
        (
            _cluster(server="https://c", **{"certificate-authority": 7}),
            "certificate-authority of cluster c is a number, not text",
        ),
        (
            _cluster(server="https://c", **{"certificate-authority": "/nowhere"}),
            "context x: File does not exist: /nowhere",
        ),
        (_cluster(server="https://c", **{"certificate-authority-data": "a"}), "context x: "),
        (_user(**{"client-certificate": "/nowhere"}), "context x: File does not exist: /nowhere"),
        (
            _user(**{"auth-provider": {"name": "azure"}}),
            "the auth-provider azure of user u is one that kubectl has given up as well: log in with",
        ),
        (_user(**{"as": "a", "as-groups": "b"}), "as-groups of user u is no list of text"),
        (_user(**{"as": "a", "as-user-extra": {"b": "c"}}), "as-user-extra of user u is not keys with lists"),
        (_user(**{"as-groups": ["b"]}), "user u has groups to act in (as-groups), and nobody to act as (as)"),
        (_user(**{"as": ["a"]}), "as of user u is a list, not text"),
        (_user(exec="x"), "the credential plugin of context x: exec is not keys with values"),
        (_user(exec={"apiVersion": "v9"}), "the credential plugin of context x: exec names no command"),
        (
            _user(exec={"command": "p", "apiVersion": "v9"}),
            "the credential plugin of context x: its apiVersion v9 is none",
        ),
    ],
)
def test_what_is_wrong_with_a_kubeconfig_is_said_with_the_place(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(NoContext) as caught:
        connect(Access(str(path)))
    message = str(caught.value)
    assert message.startswith(f"the kubeconfig {path} cannot be used: {says}"), message
    assert message.isprintable()


def test_file_that_is_no_text_and_a_folder_are_no_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "config").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NoContext, match="it is no text"):
        connect(Access(str(tmp_path / "config")))
    with pytest.raises(NoContext, match="Is a directory"):
        connect(Access(str(tmp_path)))


def test_context_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(_with(contexts=[]))
    with pytest.raises(NoContext, match=r"there is no context x in .*; there is: none$"):
        connect(Access(str(path)))


def test_of_several_files_the_first_that_says_something_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text(_with(contexts=[{"name": "x", "context": {"cluster": "c", "namespace": "first"}}]))
    (tmp_path / "b").write_text(_with(**{"current-context": "y"}))
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([f"{tmp_path}/none", f"{tmp_path}/a", "", f"{tmp_path}/b"]))
    api = connect(Access())
    assert (api.context, api.namespace) == ("x", "first")


def test_paths_are_relative_to_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    (tmp_path / "config").write_text(_user(tokenFile="token"))
    (tmp_path / "token").write_text("one\n")
    api = connect(Access(str(tmp_path / "config")))
    assert ("Authorization", "Bearer one") in api.headers()
    (tmp_path / "token").write_text("two")
    assert ("Authorization", "Bearer two") in api.headers()
    (tmp_path / "token").unlink()
    with pytest.raises(NoCredentials, match=r"the token file .*/token: No such file"):
        api.headers()


def test_user_of_the_kubeconfig_may_act_as_another_unless_an_option_says_so(tmp_path: Path) -> None:
    path = tmp_path / "config"
    acts = {"as": "a", "as-groups": ["g", "h"], "as-uid": "7", "as-user-extra": {"x/y": ["1", "2"]}}
    path.write_text(_user(token="t", **acts))
    assert [h for h in connect(Access(str(path))).headers() if h[0].startswith("Impersonate")] == [
        ("Impersonate-User", "a"),
        ("Impersonate-Group", "g"),
        ("Impersonate-Group", "h"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Extra-x%2Fy", "1"),
        ("Impersonate-Extra-x%2Fy", "2"),
    ]
    headers = dict(connect(Access(str(path), as_user="b", as_uid="8")).headers())
    assert (headers["Impersonate-User"], headers["Impersonate-Uid"]) == ("b", "8")
    assert headers["Impersonate-Group"] == "h"  # what no option says stays, as with kubectl


def test_groups_and_uid_of_nobody_are_wrong_usage(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(json.dumps(GOOD))
    with pytest.raises(WrongUsage, match="--as-group needs --as"):
        connect(Access(str(path), as_groups=["g"]))
    with pytest.raises(WrongUsage, match="--as-uid needs --as"):
        connect(Access(str(path), as_uid="1"))


# options in the place of entries


TWO: dict[str, Any] = {
    "clusters": [
        {
            "name": "c",
            "cluster": {"server": "https://c.test", "certificate-authority-data": "eA==", "tls-server-name": "n"},
        },
        {"name": "d", "cluster": {"server": "https://d.test"}},
    ],
    "users": [{"name": "u", "user": {"tokenFile": "/nowhere"}}, {"name": "v", "user": {"token": "v"}}],
    "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
    "current-context": "x",
}


def _context(tmp_path: Path, content: Any, **overrides: Any) -> kubeconfig.Context:
    path = tmp_path / "config"
    path.write_text(json.dumps(content))
    return kubeconfig.read(str(path), [path], None, Overrides(**overrides))


def test_cluster_and_user_may_be_other_ones_than_the_contexts(tmp_path: Path) -> None:
    found = _context(tmp_path, TWO, cluster="d", user="v")
    assert (found.cluster["server"], found.user["token"], found.namespace) == ("https://d.test", "v", "shop")
    with pytest.raises(NoContext, match="names the cluster e, which is not there"):
        _context(tmp_path, TWO, cluster="e")
    with pytest.raises(NoContext, match="names the user w, which is not there"):
        _context(tmp_path, TWO, user="w")


def test_another_server_is_not_held_to_the_name_in_the_kubeconfig(tmp_path: Path) -> None:
    found = _context(tmp_path, TWO, server="https://e.test:6443")
    assert found.cluster == {"server": "https://e.test:6443", "certificate-authority-data": "eA=="}
    assert _context(tmp_path, TWO, server="https://e.test", tls_server_name="f").cluster["tls-server-name"] == "f"


def test_whom_to_trust_is_replaced_as_a_whole(tmp_path: Path) -> None:
    assert _context(tmp_path, TWO, insecure_skip_tls_verify=True).cluster == {
        "server": "https://c.test", "tls-server-name": "n", "insecure-skip-tls-verify": True,
    }  # fmt: skip
    trusted = _context(tmp_path, TWO, certificate_authority="/ca").cluster
    assert trusted["certificate-authority"] == "/ca"
    assert "certificate-authority-data" not in trusted


def test_token_and_certificate_of_the_command_line_come_first(tmp_path: Path) -> None:
    found = _context(tmp_path, TWO, token="t", client_certificate="/crt", client_key="/key")
    assert found.user == {"token": "t", "client-certificate": "/crt", "client-key": "/key"}


def test_server_needs_no_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert connect(Access(overrides=Overrides(server="c.test"))).configuration.host == "http://c.test"


def test_credentials_do_not_go_over_a_connection_that_anybody_reads(tmp_path: Path) -> None:
    """As with kubectl (clientcmd takes a user's entry into account only for TLS)."""
    path = tmp_path / "config"
    path.write_text(_user(**{"token": "t", "tokenFile": "/none", "exec": {"command": "/none"}, "as": "a"}))
    for server in ("http://c.test", "c.test"):
        headers = dict(connect(Access(str(path), overrides=Overrides(server=server))).headers())
        assert "Authorization" not in headers
        assert headers["Impersonate-User"] == "a"


def test_empty_files_among_others_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").write_text("")
    (tmp_path / "good").write_text(json.dumps(GOOD))
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/empty{os.pathsep}{tmp_path}/good")
    assert connect(Access()).context == "x"


# proxies


PROXY = {"HTTPS_PROXY": "http://u:p%40@proxy.test:8080", "HTTP_PROXY": "plain.test"}


@pytest.mark.parametrize(
    ("server", "of_context", "environment", "host"),
    [
        ("https://c.test", None, {}, None),
        ("https://c.test", None, PROXY, "proxy.test"),
        ("http://c.test", None, PROXY, "plain.test"),
        ("https://c.test", None, {"https_proxy": "http://low.test"}, "low.test"),
        ("https://c.test", "http://own.test", {**PROXY, "NO_PROXY": "*"}, "own.test"),
        ("https://localhost", None, PROXY, None),
        ("https://127.0.0.1:6443", None, PROXY, None),
        ("https://[::1]:6443", None, PROXY, None),
        ("https://127.0.0.1:6443", "http://own.test", {}, "own.test"),
        ("https://c.test", None, {**PROXY, "NO_PROXY": "*"}, None),
        ("https://c.test", None, {**PROXY, "NO_PROXY": "a, C.test"}, None),
        ("https://a.c.test", None, {**PROXY, "no_proxy": "c.test"}, None),
        ("https://c.test", None, {**PROXY, "NO_PROXY": ".c.test"}, "proxy.test"),
        ("https://a.c.test", None, {**PROXY, "NO_PROXY": "*.c.test"}, None),
        ("https://ac.test", None, {**PROXY, "NO_PROXY": "c.test"}, "proxy.test"),
        ("https://c.test", None, {**PROXY, "NO_PROXY": "c.test:443"}, None),
        ("https://c.test:6443", None, {**PROXY, "NO_PROXY": "c.test:443"}, "proxy.test"),
        ("https://10.1.2.3", None, {**PROXY, "NO_PROXY": "10.0.0.0/8"}, None),
        ("https://11.1.2.3", None, {**PROXY, "NO_PROXY": "10.0.0.0/8,x"}, "proxy.test"),
        ("https://[fd00::1]:6443", None, {**PROXY, "NO_PROXY": "[fd00::1]:6443"}, None),
        ("https://[fd00::1]", None, {**PROXY, "NO_PROXY": "fd00::/8"}, None),
    ],
)
def test_proxy_is_the_one_that_kubectl_takes(
    server: str, of_context: str | None, environment: dict[str, str], host: str | None
) -> None:
    found = choose(server, of_context, environment)
    assert (found.host if found else None) == host


def test_password_of_a_proxy_is_read_and_not_shown() -> None:
    found = choose("https://c.test", None, PROXY)
    assert found == Proxy("proxy.test", 8080, "u", "p@")
    assert found is not None
    assert (found.shown, found.url) == ("proxy.test:8080", "http://proxy.test:8080")


@pytest.mark.parametrize("url", ["socks5://s.test", "https://s.test", "http://", "http://s:port", "ftp://x\x1b"])
def test_proxy_that_cannot_be_used_is_refused_with_where_it_is_from(url: str) -> None:
    with pytest.raises(NoContext, match="the proxy-url of the kubeconfig is ") as caught:
        choose("https://c.test", url, {})
    with pytest.raises(NoContext, match="the HTTPS_PROXY is "):
        choose("https://c.test", None, {"HTTPS_PROXY": url})
    assert str(caught.value).isprintable()


def test_a_missing_kubeconfig_is_told_with_what_goes_without_one(tmp_path: Path) -> None:
    with pytest.raises(NoContext, match=r"name one with --kubeconfig or KUBECONFIG; record --local needs none$"):
        connect(Access(kubeconfig=str(tmp_path / "none")))
