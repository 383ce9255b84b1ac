"""Credentials that change while a connection lives, and where they come from."""

import os
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kubectl_ebpfaudit.cluster.errors import NoCredentials
from replay.escape import printable


@dataclass(frozen=True)
class Credentials:
    """A token, or a certificate with its key (PEM), or both. `expiry` is seconds since 1970."""

    token: str = ""
    certificate: str = ""
    key: str = ""
    expiry: float | None = None


class Source(Protocol):
    """Where credentials come from."""

    def credentials(self) -> Credentials:
        """Those that are valid now. Raises NoCredentials."""

    def reject(self) -> None:
        """The API server does not accept them: the next ones should be new."""


class TokenFile:
    """A file that somebody else keeps up to date; it is read for each request."""

    def __init__(self, path: str) -> None:
        self._path = path

    def credentials(self) -> Credentials:
        try:
            token = Path(self._path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise NoCredentials(f"no credentials: the token file {printable(self._path)}: {reason}") from error
        if not token or not (token.isascii() and token.isprintable()):
            raise NoCredentials(f"no credentials: the token file {printable(self._path)} holds no token")
        return Credentials(token)

    def reject(self) -> None:
        pass  # it is read anew anyhow


class CertificateFiles:
    """A certificate and its key as files, the only way in which TLS libraries take them; gone with this object."""

    def __init__(self, credentials: Credentials) -> None:
        folder = tempfile.mkdtemp(prefix="ebpfaudit-")
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.certificate, self.key = (os.path.join(folder, name) for name in ("certificate", "key"))
        for path, content in ((self.certificate, credentials.certificate), (self.key, credentials.key)):
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(content)
