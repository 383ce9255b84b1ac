"""What -v 6 and above say of each request, in kubectl's words and as little secret as there (client-go transport)."""

from collections.abc import Iterable
from http import HTTPStatus

from kubectl_ebpfaudit.printing import say
from kubectl_ebpfaudit.verbosity import ALL, CONTENTS, HEADERS, REQUESTS
from replay.escape import printable

_MAX_SHOWN = 1024
"""Bytes of a body that -v 8 shows; a body that 9 shows is bounded by what the client takes."""


class Trace:
    """Writes to standard error what a level of -v shows."""

    def __init__(self, level: int) -> None:
        self._level = level

    def request(self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> None:
        """What is about to be sent."""
        if self._level < HEADERS:
            return
        say(printable(f"{method} {url}"))
        say("Request Headers:")
        for name, value in headers:
            hidden = f"{value.partition(' ')[0]} <masked>" if name.lower() == "authorization" else value
            say(printable(f"    {name}: {hidden}"))
        if body is not None:
            self._body("Request", body)

    def response(self, method: str, url: str, status: int, seconds: float) -> None:
        """What has come of it; a status of 0: no answer."""
        if self._level >= REQUESTS:
            phrase = next((known.phrase for known in HTTPStatus if known == status), "")
            answer = f" {status} {phrase}".rstrip() if status else ""
            say(printable(f"{method} {url}{answer} in {seconds * 1000:.0f} milliseconds"))

    def body(self, data: bytes) -> None:
        """What came with it."""
        self._body("Response", data)

    def _body(self, whose: str, data: bytes) -> None:
        if self._level < CONTENTS:
            return
        text = data.decode(errors="replace")
        rest = len(text) - _MAX_SHOWN
        if self._level < ALL and rest > 0:
            text = f"{text[:_MAX_SHOWN]} [truncated {rest} chars]"
        say(f"{whose} Body: {printable(text)}")
