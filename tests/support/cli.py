"""Runs the command line: within this process, or as one of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kubectl_ebpfaudit import app, verbosity

ROOT = Path(__file__).parents[2]


@dataclass
class Ran:
    """How a command line ended; `out` is what it printed, `err` what it said."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()


class Cli:
    """Calls `main()` with the arguments given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[bytes]) -> None:
        self._monkeypatch, self._capture = monkeypatch, capture

    def __call__(self, *arguments: str | Path) -> Ran:
        self._monkeypatch.setattr(verbosity, "_level", 0)
        self._monkeypatch.setattr(sys, "argv", ["kubectl-ebpfaudit", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            app.main()
        captured = self._capture.readouterr()
        assert b"Traceback" not in captured.err
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0, captured.out, captured.err.decode())


def start(*arguments: str | Path, **options: Any) -> "subprocess.Popen[bytes]":
    """Starts the command line as a process; `options` are those of Popen."""
    command = [sys.executable, "-m", "kubectl_ebpfaudit", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    return subprocess.Popen(command, env=environment, **options)
