"""A terminal that a person would use: tmux, with keys typed into it and its screen read back."""

import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest


class Tmux:
    """Runs `argv` in a tmux of its own. Use it in a `with`."""

    def __init__(
        self, folder: Path, argv: Sequence[str], rows: int = 24, cols: int = 80, env: Mapping[str, str] | None = None
    ) -> None:
        if not shutil.which("tmux"):
            pytest.skip("needs: tmux")
        self._socket = str(folder / "tmux")
        words = [*(f"{name}={value}" for name, value in (env or {}).items()), *argv]
        # A shell around it stays, to show how it ended and what it left the terminal like.
        line = f"env {shlex.join(words)}; echo code=$?; stty -a | grep -o ' -*icanon'; exec cat"
        self._run("-f", "/dev/null", "new-session", "-d", "-x", str(cols), "-y", str(rows), line)

    def _run(self, *arguments: str) -> str:
        command = ["tmux", "-S", self._socket, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    def keys(self, *keys: str) -> None:
        """Types keys, by tmux's names."""
        self._run("send-keys", *keys)

    def resize(self, rows: int, cols: int) -> None:
        """Gives the window another size."""
        self._run("resize-window", "-x", str(cols), "-y", str(rows))

    def screen(self) -> str:
        """What it shows."""
        return self._run("capture-pane", "-p")

    def pid(self) -> int:
        """Process ID of the shell around the program."""
        return int(self._run("display-message", "-p", "#{pane_pid}"))

    def wait(self, *wanted: str, without: str = "", seconds: float = 60) -> str:
        """The screen once it holds all that is wanted, and not `without`. Raises AssertionError with what it shows."""
        deadline = time.monotonic() + seconds
        while True:
            shown = self.screen()
            if all(text in shown for text in wanted) and not (without and without in shown):
                return shown
            if time.monotonic() > deadline:
                raise AssertionError(f"waited for {wanted}, without {without!r}; it shows:\n{shown}")
            time.sleep(0.05)

    def __enter__(self) -> "Tmux":
        return self

    def __exit__(self, *_: object) -> None:
        self._run("kill-server")
