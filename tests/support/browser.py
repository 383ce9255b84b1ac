"""Chromium without a window, driven over its DevTools protocol (https://chromedevtools.github.io/devtools-protocol/)."""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROGRAM = "chromium"
_ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--force-device-scale-factor=1", "--remote-debugging-pipe",
)  # fmt: skip
_TIMEOUT = 120.0
"""Seconds for one answer, on a machine with other work."""


def missing() -> str:
    """Why there is no browser here; empty if there is one."""
    return "" if shutil.which(PROGRAM) else f"{PROGRAM} is not installed"


class PageError(Exception):
    """What a script in the page threw, or a command that the browser refused."""


class Page:
    """One page. `complaints` is what it wrote on its console or threw, `requests` every URL that it asked for."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._buffer = b""
        self._count = 0
        self._session: str | None = None
        self._happened: list[str] = []
        self.complaints: list[str] = []
        self.requests: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to a command. Raises PageError."""
        self._count += 1
        command = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while (answer := self._next()).get("id") != self._count:
            self._note(answer)
        if "error" in answer:
            raise PageError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + _TIMEOUT
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], max(until - time.monotonic(), 0))
            data = os.read(self._answers, 1 << 20) if ready else b""
            if not data:
                raise PageError("the browser " + ("has ended" if ready else "does not answer"))
            self._buffer += data
        message, self._buffer = self._buffer.split(b"\0", 1)
        found: dict[str, Any] = json.loads(message)
        return found

    def _note(self, event: dict[str, Any]) -> None:
        method, told = event.get("method", ""), event.get("params", {})
        self._happened.append(method)
        if method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(" ".join(str(a.get("value", a.get("description"))) for a in told["args"]))
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(told["exceptionDetails"]))
        elif method == "Page.javascriptDialogOpening":
            self.complaints.append(f"dialog: {told['message']}")
        elif method == "Log.entryAdded":
            self.complaints.append(told["entry"]["text"])

    def open(self, file: Path) -> None:
        """Loads a file, and returns when it and all that it loads is there."""
        self._happened.clear()
        self.call("Page.navigate", url=file.absolute().as_uri())
        while "Page.loadEventFired" not in self._happened:
            self._note(self._next())

    def run(self, script: str) -> Any:
        """The value of an expression, which may be a promise. Raises PageError."""
        done = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            raise PageError(done["exceptionDetails"].get("exception", {}).get("description", str(done)))
        return done["result"].get("value")

    def until(self, condition: str, seconds: float = 60) -> None:
        """Returns when an expression is true. Raises PageError after `seconds`."""
        self.run(f"""new Promise((done, failed) => {{
            const end = performance.now() + {seconds * 1000};
            const look = () => ({condition}) ? done() : performance.now() > end
                ? failed(new Error({json.dumps(condition)} + " never came true")) : setTimeout(look, 20);
            look();
        }})""")

    def size(self, width: int, height: int) -> None:
        """Makes the window so large."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def look(self, scheme: str = "light", media: str = "") -> None:
        """Has the page in a colour scheme, or as on paper (`print`)."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)

    def key(self, key: str, text: str = "") -> None:
        """Presses a key; `text` is what it types."""
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def type(self, text: str) -> None:
        """Types a text into what has the focus."""
        self.call("Input.insertText", text=text)

    def picture(self, file: Path, whole: bool = False) -> None:
        """Saves what is seen, or the whole page, as a PNG."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(shot["data"]))


def _out_of_the_way(descriptor: int) -> int:
    """The same under a number that neither 3 nor 4 can overwrite."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return moved


@contextlib.contextmanager
def page() -> Iterator[Page]:
    """A page in a browser of its own, with a profile of its own."""
    with tempfile.TemporaryDirectory(prefix="ebpfaudit-browser-", ignore_cleanup_errors=True) as profile:
        commands, ours = map(_out_of_the_way, os.pipe())
        answers, theirs = map(_out_of_the_way, os.pipe())
        # The browser reads commands from descriptor 3 and answers on 4.
        script = f'exec "$@" 3<&{commands} 4>&{theirs}'
        argv = ["bash", "-c", script, "bash", PROGRAM, *_ARGUMENTS, f"--user-data-dir={profile}"]
        browser = subprocess.Popen(
            argv, pass_fds=(commands, theirs), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(commands)
        os.close(theirs)
        try:
            yield Page(ours, answers)
        finally:
            os.close(ours)  # which ends it
            os.close(answers)
            try:
                browser.wait(20)
            except subprocess.TimeoutExpired:
                browser.kill()
                browser.wait()
