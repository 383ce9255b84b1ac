"""What a terminal is told while a verb waits, and what a pipe is not."""

import io
import sys

import pytest

from kubectl_ebpfaudit.progress import Progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_told_what_goes_on_and_then_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress("asking the \x1b[31mAPI server"):
        assert terminal.getvalue() == "\r\x1b[2Kasking the \\x1b[31mAPI server"
    assert terminal.getvalue().endswith("\r\x1b[2K")


def test_a_pipe_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    with Progress("asking") as progress:
        progress.tell("more")
    assert pipe.getvalue() == ""
