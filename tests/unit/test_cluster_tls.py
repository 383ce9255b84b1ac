"""TLS to the API server: whom requests and exec sessions trust, and as what."""

import http.server
import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from urllib3.util.ssl_ import create_urllib3_context

from kubectl_ebpfaudit.cluster.access import Access
from kubectl_ebpfaudit.cluster.api import Api
from kubectl_ebpfaudit.cluster.connecting import connect
from kubectl_ebpfaudit.cluster.errors import Forbidden, Unreachable
from kubectl_ebpfaudit.cluster.exec import ExecStream

_NO_IDENTIFIERS = "subjectKeyIdentifier=none\nauthorityKeyIdentifier=none\n"
_NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        status, answer = (403, {"message": "no"}) if self.path.partition("?")[0].endswith("/exec") else (200, {"a": 1})
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that do not trust it are what is tested


def _openssl(*arguments: str) -> None:
    if not shutil.which("openssl"):
        pytest.skip("needs: openssl")
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def _authority(folder: Path, name: str) -> tuple[Path, Path]:
    """Certificate and key of an authority as EKS has it: no certificate has an Authority Key Identifier."""
    certificate, key, config = (folder / f"{name}.{kind}" for kind in ("crt", "key", "cnf"))
    usage = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature,keyEncipherment,keyCertSign\n"
    config.write_text(f"[req]\ndistinguished_name=name\n[name]\n[ext]\n{usage}{_NO_IDENTIFIERS}")
    _openssl(
        *["req", "-x509", *_NEW_KEY, "-nodes", "-days", "2", "-config", str(config), "-extensions", "ext"],
        *["-subj", f"/CN={name}", "-keyout", str(key), "-out", str(certificate)],
    )
    return certificate, key


def _server_certificate(folder: Path, authority: tuple[Path, Path]) -> tuple[Path, Path]:
    certificate, key, request, extensions = (folder / f"server.{kind}" for kind in ("crt", "key", "csr", "ext"))
    extensions.write_text(f"subjectAltName=IP:127.0.0.1\n{_NO_IDENTIFIERS}")
    _openssl("req", "-new", *_NEW_KEY, "-nodes", "-subj", "/CN=server", "-keyout", str(key), "-out", str(request))
    _openssl(
        *["x509", "-req", "-days", "2", "-in", str(request), "-extfile", str(extensions), "-CAcreateserial"],
        *["-CA", str(authority[0]), "-CAkey", str(authority[1]), "-out", str(certificate)],
    )
    return certificate, key


@contextmanager
def _serve(certificate: Path, key: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an authority, another one, and a server's certificate."""
    folder = tmp_path_factory.mktemp("keys")
    _server_certificate(folder, _authority(folder, "authority"))
    _authority(folder, "other")
    return folder


@pytest.fixture(scope="module")
def port(keys: Path) -> Iterator[int]:
    with _serve(keys / "server.crt", keys / "server.key") as port:
        yield port


def _api(folder: Path, host: str, authority: Path | None, name: str = "", **user: str) -> Api:
    """`name` is the one that the server's certificate has to be for, if it is not the host."""
    cluster = {"server": host, **({"certificate-authority": str(authority)} if authority else {})}
    cluster |= {"tls-server-name": name} if name else {}
    config = {
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path = folder / "config"
    path.write_text(json.dumps(config))
    return connect(Access(str(path), timeout=10))


def _strict(make: Callable[..., ssl.SSLContext]) -> Callable[..., ssl.SSLContext]:
    """As Python 3.13 makes contexts."""

    def made(*args: Any, **options: Any) -> ssl.SSLContext:
        context = make(*args, **options)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    return made


def _exec(api: Api) -> None:
    ExecStream(api, "ebpfaudit", "p", "recorder", ["x"])


def test_authority_without_a_key_identifier_is_trusted_where_python_is_strict(
    keys: Path, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssl, "create_default_context", _strict(ssl.create_default_context))
    monkeypatch.setattr("urllib3.connection.create_urllib3_context", _strict(create_urllib3_context))
    api = _api(tmp_path, f"https://127.0.0.1:{port}", keys / "authority.crt")
    assert api.get("/x") == {"a": 1}
    with pytest.raises(Forbidden):
        _exec(api)


@pytest.mark.parametrize(
    ("host", "authority"), [("127.0.0.1", "other"), ("localhost", "authority"), ("127.0.0.1", None)]
)
def test_server_of_another_authority_or_name_is_refused(
    keys: Path, port: int, tmp_path: Path, host: str, authority: str | None
) -> None:
    trusted = keys / f"{authority}.crt" if authority else None
    api = _api(tmp_path, f"https://{host}:{port}", trusted)
    with pytest.raises(Unreachable, match="TLS: "):
        api.get("/x")
    with pytest.raises(Unreachable, match="TLS: "):
        _exec(api)


def test_name_that_was_given_for_the_certificate_is_the_one_that_counts(keys: Path, port: int, tmp_path: Path) -> None:
    api = _api(tmp_path, f"https://localhost:{port}", keys / "authority.crt", "127.0.0.1")
    assert api.get("/x") == {"a": 1}
    with pytest.raises(Forbidden):
        _exec(api)


def test_certificates_that_are_renewed_count_from_the_next_connection_on(keys: Path, port: int, tmp_path: Path) -> None:
    trusted = tmp_path / "trusted.crt"
    shutil.copy(keys / "other.crt", trusted)
    api = _api(tmp_path, f"https://127.0.0.1:{port}", trusted)
    for use in (lambda: api.get("/x"), lambda: _exec(api)):
        with pytest.raises(Unreachable, match="TLS: "):
            use()
    shutil.copy(keys / "authority.crt", tmp_path / "new.crt")
    (tmp_path / "new.crt").replace(trusted)
    assert api.get("/x") == {"a": 1}
    with pytest.raises(Forbidden):
        _exec(api)


def test_client_key_that_is_encrypted_is_told_and_nobody_is_asked(keys: Path, port: int, tmp_path: Path) -> None:
    encrypted = tmp_path / "encrypted.key"
    _openssl("ec", "-in", str(keys / "server.key"), "-aes256", "-passout", "pass:x", "-out", str(encrypted))
    user = {"client-certificate": str(keys / "server.crt"), "client-key": str(encrypted)}
    api = _api(tmp_path, f"https://127.0.0.1:{port}", keys / "authority.crt", **user)
    with pytest.raises(Unreachable, match="the client's key is encrypted"):
        api.get("/x")
    with pytest.raises(Unreachable, match="the client's key is encrypted"):
        _exec(api)
