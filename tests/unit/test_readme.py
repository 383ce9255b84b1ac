"""What the README shows of a recording, against that recording and today's program."""

import pytest

from tests.support.cli import Cli
from tests.support.readme import LOG, README, captured


def test_the_readme_shows_what_show_prints_of_its_recording(cli: Cli) -> None:
    ran = cli("show", LOG)
    assert ran.code == 0, ran.err
    text = README.read_text()
    assert captured(text, ran.text) == text, "make pictures records it anew"


def test_the_recording_of_the_readme_is_complete_and_holds_no_password(cli: Cli) -> None:
    assert cli("verify", LOG).code == 0
    assert b"battery" not in cli("export", LOG, "--format", "jsonl").out


@pytest.mark.parametrize("text", ["", "<!-- captured: show -->\n```\n```\n<!-- end -->\n" * 2])
def test_a_readme_without_its_block_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="one block"):
        captured(text, "x")
