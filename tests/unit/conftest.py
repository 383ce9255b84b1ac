"""What several unit tests share."""

from pathlib import Path

import pytest

from tests.support.cli import Cli


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> Cli:
    """The command line, with an empty store."""
    monkeypatch.setenv("EBPFAUDIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    return Cli(monkeypatch, capsysbinary)
