"""Pods as the API lists them, and what becomes of them: one list, then watches from where it ended."""

import contextlib
import json
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from kubectl_ebpfaudit.cluster.api import Api
from kubectl_ebpfaudit.cluster.errors import ApiError, of_response
from kubectl_ebpfaudit.cluster.objects import Object
from kubectl_ebpfaudit.cluster.watch import Watch

PAGE = 500
"""Pods asked for at a time, as kubectl does."""

_SILENCE_SECONDS = 90.0
"""The server sends a bookmark about each minute; so long without one, and the connection is taken for dead."""

_GONE = 410
_UNPARSABLE = 400


class Expired(ApiError):
    """The server does not remember what came since that resourceVersion: list again (HTTP status 410)."""


class BadSelector(ApiError):
    """The server does not understand the selector."""


class Feed:
    """The pods of a namespace, or of all if it is "", that a query selects: fieldSelector or labelSelector."""

    def __init__(self, api: Api, namespace: str, query: dict[str, str]) -> None:
        self._api, self._query = api, query
        self._path = f"/api/v1/namespaces/{quote(namespace)}/pods" if namespace else "/api/v1/pods"
        self.version = ""
        """The resourceVersion from which the next watch goes on; "" if there is to be a list first."""

    def pages(self, limit: int) -> Iterator[list[Object]]:
        """All pods, `limit` at a time (0: at once). After the last, `version` is set.

        Raises Expired if that took so long that the pages do not fit together: all is to be read again.
        """
        query = {**self._query, **({"limit": str(limit)} if limit else {})}
        while True:
            with self._expiry():
                page = self._api.get(self._path, **query)
            yield page.get("items") or []
            metadata = page.get("metadata") or {}
            if not metadata.get("continue"):
                self.version = str(metadata.get("resourceVersion", ""))
                return
            query["continue"] = str(metadata["continue"])

    def watch(self, seconds: int) -> Watch:
        """A watch from `version` on. Raises Expired."""
        with self._expiry():
            return self._api.open_watch(
                self._path,
                seconds - int(seconds * random.uniform(0, 0.2)),  # not all clients at the same moment
                _SILENCE_SECONDS,
                resourceVersion=self.version,
                allowWatchBookmarks="true",
                **self._query,
            )

    def events(self, watch: Watch) -> Iterator[tuple[str, Object]]:
        """("ADDED" | "MODIFIED" | "DELETED", pod) of the watch; `version` moves on with each.

        Raises Expired, or what the server says in place of events.
        """
        for event in watch:
            kind, thing = str(event.get("type")), event.get("object") or {}
            if kind == "ERROR":
                self.version = ""
                with self._expiry():
                    raise _error(thing)
            # First of all: who deals with the event may leave, and must not be given it again.
            self.version = str((thing.get("metadata") or {}).get("resourceVersion") or self.version)
            if kind in ("ADDED", "MODIFIED", "DELETED"):
                yield kind, thing

    @contextlib.contextmanager
    def _expiry(self) -> Iterator[None]:
        try:
            yield
        except ApiError as error:
            if error.status == _GONE:
                self.version = ""
                raise Expired(str(error), error.status) from error
            if error.status == _UNPARSABLE and "labelSelector" in self._query:
                raise BadSelector(str(error), error.status) from error
            raise


def _error(status: Any) -> ApiError:
    code = status.get("code")
    return of_response(code if isinstance(code, int) else 500, json.dumps(status).encode())
