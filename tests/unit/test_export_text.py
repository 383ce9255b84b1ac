"""`export --format text`."""

from pathlib import Path

from tests.support.cli import Cli
from tests.support.logs import MS, SECOND, LogBuilder, run, shell_session, start_shell

DOCS = Path(__file__).parents[2] / "docs"


def test_a_transcript_has_lines_as_they_stood_and_commands_in_place(cli: Cli, tmp_path: Path) -> None:
    ran = cli("export", shell_session().save(tmp_path / "s.ebpfaudit"), "--format", "text")
    assert ran.code == 0
    example = (DOCS / "export.md").read_text().partition("# session 1: bash")[2].partition("```")[0]
    assert ran.text.startswith("# session 1: bash" + example)
    assert ran.text.splitlines()[-1] == "03:04:12.000  exit"


def test_typing_and_editing_make_one_line_with_the_time_of_its_beginning(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    for at, data in enumerate((b"$ ", b"l", b"a", b"\b\x1b[K", b"s", b"\r\nfile\r\n$ ")):
        log.add("tty_out", at * SECOND + 10 * MS, data=data)
    ran = cli("export", log.save(tmp_path / "s.ebpfaudit"), "--format", "text")
    lines = ["03:04:05.001  » bash", "03:04:05.010  $ ls", "03:04:10.010  file", "03:04:10.010  $"]
    assert ran.text.splitlines()[1:] == lines


def test_holes_are_named_in_place_and_hostile_text_is_escaped(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    log.add("tty_out", SECOND, data=b"before\x1b]0;t\x07\r\n")
    log.add("gap", 2 * SECOND, reason=1, direction=1, tty=1, offset=14, bytes=1000)
    log.add("tty_out", 3 * SECOND, offset=1014, data="\u202eafter".encode())
    run(log, 4 * SECOND, 101, "a\x1b]0;t\x07", tty=1)
    ran = cli("export", log.save(tmp_path / "s.ebpfaudit"), "--format", "text")
    assert ran.code == 3
    assert ran.text.splitlines()[2:] == [
        "03:04:06.000  before",
        "03:04:07.000  !! 1,000 bytes of output are missing here",
        "03:04:08.000  after",
        r"03:04:09.001  » $'a\e]0;t\a'",
    ]
