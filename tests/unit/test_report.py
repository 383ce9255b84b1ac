"""The report of `export --format html` as text: what is in it, and what can never be."""

import base64
import gzip
import hashlib
import json
import re
import subprocess
from html import unescape
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from replay.page import document, markup
from replay.page.busy import Busy
from replay.recording import opened
from replay.who import kept
from replay.who.identity import Asked, Identity
from replay.who.request import Person
from tests.support.cli import Cli
from tests.support.logs import SECOND, LogBuilder, run, shell_session, start_shell

PLAYER = Path(markup.__file__).parent / "player"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return shell_session().save(tmp_path / "s.ebpfaudit")


def report(cli: Cli, log: Path | str, code: int = 0) -> str:
    ran = cli("export", log, "--format", "html")
    assert ran.code == code
    return ran.text


def block(page: str, name: str) -> Any:
    found = re.search(f'<script type="application/gzip" id="{name}">([^<]*)</script>', page)
    assert found
    return json.loads(gzip.decompress(base64.b64decode(found[1])))


def cast(page: str, name: str = "1-1") -> dict[str, Any]:
    shown: dict[str, Any] = block(page, f"cast-{name}")
    return shown


def test_it_says_what_log_it_is_of_and_how_that_is(cli: Cli, log: Path) -> None:
    page = report(cli, log)
    assert hashlib.sha256(log.read_bytes()).hexdigest() in page
    assert "<b>complete</b>" in page
    assert 'id="remarks-title"' not in page
    assert "default/victim/main" in page


def test_what_verify_finds_is_among_the_remarks(cli: Cli, log: Path) -> None:
    log.write_bytes(log.read_bytes()[:-10])
    page = report(cli, log, code=3)
    assert "<b>unfinished</b>" in page
    assert re.search(r"remarks-title.*<li>unfinished: the file ends within the object", page)


def test_only_its_own_two_scripts_may_run(cli: Cli, log: Path) -> None:
    page = report(cli, log)
    found = re.search('http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert found
    policy = dict(part.split(" ", 1) for part in unescape(found[1]).split("; "))
    assert policy.keys() == {"default-src", "script-src", "style-src", "base-uri", "form-action"}
    assert {policy[key] for key in ("default-src", "base-uri", "form-action")} == {"'none'"}
    scripts = re.findall(r"<script>(.*?)</script>", page, re.S)
    hashes = {base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts}
    assert len(hashes) == 2
    assert policy["script-src"] == " ".join(f"'sha256-{h}'" for h in _in_order(hashes, policy)) + " 'wasm-unsafe-eval'"


def _in_order(hashes: set[str], policy: dict[str, str]) -> list[str]:
    return sorted(hashes, key=policy["script-src"].index)


def test_nothing_in_it_names_another_place_to_load_from(cli: Cli, log: Path) -> None:
    page = re.sub(r"<script>.*?</script>", "", report(cli, log), flags=re.S)
    assert not re.search(r"\b(?:src|href|action|poster|data)=[\"'](?!#)", page)


def test_the_same_log_makes_the_same_report(cli: Cli, log: Path) -> None:
    assert report(cli, log) == report(cli, log)


def test_a_cast_in_it_holds_nothing_that_talks_to_a_terminal(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder()).add("tty_out", SECOND, data=b"\x1b]52;c;cm0=\x07</script>\x1b[6n")
    page = report(cli, log.save(tmp_path / "s.ebpfaudit"))
    assert cast(page)["events"] == [[0, "o", ""], [1, "m", "bash"], [1000, "o", "</script>"]]


def test_one_session_can_be_exported_alone(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(start_shell(LogBuilder()), SECOND, session=2, pid=200, tty=2).save(tmp_path / "two.ebpfaudit")
    assert "session-1" in report(cli, log)
    only = report(cli, f"{log}/2")
    assert "session-1" not in only
    assert cast(only, "2-2")


def test_output_beyond_the_limit_is_left_out_and_said(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    for i in range(1, 5):
        log.add("tty_out", i * SECOND, data=b"x" * 1000)
    log.save(tmp_path / "s.ebpfaudit")
    with mock.patch.object(document, "MAX_OUTPUT", 2500):
        page = report(cli, tmp_path / "s.ebpfaudit")
    assert sum(len(e[2]) for e in cast(page)["events"] if e[1] == "o") == 2000
    assert "2,000 characters of output had no room" in page


def test_what_was_on_the_screen_and_what_was_typed_is_in_it_as_lines(cli: Cli, log: Path) -> None:
    assert block(report(cli, log), "text-1-1") == [
        [1000, "i", "ls -la"], [1001, "o", "root@victim:~# ls -la"], [1009, "o", "total 0"], [1009, "o", "bin  café"],
        [7000, "o", "exit"],
    ]  # fmt: skip


def test_lines_of_a_full_screen_program_are_those_of_its_screens(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    for place, letter in enumerate(b"passwd"):
        log.add("tty_out", SECOND + place, data=b"\x1b[5;%dH%c" % (place + 1, letter))
    page = report(cli, log.save(tmp_path / "s.ebpfaudit"))
    assert [line[1:] for line in block(page, "text-1-1")] == [["o", "passwd"]]


def test_text_beyond_the_limit_is_left_out_and_said(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    for i in range(1, 5):
        log.add("tty_out", i * SECOND, data=b"%d" % i * 1500 + b"\r\n")
    log.save(tmp_path / "s.ebpfaudit")
    with mock.patch.object(document, "MAX_CHARACTERS", 2600):
        page = report(cli, tmp_path / "s.ebpfaudit")
    assert [len(line[2]) for line in block(page, "text-1-1")] == [1000, 500, 1000]
    assert "5 more had no room in this file: export --format text has them" in page


def test_rows_and_sessions_beyond_the_limit_are_counted(cli: Cli, tmp_path: Path) -> None:
    log = LogBuilder()
    for i in range(1, 4):
        start_shell(log, i * SECOND, session=i, pid=i * 100, tty=0)
        run(log, i * SECOND, i * 100 + 1, "ls", session=i)
    log.save(tmp_path / "s.ebpfaudit")
    with mock.patch.object(document, "_MAX_SESSIONS", 2), mock.patch.object(document, "_MAX_ROWS", 3):
        page = report(cli, tmp_path / "s.ebpfaudit")
    assert "1 more had no room" in page
    assert "1 more sessions had no room" in page


def test_stretches_stay_few_and_lose_nothing() -> None:
    busy = Busy()
    for at in range(0, 1_000_000, 7):
        busy.add(at, 1)
    stretches = busy.stretches()
    assert len(stretches) <= 4096
    assert sum(size for _, size in stretches) == len(range(0, 1_000_000, 7))


def test_the_player_is_the_one_whose_checksums_are_kept() -> None:
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=PLAYER, check=True)
    for name in ("asciinema-player.min.js", "asciinema-player.css"):
        text = (PLAYER / name).read_text("utf-8").lower()
        assert "</script" not in text
        assert "<!--" not in text
        assert "</style" not in text


def test_who_it_was_and_what_to_be_wary_of_come_first(cli: Cli, tmp_path: Path) -> None:
    log = start_shell(LogBuilder()).add("tty_out", SECOND, data=b"\x1b]52;c;cm0=\x07").save(tmp_path / "s.ebpfaudit")
    person = Person("<b>alice</b>", source_ips=("203.0.113.9",))
    identity = Identity("certain", "the only one", (Asked("id-1", person, 0),))
    with opened(log) as recording:
        found = recording.parts[0].log
        kept.save(log, found.header, found.end, kept.Kept({1: identity}))
    page = report(cli, log)
    assert "<dt>User</dt><dd>&lt;b&gt;alice&lt;/b&gt; from 203.0.113.9, certain</dd>" in page
    warning = "its output sets or reads the clipboard"
    assert page.index(f"session 1: {warning}") < page.index('id="session-1"') < page.index(f"!! warning: {warning}")
