"""How libghostty-vt is loaded."""

import subprocess
import sys
from pathlib import Path

import pytest

from replay.screen import declarations, library

ROOT = Path(__file__).parents[2]


def test_the_ready_made_declarations_are_those_of_the_installed_library() -> None:
    command = [sys.executable, str(ROOT / "scripts/generate-declarations"), "--check"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    ffi, lib = library.load()
    assert ffi is declarations.ffi
    assert lib.GHOSTTY_FORMATTER_FORMAT_VT == 1


def test_with_another_version_of_the_library_its_own_declarations_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declarations, "DIGEST", "0" * 64)
    ffi, lib = library.load()
    assert ffi is not declarations.ffi
    assert lib.GHOSTTY_FORMATTER_FORMAT_VT == 1
